"""Short training runs on the drawn corpus, without the command line."""

from __future__ import annotations

import tomllib
from pathlib import Path
from unittest import mock

import torch

from core.corpus import manifest
from core.corpus.cache import ImageCache
from core.detectors.precision import Compute
from core.training import fit as fitting
from core.training.checkpoint import Run
from core.training.data import Example
from core.training.fit import Fitted, Progress, Workplace, fit
from core.training.initial import initial_network
from core.training.recipe import Recipe
from tests.models import RECIPE, Workshop

FLOAT32 = Compute(torch.device("cpu"), torch.float32)


class StoppedError(Exception):
    """Ends a run after an epoch, as a power cut would."""


def small_recipe(*stages: tuple[int, str], **changes: object) -> Recipe:
    """Return the tiny recipe with RMSprop, a rate that falls after every epoch, and other stages."""
    declared = tomllib.loads(RECIPE)
    declared["optimiser"] = {"name": "rmsprop", "lr": 1e-3, "momentum": 0.0}
    declared["schedule"] = {"name": "step", "epochs": 1, "gamma": 0.5}
    declared["stages"] = [{"epochs": epochs, "trains": trains} for epochs, trains in stages]
    return Recipe.model_validate(declared | changes)


def examples(workshop: Workshop, split: str) -> list[Example]:
    """Return the drawn images of a split."""
    rows = manifest.read(workshop.manifest).frame
    rows = rows[rows["split"] == split]
    paths = ImageCache.default(workshop.manifest).paths(rows["sha256"])
    return [Example(*each) for each in zip(paths, rows["label"], range(len(rows)), strict=True)]


def fitted(
    workshop: Workshop,
    recipe: Recipe,
    folder: Path,
    *,
    memory: Path | None = None,
    part: slice = slice(None),
    course: object = None,
    stop_after: int | None = None,
) -> Fitted:
    """Train in `folder`, or go on there, on `part` of the drawn images.

    `stop_after` raises `StoppedError` once that epoch is saved.
    """

    def stop(result: object) -> None:
        if result.epoch == stop_after:
            raise StoppedError

    folder.mkdir(exist_ok=True)
    network, _, digest = initial_network(workshop.init, recipe)
    with mock.patch.object(fitting, "CHECKPOINT_AFTER", 0):
        return fit(
            network,
            recipe,
            examples(workshop, "train")[part],
            examples(workshop, "val"),
            run=Run.of(recipe, "drawn", digest),
            at=Workplace(folder, FLOAT32, memory=memory),
            course=course,
            progress=Progress(epoch=stop),
        )
