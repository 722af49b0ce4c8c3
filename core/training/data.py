"""Feeds the training loop: reproducible order, reproducible augmentation, any number of workers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler
from torchvision.transforms.v2 import functional as F  # noqa: N812  (torchvision's own convention)

from core import images
from core.detectors.card import CLASSES
from core.training.augmentation import altered
from core.training.recipe import Recipe


@dataclass(frozen=True)
class Example:
    """One labelled image file; seed, epoch and its `number` among all a recipe learns from decide how it is altered."""

    path: Path
    label: str
    number: int

    @property
    def content(self) -> str:
        """The sha256 of the file."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    @property
    def key(self) -> str:
        """What decides, with a recipe and an epoch, how it is altered: number and content."""
        return f"{self.number}:{self.content}"


Item = tuple[Tensor, int]
"""Network input, class index; batched, both are tensors."""


class AugmentedExamples(Dataset[Item]):
    """Augmented network input; every random choice is a function of (seed, epoch, number) alone."""

    def __init__(self, examples: list[Example], recipe: Recipe) -> None:
        self.examples = examples
        self.recipe = recipe

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, key: tuple[int, int]) -> Item:
        """Return (float32 `[3, H, W]`, class index) for `key` = (epoch, index)."""
        epoch, index = key
        example = self.examples[index]
        preprocessing = self.recipe.preprocessing
        picture = F.pil_to_tensor(preprocessing.uniform(images.open(example.path).image))
        seen = as_in(epoch, picture, example, self.recipe)
        return preprocessing.normalize(seen), CLASSES.index(example.label)


def as_in(epoch: int, picture: Tensor, example: Example, recipe: Recipe) -> Tensor:
    """Alter the uint8 `[3, H, W]` picture of an example as `recipe` says for an epoch."""
    return altered(picture, recipe.augmentation, _mixed(recipe.seed, epoch, example.number))


class EpochSampler(Sampler[tuple[int, int]]):
    """Yields (epoch, index) in an order that depends on (seed, epoch) alone."""

    def __init__(self, size: int, seed: int) -> None:
        self.size = size
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.size)
        return ((self.epoch, int(index)) for index in order)


def training_batches(
    examples: list[Example], recipe: Recipe, workers: int
) -> tuple[DataLoader[Item], EpochSampler]:
    """Return the loader of training batches and the sampler whose `epoch` the loop advances.

    A last batch of a single picture is left out: batch normalisation cannot learn from one.
    """
    sampler = EpochSampler(len(examples), recipe.seed)
    loader = DataLoader(
        AugmentedExamples(examples, recipe),
        batch_size=recipe.batch_size,
        sampler=sampler,
        num_workers=workers,
        drop_last=len(examples) > recipe.batch_size and len(examples) % recipe.batch_size == 1,
        multiprocessing_context=process_context(workers),
        persistent_workers=workers > 0,
    )
    return loader, sampler


def batches_of(order: NDArray[np.intp], size: int) -> list[NDArray[np.intp]]:
    """Cut an order of pictures into batches; a last one of a single picture is left out, see `training_batches`."""
    found = [order[start : start + size] for start in range(0, len(order), size)]
    return found[:-1] if len(found) > 1 and len(found[-1]) == 1 else found


def folder_for(parts: Sequence[str]) -> str:
    """Return the name of the folder that remembers what is made of exactly these parts."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def process_context(workers: int) -> str | None:
    """How a loader starts its processes: never by a fork, which torch's threads do not survive."""
    return "spawn" if workers else None


def _mixed(*parts: int) -> int:
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> 1)
