"""Small pictures for audits whose files matter and whose verdicts do not."""

from pathlib import Path

import numpy as np
from PIL import Image


def draw_small(folder: Path, count: int, size: tuple[int, int]) -> list[Path]:
    """Draw JPEG files of smooth colours, all different; `size` is their width and height in pixels."""
    chance = np.random.default_rng(0)
    paths = [folder / f"{number:06}.jpg" for number in range(count)]
    for path in paths:
        coarse = Image.fromarray(chance.integers(0, 256, (6, 8, 3), dtype=np.uint8))
        coarse.resize(size, Image.Resampling.BICUBIC).save(path)
    return paths
