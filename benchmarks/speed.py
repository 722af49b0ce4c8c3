"""Images per second of a detector against the naive loop most tutorials show, in the same run.

Usage: python benchmarks/speed.py [--images 48] [--rounds 5] [--model NAME]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision import transforms
from torchvision.models import resnet18

from core import images
from core.detectors.store import load_detector

BATCH = 32
SIDE = 1024


def draw_files(folder: Path, count: int) -> list[Path]:
    """Draw JPEG files of 1 024 x 1 024 pixels with smooth and with busy parts."""
    chance = np.random.default_rng(0)
    paths = []
    for number in range(count):
        coarse = Image.fromarray(chance.integers(0, 256, (24, 24, 3), dtype=np.uint8))
        picture = coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        grain = chance.normal(0, 12, (SIDE, SIDE, 1))
        noisy = np.clip(np.asarray(picture) + grain, 0, 255).astype(np.uint8)
        paths.append(folder / f"{number}.jpg")
        Image.fromarray(noisy).save(paths[-1], quality=90)
    return paths


def naive_loop(paths: list[Path]) -> Callable[[], None]:
    """Return the loop of BENCHMARK: PIL, Resize, CenterCrop, ToTensor, Normalize, float32 ResNet-18."""
    network = resnet18().eval()
    prepare = transforms.Compose(
        [
            transforms.Resize(256),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )

    def run() -> None:
        with torch.no_grad():
            for start in range(0, len(paths), BATCH):
                batch = [prepare(Image.open(path).convert("RGB")) for path in paths[start : start + BATCH]]
                network(torch.stack(batch)).softmax(dim=1)

    return run


def detector_loop(paths: list[Path], model: str | None) -> Callable[[], None]:
    """Return Verso's own path: the door, the card's preprocessing, the network, calibration."""
    detector = load_detector(model)

    def run() -> None:
        for start in range(0, len(paths), BATCH):
            detector.predict([images.open(path) for path in paths[start : start + BATCH]])

    return run


def seconds(run: Callable[[], None]) -> float:
    """Time one run."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main() -> None:
    """Alternate the two loops after a warm-up and print the median speeds and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = draw_files(Path(folder), options.images)
        naive, verso = naive_loop(paths), detector_loop(paths, options.model)
        naive(), verso()
        pairs = [(seconds(naive), seconds(verso)) for _ in range(options.rounds)]
    slow, fast = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = statistics.median(naive_time / verso_time for naive_time, verso_time in pairs)
    print(f"naive loop: {options.images / slow:.1f} images/s")
    print(f"detector:   {options.images / fast:.1f} images/s")
    print(f"ratio:      {ratio:.2f} (median of {options.rounds} alternating rounds)")


if __name__ == "__main__":
    main()
