"""Peak memory of fitting each classical model on the pixels of 3 000 drawn pictures, each in its own process.

Usage: PYTHONPATH=. python benchmarks/classical_memory.py [--images 3000] [--recipe NAME ...] [--patience SECONDS]

What a tree adds to its pixels while it grows are nodes, at most two a picture: its peak stands when the first is split.
With `--patience` a fit that takes longer is ended and the peak until then is told.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import threading
import time

import numpy as np
import pandas as pd

from core.detectors.features import PixelFeatures
from core.training.heads import fit_head
from core.training.recipe import HeadRecipe, load_recipe

RECIPES = ("pixel-svm", "pixel-knn", "pixel-decision-tree", "pixel-random-forest")
COARSE = 12
"""A drawn picture is this many blocks wide, with noise on top."""

PEAK_A_GIGABYTE = 1e9 if sys.platform == "darwin" else 1e6
LIMIT = 4.0
"""What the peak must stay under, in gigabytes."""


def draw_pixels(images: int, side: int) -> np.ndarray:
    """Draw pictures of coloured blocks with noise: uint8 `[images, side * side * 3]`; every other one is paler."""
    chance = np.random.default_rng(0)
    pixels = np.empty((images, side * side * 3), np.uint8)
    for number in range(images):
        blocks = chance.integers(0, 200, (COARSE, COARSE, 3))
        picture = blocks.repeat(side // COARSE, axis=0).repeat(side // COARSE, axis=1)
        noisy = picture + chance.integers(0, 20, picture.shape) + 10 * (number % 2)
        pixels[number] = noisy.astype(np.uint8).ravel()
    return pixels


def fit(recipe: HeadRecipe, images: int, patience: float | None) -> None:
    """Fit one recipe on drawn pixels and print the seconds and the peak memory of this process, then or when ended."""
    if not isinstance(recipe.features, PixelFeatures):
        sys.exit(f"{recipe.name} is not fitted on pixels; name one of {', '.join(RECIPES)}.")
    pixels = draw_pixels(images, recipe.features.side)
    frame = pd.DataFrame({"label": ["human", "ai"] * (images // 2), "source": "drawn"})
    start = time.perf_counter()

    def tell(how: str) -> None:
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / PEAK_A_GIGABYTE
        print(
            f"{recipe.name}: {images} images {how} {seconds:.0f} s, peak memory {peak:.2f} GB (limit {LIMIT} GB)",
            flush=True,
        )

    def give_up() -> None:
        tell("not yet fitted after")
        os._exit(0)

    if patience:
        clock = threading.Timer(patience, give_up)
        clock.daemon = True
        clock.start()
    fit_head(recipe, pixels, frame)
    tell("in")


def main() -> None:
    """Start one process per recipe, so that each tells its own peak."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--recipe", action="append")
    parser.add_argument("--patience", type=float, help="seconds a fit may take")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    for name in options.recipe or RECIPES:
        if options.child:
            fit(load_recipe(name), options.images, options.patience)
        else:
            command = [sys.executable, __file__, "--images", str(options.images), "--recipe", name, "--child"]
            command += ["--patience", str(options.patience)] if options.patience else []
            subprocess.run(command, check=True)  # noqa: S603  (its own program)


if __name__ == "__main__":
    main()
