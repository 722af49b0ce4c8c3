"""A tiny encoder with random weights, and a drawn corpus of several families and sources to fit heads on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModel

from core.detectors.encoder_weights import PREFIX
from tests.corpora import write_corpus

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
windows = {windows}

[features]
{features}

[head]
family = {head}
"""

HEADS = {
    "svm": '"svm"\nc = 3.0\n',
    "logistic-regression": '"logistic-regression"\nc = 0.1\n',
    "random-forest": '"random-forest"\ntrees = 10\nmin_samples_leaf = 2\n',
    "decision-tree": '"decision-tree"\nmin_samples_leaf = 2\n',
    "knn": '"knn"\nk = 4\n',
    "gradient-boosting": '"gradient-boosting"\ntrees = 20\nrate = 0.2\nleaves = 4\nmin_samples_leaf = 2\n',
}
EMBEDDINGS = 'kind = "embedding"\ntaps = ["patches-1", "pooled"]'
PIXELS = 'kind = "pixels"\nside = 32'
FORENSIC = 'kind = "forensic"'


def head_recipes() -> dict[str, str]:
    """Return recipes by name: that of the family on embeddings, or pixel- or forensic- and the family."""
    on = {"": (EMBEDDINGS, 2, HEADS)}
    on["pixel-"] = (PIXELS, 1, ("svm", "knn", "decision-tree", "random-forest"))
    on["forensic-"] = (FORENSIC, 1, ("gradient-boosting",))
    return {
        kind + family: HEAD_RECIPE.format(windows=windows, features=features, head=HEADS[family])
        for kind, (features, windows, families) in on.items()
        for family in families
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
    """A folder with a corpus, and recipes of heads by name, see `head_recipes`."""

    folder: Path
    manifest: Path
    recipes: dict[str, Path]


def build_studio(folder: Path, drawings) -> Studio:
    """Draw a corpus: people paint in full tones, generators in pale ones; three families and sources each."""
    counts = {"train": 24, "val": 12, "test": 6, "ood": 6}
    listed = write_corpus(
        folder,
        drawings,
        counts,
        lambda picture: picture.point(lambda value: 128 + value // 2),
        [f"pale-{number}" for number in range(3)],
    )
    recipes = {}
    for name, text in head_recipes().items():
        recipes[name] = folder / f"{name}.toml"
        recipes[name].write_text(text)
    return Studio(folder, listed, recipes)
