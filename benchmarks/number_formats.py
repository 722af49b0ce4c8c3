"""How far `p_ai` in the number format of this machine lies from `p_ai` in float32, on works of `val`.

Usage: PYTHONPATH=. python benchmarks/number_formats.py [--model NAME ...] [--images 673]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from core import images
from core.corpus import manifest
from core.corpus.cache import ImageCache
from core.detectors.precision import BF16_TOLERANCE, Compute, best_compute
from core.detectors.store import load_detector
from core.verdict import decide

MANIFEST = Path("data/manifest.csv")
BATCH = 16


def judged(model: str, compute: Compute, paths: list[Path]) -> NDArray[np.floating]:
    """Return `p_ai` of the works in `paths`: `[N]`."""
    detector = load_detector(model, compute)
    batches = (paths[start : start + BATCH] for start in range(0, len(paths), BATCH))
    return np.concatenate([detector.predict([images.open(path) for path in batch]) for batch in batches])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", nargs="+", default=["verso", "verso-fast", "resnet18-finetune"])
    parser.add_argument("--images", type=int, default=673)
    given = parser.parse_args()
    frame = manifest.read(MANIFEST).frame
    works = frame.loc[frame["split"] == "val", "sha256"].sample(frac=1, random_state=1)[: given.images]
    paths = list(ImageCache.default(MANIFEST).paths(works))
    here = best_compute()
    exact = Compute(here.device, torch.float32)
    for model in given.model:
        band = load_detector(model, here).card.band
        one, other = judged(model, here, paths), judged(model, exact, paths)
        moved = np.abs(one - other)
        changed = sum(
            decide(float(p), band, "").label != decide(float(q), band, "").label
            for p, q in zip(one, other, strict=True)
        )
        print(
            f"{model}, {len(paths)} works of val, {here} and {exact}: p_ai differs by {np.median(moved):.4f} in the "
            f"median, {np.quantile(moved, 0.99):.4f} at the 99th percentile, {moved.max():.4f} at most; "
            f"{np.sum(moved > BF16_TOLERANCE)} works beyond {BF16_TOLERANCE}, {changed} other verdicts",
            flush=True,
        )


if __name__ == "__main__":
    main()
