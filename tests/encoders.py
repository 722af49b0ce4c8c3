"""A tiny encoder with random weights, and a drawn corpus of several families and sources to fit heads on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModel

from core.corpus import manifest
from core.detectors.encoder_weights import PREFIX

SIDE = 32
SIZE = 64

HEAD_RECIPE = """
name = "tiny-head"
summary = "A head small enough for a test."
seed = 3
folds = 2
balance = "class"

[preprocessing]
uniform_side = 48
short_side = 32
window = 32
windows = 2

[head]
"""

HEADS = {
    "svm": 'family = "svm"\nc = 3.0\n',
    "logistic-regression": 'family = "logistic-regression"\nc = 0.1\n',
    "random-forest": 'family = "random-forest"\ntrees = 10\nmin_samples_leaf = 2\n',
    "decision-tree": 'family = "decision-tree"\nmin_samples_leaf = 2\n',
    "knn": 'family = "knn"\nk = 4\n',
}


def save_tiny_encoder(path: Path, seed: int = 0) -> None:
    """Write weights of a two-layer vision transformer for pictures of `SIDE` pixels, under official names."""
    torch.manual_seed(seed)
    config = CLIPVisionConfig(
        hidden_size=SIZE,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=1,
        image_size=SIDE,
        patch_size=8,
        hidden_act="quick_gelu",
    )
    state = CLIPVisionModel(config).state_dict()
    save_file({PREFIX + name: value.contiguous() for name, value in state.items()}, path)


@dataclass(frozen=True)
class Studio:
    """A folder with a corpus, and the recipe of each family of heads."""

    folder: Path
    manifest: Path
    recipes: dict[str, Path]


def build_studio(folder: Path, drawings) -> Studio:
    """Draw a corpus: people paint in full tones, generators in pale ones; three families and sources each."""
    rows = []
    for split, count in {"train": 24, "val": 12, "test": 6, "ood": 6}.items():
        for number in range(count):
            for label in ("human", "ai"):
                seed = len(rows)
                picture = drawings.painting((64, 48), seed)
                if label == "ai":
                    picture = picture.point(lambda value: 128 + value // 2)
                data = drawings.file(picture, "JPEG", quality=82)
                rows.append(row(data, split, label, number % 3))
                path = folder / "images" / rows[-1]["sha256"][:2] / f"{rows[-1]['sha256']}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
    written = manifest.write(pd.DataFrame(rows), folder / "manifest.csv")
    recipes = {}
    for family, head in HEADS.items():
        recipes[family] = folder / f"{family}.toml"
        recipes[family].write_text(HEAD_RECIPE + head)
    return Studio(folder, written.path, recipes)


def row(data: bytes, split: str, label: str, group: int) -> dict[str, object]:
    """Return the manifest's row of a drawn picture; `group` names its source and, if generated, its family."""
    sha256 = hashlib.sha256(data).hexdigest()
    return {
        "sha256": sha256,
        "split": split,
        "label": label,
        "generator": f"pale-{group}" if label == "ai" else "",
        "family": f"pale-{group}" if label == "ai" else "",
        "medium": "oil" if label == "human" else "",
        "source": f"folder:{label}-{group}",
        "commit": "",
        "source_path": f"{sha256}.jpg",
        "crop": "",
        "license": "CC0-1.0",
        "attestation": "drawn for a test",
        "width": 64,
        "height": 48,
        "original_format": "JPEG",
        "original_sha256": sha256,
    }
