"""Augmented views of a corpus: its pictures as they might reach an analyst, embedded to fit heads on.

A view is a function of the recipe's seed, its augmentation steps, the number of the view and the sha256 of the
picture's file alone: in another order, or in another corpus, the same picture gives the same view.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from PIL import Image
from pydantic import TypeAdapter
from torch import Tensor
from torchvision.transforms.v2 import functional as F  # noqa: N812  (torchvision's own convention)

from core.corpus.cache import ImageCache
from core.detectors.embeddings import EmbeddingMemory, Embeddings
from core.detectors.preprocessing import Preprocessing
from core.training.augmentation import Augmentation, altered
from core.training.recipe import HeadRecipe

Steps = tuple[Augmentation, ...]

_STEPS = TypeAdapter(Steps)


def view_key(sha256: str, steps: Steps, seed: int, number: int) -> str:
    """Return what tells a view apart in an `EmbeddingMemory`: `<sha256>:<digest of seed and steps>:<number>`."""
    declared = f"{seed}:".encode() + _STEPS.dump_json(steps)
    return f"{sha256}:{hashlib.sha256(declared).hexdigest()[:16]}:{number}"


def augmented(
    picture: Image.Image, sha256: str, preprocessing: Preprocessing, steps: Steps, seed: int, number: int
) -> Tensor:
    """Make one view of a picture: float32 `[1, 3, H, W]`, normalised as `preprocessing` says.

    Args:
        picture: RGB.
        sha256: of its file.
        preprocessing: makes the uniform copy and normalises; the steps stand in for its windows.
        steps: applied in order to the uniform copy.
        seed: of the recipe.
        number: of the view, counted from 1.
    """
    pixels = F.pil_to_tensor(preprocessing.uniform(picture))
    return preprocessing.normalize(altered(pixels, steps, view_seed(sha256, seed, number)))[None]


def view_seed(sha256: str, seed: int, number: int) -> int:
    """Return the seed of a view's random numbers, in [0, 2**63)."""
    digest = hashlib.sha256(f"{seed}:{number}:{sha256}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def embed_augmented(
    memory: EmbeddingMemory,
    hashes: Sequence[str],
    files: ImageCache,
    recipe: HeadRecipe,
    number: int,
    taps: tuple[str, ...],
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
) -> Embeddings:
    """Embed one augmented view of each picture, remembering it like `EmbeddingMemory.embed_files`.

    Args:
        memory: embeds and remembers.
        hashes: sha256 of each picture's file `[N]`.
        files: where they lie.
        recipe: says how pictures are preprocessed and augmented, and with which seed.
        number: of the view, counted from 1.
        taps: which to return.
        progress: told (views embedded, views in all).

    Returns:
        float32 `[N, len(taps) * size]`.
    """
    steps, seed = recipe.augmentation, recipe.seed
    return memory.embed_views(
        [view_key(sha256, steps, seed, number) for sha256 in hashes],
        hashes,
        files,
        recipe.preprocessing,
        lambda picture, sha256: augmented(picture, sha256, recipe.preprocessing, steps, seed, number),
        progress=progress,
        taps=taps,
    )
