"""Speed and start of audits, each beside something run in the same go.

Usage: PYTHONPATH=. python benchmarks/audit_speed.py [--images 48] [--rounds 5] [--val 48] [--fast resnet18-finetune]

1. An audit of drawn JPEGs of 1 024 px with the fast model, against the naive loop of `speed.py` with a
   ResNet-18 in float32. The models are loaded before; the audit's plan, database and result
   files are in its time.
2. Audits of pictures of `val` with `cascade` and with `verso`.
3. The time to the first verdict of a fresh process, part by part.
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
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from speed import naive_loop
from sqlalchemy import URL

from core import images
from core.audit import lifecycle
from core.audit.lifecycle import Order, carry_out
from core.audit.model import load_model
from core.audit.store.audits import AuditStore
from core.corpus import manifest
from core.corpus.cache import ImageCache
from core.detectors.cascade import CascadeDetector
from core.errors import VersoError

SIDE = 1024
MANIFEST = Path("data/manifest.csv")
COLD_START = Path(__file__).with_name("cold_start.py")
LOADS = 3
"""Cold starts, of which the median is printed."""

Work = Callable[[], None]


def draw_files(folder: Path, count: int, side: int) -> None:
    """Draw JPEG files of smooth colours and grain, all different."""
    folder.mkdir()
    chance = np.random.default_rng(0)
    for number in range(count):
        coarse = Image.fromarray(chance.integers(0, 256, (12, 12, 3), dtype=np.uint8))
        picture = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC))
        noisy = np.clip(picture + chance.normal(0, 12, (side, side, 1)), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / f"{number:05}.jpg", quality=90)


def audit(folder: Path, model: str, scratch: Path) -> Work:
    """Return a whole audit of a folder by a model that is loaded already."""
    loaded = load_model(model)

    def run() -> None:
        lifecycle.load_model = lambda _: loaded
        with tempfile.TemporaryDirectory(dir=scratch) as place:
            at = Path(place)
            with AuditStore.open(URL.create("sqlite", database=str(at / "audits.db"))) as store:
                carry_out(Order((folder,), at / "out", model), store)

    return run


def seconds(work: Work) -> float:
    """Time one run."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(slow: Work, fast: Work, names: tuple[str, str], count: int, rounds: int) -> None:
    """Alternate two runs after a warm-up, and print their median speeds and the median ratio."""
    slow(), fast()
    pairs = [(seconds(slow), seconds(fast)) for _ in range(rounds)]
    for name, times in zip(names, zip(*pairs, strict=True), strict=True):
        print(f"  {name:32} {count / statistics.median(times):7.2f} images/s")
    ratios = sorted(one / other for one, other in pairs)
    print(
        f"  ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f} in {rounds} alternating rounds)"
    )


def lay_val(folder: Path, count: int) -> int:
    """Copy pictures of `val`, the same ones each time, into a folder; return how many are on this computer."""
    frame = manifest.read(MANIFEST).frame
    hashes = frame.loc[frame["split"] == "val", "sha256"].sample(frac=1, random_state=0)
    found = [path for path in map(ImageCache.default(MANIFEST).find, hashes) if path][:count]
    folder.mkdir()
    for path in found:
        shutil.copy(path, folder)
    return len(found)


def passed_on(folder: Path) -> float:
    """Return the share of a folder that the cascade asks its thorough model about."""
    detector = load_model("cascade")[0]
    if not isinstance(detector, CascadeDetector):
        raise SystemExit("models/cascade is no cascade: make it with `python -m core cascade`.")
    asked = [detector.judged([images.open(path)])[1][0] for path in sorted(folder.iterdir())]
    return float(np.mean(asked))


def cold_start(model: str, pictures: Path, scratch: Path) -> dict[str, float]:
    """Audit a folder in a fresh process, and return what it prints of itself."""
    with tempfile.TemporaryDirectory(dir=scratch) as place:
        answer = subprocess.run(  # noqa: S603  (this repository, this interpreter)
            [sys.executable, COLD_START, model, pictures, Path(place) / "out"],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    parts: dict[str, float] = json.loads(answer.stdout)
    return parts


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name, default in (("images", 48), ("rounds", 5), ("val", 48)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--fast", default="resnet18-finetune")
    given = parser.parse_args()
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {torch.get_num_threads()} threads of torch"
    )
    with tempfile.TemporaryDirectory() as place:
        scratch = Path(place)
        drawn = scratch / "drawn"
        draw_files(drawn, given.images, SIDE)

        print(f"Audit against a naive loop, {given.images} JPEGs of {SIDE} px:", flush=True)
        names = ("naive ResNet-18", f"audit with {given.fast}")
        compare(
            naive_loop(sorted(drawn.iterdir())),
            audit(drawn, given.fast, scratch),
            names,
            given.images,
            given.rounds,
        )

        val = scratch / "val"
        count = lay_val(val, given.val)
        if count:
            print(
                f"cascade against verso, {count} pictures of val, {passed_on(val):.0%} passed on:", flush=True
            )
            slow, fast = audit(val, "verso", scratch), audit(val, "cascade", scratch)
            compare(slow, fast, ("audit with verso", "audit with cascade"), count, given.rounds)
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
