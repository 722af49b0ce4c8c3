"""What decoding JPEGs at a reduced scale (`enough` of `images.open`) gains, and what it does to `p_ai`, on `val`.

Usage: PYTHONPATH=. python benchmarks/scaled_decoding.py [--model resnet18-finetune] [--images 100] [--sides 1024 4000]

Two kinds of picture of each side: works enlarged to it, which hold no detail of their own, and mosaics of works of one
label at their own size, which are as full of detail as a picture can be. The decoder may go down to twice the uniform
side, to the side that the model's card allows, or to the uniform side itself. Times are CPU time of the door and the uniform copy.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from core import images
from core.corpus import manifest
from core.corpus.cache import ImageCache
from core.detectors.precision import BF16_TOLERANCE, one_core_a_pass
from core.detectors.protocol import Detector
from core.detectors.store import load_detector
from core.errors import VersoError
from core.usage import USUAL_MANIFEST
from core.verdict import decide

MANIFEST = Path(USUAL_MANIFEST)
QUALITY = 90

Picture = Callable[[int], bytes]


def works(label: str) -> list[Path]:
    """Return the files of the works of `val` of one label, the same order each time."""
    frame = manifest.read(MANIFEST).frame
    chosen = frame.loc[(frame["split"] == "val") & (frame["label"] == label), "sha256"]
    return ImageCache.default(MANIFEST).paths(chosen.sample(frac=1, random_state=1))


def enlarged(path: Path, side: int) -> bytes:
    """Return a work as a JPEG whose short side is `side` pixels."""
    picture = images.open(path).image
    scale = side / min(picture.size)
    size = round(picture.width * scale), round(picture.height * scale)
    return images.encode_jpeg(picture.resize(size, Image.Resampling.LANCZOS), QUALITY)


def mosaic(paths: list[Path], start: int, side: int) -> bytes:
    """Return a square of works at their own size, from number `start` on, as a JPEG of `side` pixels."""
    tile = 352
    picture = Image.new("RGB", (side, side))
    corners = itertools.product(range(0, side, tile), repeat=2)
    for corner, path in zip(corners, itertools.islice(itertools.cycle(paths), start, None), strict=False):
        picture.paste(ImageOps.fit(images.open(path).image, (tile, tile)), corner)
    return images.encode_jpeg(picture, QUALITY)


def pictures(kind: str, side: int, count: int) -> Iterator[bytes]:
    """Yield JPEGs, of either label in turn."""
    for number in range(count):
        paths = works("ai" if number % 2 else "human")
        yield enlarged(paths[number // 2], side) if kind == "enlarged" else mosaic(paths, 7 * number, side)


def opened(detector: Detector, data: bytes, enough: int | None) -> tuple[images.Artwork, float]:
    """Return the artwork, and the CPU seconds it takes to get to its uniform copy."""
    begun = time.process_time()
    artwork = images.open(data, enough=enough)
    detector.card.preprocessing.uniform(artwork.image)
    return artwork, time.process_time() - begun


def measure(detector: Detector, kind: str, side: int, count: int) -> None:
    """Print what one kind of picture shows."""
    prepares = detector.card.preprocessing
    sides = sorted({prepares.ample, prepares.enough, prepares.uniform_side}, reverse=True)
    ways: dict[str, int | None] = {"whole": None, **{f"at least {each} px": each for each in sides}}
    found: dict[str, list[float]] = {name: [] for name in ways}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for data in pictures(kind, side, count):
        for name, enough in ways.items():
            artwork, seconds = opened(detector, data, enough)
            found[name].append(float(detector.predict([artwork])[0]))
            taken[name].append(seconds)
    print(f"{detector.card.name}, {count} pictures, {kind} to {side} px:", flush=True)
    band = detector.card.rule
    verdicts = {name: [decide(p, band, "").label for p in values] for name, values in found.items()}
    for name in ways:
        moved = np.abs(np.array(found[name]) - found["whole"])
        changed = sum(one != other for one, other in zip(verdicts[name], verdicts["whole"], strict=True))
        print(
            f"  {name:16} {1000 * np.median(taken[name]):6.1f} ms; p_ai moved by up to {moved.max():.4f}, 99th "
            f"percentile {np.quantile(moved, 0.99):.4f}, mean {moved.mean():.4f}, {np.sum(moved > BF16_TOLERANCE)} "
            f"beyond {BF16_TOLERANCE}; {changed} verdicts changed"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="resnet18-finetune")
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--sides", type=int, nargs="+", default=[1024, 4000])
    given = parser.parse_args()
    detector = load_detector(given.model)
    with one_core_a_pass():
        for side, kind in itertools.product(given.sides, ("enlarged", "mosaic")):
            measure(detector, kind, side, given.images)


if __name__ == "__main__":
    try:
        main()
    except VersoError as error:
        raise SystemExit(str(error)) from error
