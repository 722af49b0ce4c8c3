"""Remembers what a frozen body makes of the training pictures, so that its epochs take seconds.

A frozen body in evaluation mode gives each augmented picture a feature that depends on nothing but the body, the
libraries, the precision, the preprocessing, the augmentation, the seed, the epoch, and the picture and its number. On
disk, below the folder `features` of the user's cache: one folder for each digest of all these but the last three, in it
one `.npz` for each epoch with `pictures` `[n]`, keys made of number and content, and `features`, float32 `[n, 512]`. A
file grows with the pictures that are asked for: networks that learn from a part of them find all they need in it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from filelock import FileLock
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision.models import ResNet

from core import atomic, images
from core.detectors.bodies import body_digest
from core.detectors.precision import Compute
from core.detectors.preprocessing import LIBRARIES, Preprocessing
from core.detectors.resnet import body_of
from core.errors import TrainingError
from core.training.data import AugmentedExamples, Example, folder_for, process_context
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


def middle_windows(preprocessing: Preprocessing, examples: list[Example]) -> Iterator[Tensor]:
    """Give the middle window of each picture, in batches of `BATCH`: uint8 `[B, 3, window, window]`."""
    for start in range(0, len(examples), BATCH):
        windows = [
            preprocessing.crops(images.open(each.path).image) for each in examples[start : start + BATCH]
        ]
        yield torch.stack([each[len(each) // 2] for each in windows])


def validation_features(
    body: nn.Module, preprocessing: Preprocessing, shown: Iterable[Tensor], compute: Compute
) -> Iterator[Tensor]:
    """Give the features of each batch of windows, see `middle_windows`; `body` must be in evaluation mode."""
    for batch in shown:
        with torch.inference_mode():
            yield pooled(body, preprocessing.normalize(batch.to(compute.device)), compute)


@dataclass(frozen=True)
class FrozenBody:
    """A body that does not learn, what it is shown, and the two folders that remember its features.

    `train_keys` and `val_keys` say under which keys the features of the pictures are remembered.
    """

    body: nn.Module
    recipe: Recipe
    train: list[Example]
    train_keys: list[str]
    val: list[Example]
    val_keys: list[str]
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
        seen_by = [LIBRARIES, body_digest(network), str(compute.dtype), compute.device.type]
        seen_by.append(recipe.preprocessing.model_dump_json())
        steps = [step.model_dump_json() for step in recipe.augmentation]
        return cls(
            body_of(network),
            recipe,
            train,
            [each.key for each in train],
            val,
            [each.content for each in val],
            compute,
            workers,
            augmented=folder / folder_for([*seen_by, *steps, str(recipe.seed)]),
            plain=folder / folder_for(seen_by),
        )

    def of_epoch(self, epoch: int, progress: Callable[[int, int], None]) -> Features:
        """Return the features of the training pictures as augmented in `epoch`: float32 `[N, 512]`, in their order.

        Raises:
            TrainingError: if the file that remembers them is damaged.
        """

        def found(rows: list[int]) -> Iterator[Tensor]:
            loader = DataLoader(
                AugmentedExamples(self.train, self.recipe),
                batch_size=BATCH,
                sampler=[(epoch, row) for row in rows],
                num_workers=self.workers,
                multiprocessing_context=process_context(self.workers),
            )
            for pictures, _ in loader:
                with torch.inference_mode():
                    yield pooled(self.body, pictures, self.compute)

        return _remembered(self.augmented / f"epoch-{epoch}.npz", self.train_keys, found, progress)

    def of_validation(self) -> Features:
        """Return the features of the validation pictures: float32 `[N, 512]`, in their order.

        Raises:
            TrainingError: if the file that remembers them is damaged.
        """

        def found(rows: list[int]) -> Iterator[Tensor]:
            preprocessing = self.recipe.preprocessing
            shown = middle_windows(preprocessing, [self.val[row] for row in rows])
            return validation_features(self.body, preprocessing, shown, self.compute)

        return _remembered(self.plain / "plain.npz", self.val_keys, found)


def _remembered(
    path: Path,
    keys: list[str],
    find: Callable[[list[int]], Iterator[Tensor]],
    progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
) -> Features:
    """Return the features of `keys` `[N]` from `path`, after `find` has given those of the rows that it lacks."""
    known = _read(path)
    missing = [row for row, key in enumerate(keys) if key not in known]
    done = saved = 0
    for features in find(missing) if missing else ():
        for feature in features.float().cpu().numpy():
            known[keys[missing[done]]] = feature
            done += 1
        if done - saved >= SAVE_EVERY or done == len(missing):
            _add(path, known)
            saved = done
        progress(len(keys) - len(missing) + done, len(keys))
    return np.stack([known[key] for key in keys])


def _read(path: Path) -> dict[str, Features]:
    try:
        with np.load(path, allow_pickle=False) as saved:
            return dict(zip(saved["pictures"].tolist(), saved["features"], strict=True))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, EOFError, KeyError, BadZipFile) as error:
        raise TrainingError(
            f"The remembered features {path} cannot be read ({error}); delete the file to make them again."
        ) from error


def _add(path: Path, found: dict[str, Features]) -> None:
    """Write what was found beside what other processes wrote meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        _write(path, _read(path) | found)


def _write(path: Path, known: dict[str, Features]) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, pictures=np.array(list(known)), features=np.stack(list(known.values())))
    atomic.write(path, buffer.getvalue())
