"""Images per second of whole audits, of the naive loop most tutorials show and of the published peers, in the same run.

Usage: python -m core bench [--images 200] [--rounds 5] [--fast MODEL] [--peers]

All judge the same drawn JPEGs of 1 024 px, in alternating rounds after a warm-up. Models are loaded before; an
audit's plan, database, result files and reports are in its time.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import torch
from peers import PEERS, started
from PIL import Image
from sqlalchemy import URL
from torchvision import transforms
from torchvision.models import ResNet, resnet18

from core.audit import lifecycle
from core.audit.lifecycle import Order, carry_out
from core.audit.model import load_model
from core.audit.store.audits import AuditStore
from core.detectors.store import DEFAULT_MODEL, FALLBACK_MODEL
from core.errors import VersoError

BATCH = 32
SIDE = 1024
NAIVE = "naive ResNet-18"

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


def naive_network() -> tuple[ResNet, transforms.Compose]:
    """Return what most tutorials show: a float32 ResNet-18, and what prepares a picture for it."""
    prepare = transforms.Compose(
        [
            transforms.Resize(256),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    return resnet18().eval(), prepare


def naive_loop(paths: list[Path]) -> Work:
    """Return the loop of BENCHMARK: PIL, Resize, CenterCrop, ToTensor, Normalize, float32 ResNet-18."""
    network, prepare = naive_network()

    def run() -> None:
        with torch.no_grad():
            for start in range(0, len(paths), BATCH):
                batch = [prepare(Image.open(path).convert("RGB")) for path in paths[start : start + BATCH]]
                network(torch.stack(batch)).softmax(dim=1)

    return run


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


def seconds(run: Work) -> float:
    """Time one run."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def compare(contenders: dict[str, Callable[[], float]], count: int, rounds: int) -> dict[str, list[float]]:
    """Alternate contenders after a warm-up, print their median speeds, and return their seconds in each round.

    Args:
        contenders: by name, what lets one judge `count` pictures once and returns the seconds it took.
        count: pictures.
        rounds: of all contenders.
    """
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, run in contenders.items():
            print(f"\r  round {number} of {rounds}: {name:40}", end="", flush=True)
            taken[name].append(run())
    print("\r", end="")
    for name, times in taken.items():
        print(f"  {name:40} {count / statistics.median(times[1:]):7.2f} images/s")
    return {name: times[1:] for name, times in taken.items()}


def print_ratio(taken: dict[str, list[float]], fast: str, slow: str) -> None:
    """Print how many times as fast one contender is as another: the median of the rounds, and their range."""
    ratios = sorted(one / other for one, other in zip(taken[slow], taken[fast], strict=True))
    print(
        f"  {fast} / {slow}: {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f} in {len(ratios)} rounds)"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for option, default in (("images", 200), ("rounds", 5)):
        parser.add_argument(f"--{option}", type=int, default=default)
    parser.add_argument("--fast", default=FALLBACK_MODEL)
    parser.add_argument("--peers", action="store_true")
    given = parser.parse_args()
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        drawn = scratch / "drawn"
        draw_files(drawn, given.images, SIDE)
        models = [given.fast, DEFAULT_MODEL] if given.peers else [given.fast]
        contenders = {NAIVE: partial(seconds, naive_loop(sorted(drawn.iterdir())))}
        contenders |= {model: partial(seconds, audit(drawn, model, scratch)) for model in models}
        if given.peers:
            for name in PEERS:
                contenders[name] = partial(stack.enter_context(started(name)).seconds, drawn)
        print(
            f"{given.images} JPEGs of {SIDE} px, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, "
            f"{torch.get_num_threads()} threads of torch:",
            flush=True,
        )
        taken = compare(contenders, given.images, given.rounds)
        print_ratio(taken, given.fast, NAIVE)
        for model in models if given.peers else ():
            for name in PEERS:
                print_ratio(taken, model, name)


if __name__ == "__main__":
    try:
        main()
    except VersoError as error:
        raise SystemExit(str(error)) from error
