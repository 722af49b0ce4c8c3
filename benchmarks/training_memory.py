"""Training steps of ResNet-18 with memory kept between them, against the C library's default.

Usage: PYTHONPATH=. python benchmarks/training_memory.py [--steps 6] [--rounds 3]

Each round runs both in fresh processes, one after the other, on noise in batches as `verso-fast` is taught with.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

import torch
from torch import nn
from torchvision.models import resnet18

from core.detectors.precision import best_compute
from core.training.memory import keep_freed_memory

BATCH, SIDE = 128, 176


def steps_a_second(count: int) -> float:
    """Train on noise; the first step is not counted."""
    compute = best_compute()
    network = resnet18(num_classes=2).to(compute.device, memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters())
    pictures = torch.randn(BATCH, 3, SIDE, SIDE).to(memory_format=torch.channels_last)
    truth = torch.randint(2, [BATCH])
    begun = 0.0
    for step in range(count + 1):
        if step == 1:
            begun = time.perf_counter()
        optimiser.zero_grad(set_to_none=True)
        with compute.autocast:
            scores = network(pictures)
        nn.functional.cross_entropy(scores.float(), truth).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return count / (time.perf_counter() - begun)


def in_fresh_process(count: int, *extra: str) -> float:
    """Return the steps a second of a process of its own."""
    command = [sys.executable, __file__, "--steps", str(count), "--one", *extra]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603


def main() -> None:
    """Print the ratio, median and range over the rounds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--keep", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        if given.keep:
            keep_freed_memory()
        print(steps_a_second(given.steps))
        return
    ratios = []
    for _ in range(given.rounds):
        default, kept = in_fresh_process(given.steps), in_fresh_process(given.steps, "--keep")
        print(f"{kept:.2f} steps a second with memory kept, {default:.2f} by default")
        ratios.append(kept / default)
    print(f"{statistics.median(ratios):.2f} times as fast ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
