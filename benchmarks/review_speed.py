"""Time of one review with Grad-CAM, against the Grad-CAM that most tutorials show, in the same run.

Usage: PYTHONPATH=. python benchmarks/review_speed.py [--images 10] [--rounds 5] [--models verso-fast verso]

A review reads a JPEG of 1 024 px through the door, looks for evidence, judges, follows the gradients and lays the map
over the picture: all that the page Review asks `core` for. Models are loaded before.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from functools import partial
from pathlib import Path

import torch
from captum.attr import LayerAttribution, LayerGradCam
from PIL import Image
from speed import SIDE, Work, compare, draw_files, naive_network, print_ratio, seconds

from core import images
from core.detectors.card import CLASSES
from core.detectors.judging import judge
from core.detectors.store import load_detector
from core.errors import VersoError
from core.explain import MAX_SIDE, grad_cam, overlay
from core.provenance.readers import evidence_of

NAIVE = "naive Grad-CAM of a ResNet-18"
TARGET = "ai"
OPACITY = 0.5


def review(paths: list[Path], model: str) -> Work:
    """Return the reviews of pictures, one after the other, by a model that is loaded already."""
    detector = load_detector(model)

    def run() -> None:
        for path in paths:
            artwork = images.open(path)
            evidence_of(artwork)
            judge(detector, [artwork])
            overlay(artwork.preview(MAX_SIDE), grad_cam(detector, artwork, TARGET), OPACITY)

    return run


def naive_review(paths: list[Path]) -> Work:
    """Return the same of tutorials: float32, the map as large as the network's input, blended with it."""
    network, prepare = naive_network()
    method = LayerGradCam(network, network.layer4)

    def run() -> None:
        for path in paths:
            tensor = prepare(Image.open(path).convert("RGB"))[None]
            with torch.no_grad():
                network(tensor).softmax(dim=1)
            found = method.attribute(tensor, target=CLASSES.index(TARGET), relu_attributions=True)
            heat = LayerAttribution.interpolate(found, tensor.shape[-2:], "bilinear")
            shown = tensor - tensor.min() + heat / heat.max().clamp(min=1e-9)
            Image.fromarray((255 * shown / shown.max())[0].byte().permute(1, 2, 0).detach().numpy())

    return run


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for option, default in (("images", 10), ("rounds", 5)):
        parser.add_argument(f"--{option}", type=int, default=default)
    parser.add_argument("--models", nargs="+", default=["verso-fast", "verso"])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        drawn = Path(place) / "drawn"
        draw_files(drawn, given.images, SIDE)
        paths = sorted(drawn.iterdir())
        contenders = {NAIVE: partial(seconds, naive_review(paths))}
        contenders |= {model: partial(seconds, review(paths, model)) for model in given.models}
        print(
            f"{given.images} reviews of JPEGs of {SIDE} px, {os.cpu_count()} cores, "
            f"{torch.get_num_threads()} threads of torch:",
            flush=True,
        )
        taken = compare(contenders, given.images, given.rounds)
        for model in given.models:
            print(f"  {model}: {statistics.median(taken[model]) / given.images:.2f} s a review")
            print_ratio(taken, model, NAIVE)


if __name__ == "__main__":
    try:
        main()
    except VersoError as error:
        raise SystemExit(str(error)) from error
