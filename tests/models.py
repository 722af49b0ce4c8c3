"""A drawn corpus and a tiny ResNet-18 trained on it, made once for all tests that need a model."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from safetensors.torch import save_file

from core.corpus import manifest
from core.detectors.resnet import build

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
    rows = []
    number = 0
    for split, count in PER_SPLIT.items():
        for label in ("human", "ai"):
            for _ in range(count):
                number += 1
                picture = drawings.painting((64, 48), number)
                if label == "ai":
                    picture = picture.resize((8, 6)).resize((64, 48), 0)
                data = drawings.file(picture, "JPEG", quality=82)
                rows.append(_row(data, split, label, number))
                path = folder / "images" / rows[-1]["sha256"][:2] / f"{rows[-1]['sha256']}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
    written = manifest.write(pd.DataFrame(rows), folder / "manifest.csv")
    (folder / "tiny.toml").write_text(RECIPE)
    torch.manual_seed(0)
    state = {name: value for name, value in build().state_dict().items() if not name.startswith("fc.")}
    save_file(state, folder / "init.safetensors", metadata={"origin": "random numbers", "license": "none"})
    return Workshop(folder, written.path, folder / "tiny.toml", folder / "init.safetensors")


def _row(data: bytes, split: str, label: str, number: int) -> dict[str, object]:
    sha256 = hashlib.sha256(data).hexdigest()
    return {
        "sha256": sha256,
        "split": split,
        "label": label,
        "generator": "grid" if label == "ai" else "",
        "family": "grid" if label == "ai" else "",
        "medium": "oil" if label == "human" else "",
        "source": f"folder:{label}-{number % 3}",
        "commit": "",
        "source_path": f"{number}.jpg",
        "crop": "",
        "license": "CC0-1.0",
        "attestation": "drawn for a test",
        "width": 64,
        "height": 48,
        "original_format": "JPEG",
        "original_sha256": sha256,
    }
