"""Speed of audits with `cascade` against `verso`, and the start of audits; `speed.py` has the naive loop and the peers.

Usage: PYTHONPATH=. python benchmarks/audit_speed.py [--images 48] [--rounds 5] [--val 48] [--fast verso-fast]

1. Audits of pictures of `val` with `cascade`, with `verso` and with `verso-int8`.
2. The time to the first verdict of a fresh process, part by part.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch
from speed import SIDE, audit, compare, draw_files, print_ratio, seconds

from core import images
from core.audit.model import load_model
from core.corpus import manifest
from core.corpus.cache import ImageCache
from core.detectors.cascade import CascadeDetector
from core.errors import AuditError, VersoError
from core.usage import USUAL_MANIFEST

MANIFEST = Path(USUAL_MANIFEST)
COLD_START = Path(__file__).with_name("cold_start.py")
LOADS = 3
"""Cold starts, of which the median is printed."""


def lay_val(folder: Path, count: int) -> int:
    """Copy pictures of `val`, the same ones each time, into a folder; return how many are on this computer."""
    frame = manifest.read(MANIFEST).frame
    hashes = frame.loc[frame["split"] == "val", "sha256"].sample(frac=1, random_state=0)
    found = [path for path in map(ImageCache.default(MANIFEST).find, hashes) if path][:count]
    folder.mkdir()
    for path in found:
        shutil.copy(path, folder)
    return len(found)


def passed_on(folder: Path) -> str:
    """Say which share of a folder each model of the cascade after the first is asked about."""
    detector = load_model("cascade")[0]
    if not isinstance(detector, CascadeDetector):
        raise SystemExit("models/cascade is no cascade: make it with `python -m core cascade`.")
    judge = np.array([detector.judged([images.open(path)])[1][0] for path in sorted(folder.iterdir())])
    shares = (
        f"{np.mean(judge >= number):.0%} to {name}" for number, name in enumerate(detector.stages.names)
    )
    return ", ".join(list(shares)[1:])


def cold_start(model: str, pictures: Path, scratch: Path) -> dict[str, float]:
    """Audit a folder in a fresh process, and return what it prints of itself."""
    with tempfile.TemporaryDirectory(dir=scratch) as place:
        answer = subprocess.run(  # noqa: S603  (this repository, this interpreter)
            [sys.executable, COLD_START, model, pictures, Path(place) / "out"],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    if answer.returncode:
        raise AuditError(f"The audit with {model} in a fresh process failed: see above.")
    parts: dict[str, float] = json.loads(answer.stdout)
    return parts


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name, default in (("images", 48), ("rounds", 5), ("val", 48)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--fast", default="verso-fast")
    given = parser.parse_args()
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {torch.get_num_threads()} threads of torch"
    )
    with tempfile.TemporaryDirectory() as place:
        scratch = Path(place)
        drawn = scratch / "drawn"
        draw_files(drawn, given.images, SIDE)

        val = scratch / "val"
        count = lay_val(val, given.val)
        if count:
            print(f"cascade against verso, {count} pictures of val, passed on: {passed_on(val)}", flush=True)
            contenders = {
                name: partial(seconds, audit(val, name, scratch))
                for name in ("verso", "verso-int8", "cascade")
            }
            taken = compare(contenders, count, given.rounds)
            for one, other in (("cascade", "verso"), ("cascade", "verso-int8"), ("verso-int8", "verso")):
                print_ratio(taken, one, other)
        else:
            print("cascade against verso: no picture of val is on this computer")

        print(f"Time to the first verdict of a fresh process, {given.images} JPEGs, seconds:", flush=True)
        for model in (given.fast, "verso"):
            starts = [cold_start(model, drawn, scratch) for _ in range(LOADS)]
            parts = {
                name: statistics.median(start[name] for start in starts)
                for name in ("import", "model", "plan", "judge")
            }
            shown = ", ".join(f"{name} {taken:.2f}" for name, taken in parts.items())
            print(f"  {model:32} {sum(parts.values()):7.2f} = {shown}")


if __name__ == "__main__":
    try:
        main()
    except VersoError as error:
        raise SystemExit(str(error)) from error
