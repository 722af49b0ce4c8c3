"""A drawn corpus and a tiny ResNet-18 trained on it, made once for all tests that need a model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file

from core.detectors.resnet import build
from tests.corpora import SIZE, write_corpus

RECIPE = """
name = "tiny"
summary = "A recipe small enough for a test."
seed = 3
batch_size = 8

[preprocessing]
uniform_side = 48
short_side = 32
window = 32
windows = 3

[[augmentation]]
op = "random-square"
size = 32
area = [0.5, 1.0]

[[augmentation]]
op = "flip"

[[augmentation]]
op = "noise"
probability = 0.5
sigma = [1.0, 4.0]

[optimiser]
name = "adamw"
lr = 1e-3
weight_decay = 0.01

[schedule]
name = "one-cycle"
warmup = 0.3

[[stages]]
epochs = 1
trains = "head"

[[stages]]
epochs = 2
trains = "all"
"""

PER_SPLIT = {"train": 12, "val": 6, "test": 4, "ood": 4}


@dataclass(frozen=True)
class Workshop:
    """A folder with everything a training run needs."""

    folder: Path
    manifest: Path
    recipe: Path
    init: Path


def build_workshop(folder: Path, drawings) -> Workshop:
    """Draw a corpus (people paint strokes, generators paint grids) and write recipe and initial weights."""
    listed = write_corpus(
        folder, drawings, PER_SPLIT, lambda picture: picture.resize((8, 6)).resize(SIZE, 0), ["grid"] * 3
    )
    (folder / "tiny.toml").write_text(RECIPE)
    torch.manual_seed(0)
    state = {name: value for name, value in build().state_dict().items() if not name.startswith("fc.")}
    save_file(state, folder / "init.safetensors", metadata={"origin": "random numbers", "license": "none"})
    return Workshop(folder, listed, folder / "tiny.toml", folder / "init.safetensors")
