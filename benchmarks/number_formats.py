"""How far `p_ai` in the number formats of this machine lies from `p_ai` in float32, on works of `val`, and how fast they are.

Usage: PYTHONPATH=. python benchmarks/number_formats.py [--model NAME ...] [--images 673]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from core import images
from core.corpus import manifest
from core.corpus.cache import ImageCache
from core.detectors.precision import BF16_TOLERANCE, INT8_TOLERANCE, Compute, best_compute, one_core_a_pass
from core.detectors.store import load_card, load_detector
from core.errors import VersoError
from core.usage import USUAL_MANIFEST
from core.verdict import decide

MANIFEST = Path(USUAL_MANIFEST)
BATCH = 16


def judged(model: str, compute: Compute, paths: list[Path]) -> tuple[NDArray[np.floating], float]:
    """Return `p_ai` of the works in `paths`, `[N]`, and the seconds one of them takes on one core, decoded already."""
    detector = load_detector(model, compute)
    found, taken = [], 0.0
    for start in range(0, len(paths), BATCH):
        artworks = [images.open(path) for path in paths[start : start + BATCH]]
        begun = time.perf_counter()
        found.append(detector.predict(artworks))
        taken += time.perf_counter() - begun
    return np.concatenate(found), taken / len(paths)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--model", nargs="+", default=["verso", "verso-int8", "verso-fast", "resnet18-finetune"]
    )
    parser.add_argument("--images", type=int, default=673)
    given = parser.parse_args()
    frame = manifest.read(MANIFEST).frame
    works = frame.loc[frame["split"] == "val", "sha256"].sample(frac=1, random_state=1)[: given.images]
    paths = list(ImageCache.default(MANIFEST).paths(works))
    here = best_compute()
    exact = Compute(here.device, torch.float32)
    for model in given.model:
        card = load_card(model)
        band = card.rule
        accepted = INT8_TOLERANCE if here.int8 and card.in_int8 else BF16_TOLERANCE
        with one_core_a_pass():
            (one, fast), (other, slow) = judged(model, here, paths), judged(model, exact, paths)
        moved = np.abs(one - other)
        changed = sum(
            decide(float(p), band, "").label != decide(float(q), band, "").label
            for p, q in zip(one, other, strict=True)
        )
        print(
            f"{model}, {len(paths)} works of val, {here} and {exact}: p_ai differs by {np.median(moved):.4f} in the "
            f"median, {np.quantile(moved, 0.99):.4f} at the 99th percentile, {moved.max():.4f} at most; "
            f"{np.sum(moved > accepted)} works beyond {accepted}, {changed} other verdicts; a work takes "
            f"{1000 * fast:.1f} ms instead of {1000 * slow:.1f} on one core",
            flush=True,
        )


if __name__ == "__main__":
    try:
        main()
    except VersoError as error:
        raise SystemExit(str(error)) from error
