"""Remembers what a frozen body makes of the training pictures, so that its epochs take seconds.

A frozen body in evaluation mode gives each augmented picture a feature that depends on nothing but the body, the
precision, the preprocessing, the augmentation, the seed, the epoch and the picture. On disk, below the folder
`features` of the user's cache: one folder for each digest of all these but the epoch, in it one `.npy` for each
epoch, float32 `[n, 512]`: the features of the first n pictures. A file grows until it holds all of them.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision.models import ResNet

from core import images
from core.corpus import atomic
from core.detectors.bodies import body_digest
from core.detectors.precision import Compute
from core.detectors.preprocessing import Preprocessing
from core.detectors.resnet import body_of
from core.errors import TrainingError
from core.training.data import AugmentedExamples, Example, process_context
from core.training.recipe import Recipe

SAVE_EVERY = 512
"""Pictures after which the features found so far are written."""

BATCH = 32

Features = NDArray[np.float32]


def pooled(body: nn.Module, pictures: Tensor, compute: Compute) -> Tensor:
    """Return what `body` makes of `[N, 3, H, W]`: `[N, 512]`, in the precision of `compute`."""
    batch = pictures.to(compute.device, memory_format=torch.channels_last)
    with compute.autocast:
        features: Tensor = body(batch)
    return features


def validation_features(
    body: nn.Module, preprocessing: Preprocessing, examples: list[Example], compute: Compute
) -> Iterator[Tensor]:
    """Give, batch by batch, the features of the middle window of each picture; `body` must be in evaluation mode."""
    for start in range(0, len(examples), BATCH):
        windows = [
            preprocessing.tensor(images.open(each.path).image) for each in examples[start : start + BATCH]
        ]
        with torch.inference_mode():
            yield pooled(body, torch.stack([each[len(each) // 2] for each in windows]), compute)


@dataclass(frozen=True)
class FrozenBody:
    """A body that does not learn, what it is shown, and the two folders that remember its features."""

    body: nn.Module
    recipe: Recipe
    train: list[Example]
    val: list[Example]
    compute: Compute
    workers: int
    augmented: Path
    plain: Path

    @classmethod
    def of(
        cls,
        network: ResNet,
        recipe: Recipe,
        train: list[Example],
        val: list[Example],
        *,
        compute: Compute,
        workers: int,
        folder: Path,
    ) -> FrozenBody:
        """Take the body of `network`, which must be in evaluation mode and not change any more."""
        seen_by = [body_digest(network), str(compute.dtype), compute.device.type]
        seen_by.append(recipe.preprocessing.model_dump_json())
        steps = [step.model_dump_json() for step in recipe.augmentation]
        return cls(
            body_of(network),
            recipe,
            train,
            val,
            compute,
            workers,
            augmented=folder / _digest([*seen_by, *steps, str(recipe.seed), _files(train)]),
            plain=folder / _digest([*seen_by, _files(val)]),
        )

    def of_epoch(self, epoch: int, progress: Callable[[int, int], None]) -> Features:
        """Return the features of the training pictures as augmented in `epoch`: float32 `[N, 512]`, in their order.

        Raises:
            TrainingError: if the file that remembers them is damaged.
        """

        def from_picture(start: int) -> Iterator[Tensor]:
            loader = DataLoader(
                AugmentedExamples(self.train, self.recipe),
                batch_size=BATCH,
                sampler=[(epoch, index) for index in range(start, len(self.train))],
                num_workers=self.workers,
                multiprocessing_context=process_context(self.workers),
            )
            for pictures, _, _ in loader:
                with torch.inference_mode():
                    yield pooled(self.body, pictures, self.compute)

        return _remembered(self.augmented / f"epoch-{epoch}.npy", len(self.train), from_picture, progress)

    def of_validation(self) -> Features:
        """Return the features of the validation pictures: float32 `[N, 512]`, in their order.

        Raises:
            TrainingError: if the file that remembers them is damaged.
        """

        def from_picture(start: int) -> Iterator[Tensor]:
            return validation_features(self.body, self.recipe.preprocessing, self.val[start:], self.compute)

        return _remembered(self.plain / "plain.npy", len(self.val), from_picture)


def _remembered(
    path: Path,
    pictures: int,
    from_picture: Callable[[int], Iterator[Tensor]],
    progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
) -> Features:
    """Return the features in `path`, completed and written back if they are not those of all `pictures`."""
    parts = _read(path)
    done = saved = sum(len(part) for part in parts)
    if done < pictures:
        for features in from_picture(done):
            parts.append(features.float().cpu().numpy())
            done += len(parts[-1])
            if done - saved >= SAVE_EVERY or done == pictures:
                _write(path, np.concatenate(parts))
                saved = done
            progress(done, pictures)
    return np.concatenate(parts)


def _read(path: Path) -> list[Features]:
    try:
        return [np.load(path, allow_pickle=False)]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, EOFError) as error:
        raise TrainingError(
            f"The remembered features {path} cannot be read ({error}); delete the file to make them again."
        ) from error


def _write(path: Path, features: Features) -> None:
    buffer = io.BytesIO()
    np.save(buffer, features)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        atomic.write(path, buffer.getvalue())


def _files(examples: list[Example]) -> str:
    return _digest([hashlib.sha256(example.path.read_bytes()).hexdigest() for example in examples])


def _digest(parts: list[str]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
