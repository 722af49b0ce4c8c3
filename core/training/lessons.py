"""Lessons: augmented views of the training pictures and what the frozen encoder says of each, made once for all epochs.

On disk, in a folder named by a digest of all that decides them: `pictures.npy`, uint8 `[views, N, 3, side, side]`;
`embeddings.npy`, float16 `[views, N, taps * size]`; and `done`, the number of pictures whose rows are filled.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.nn.functional import normalize
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.v2 import functional as F  # noqa: N812  (torchvision's own convention)

from core import atomic, images
from core.detectors.classical import pipeline_margins
from core.detectors.encoder import BATCH, CLIP_PREPROCESSING, Encoder
from core.detectors.features import EmbeddingFeatures
from core.detectors.precision import on_every_core
from core.detectors.preprocessing import LIBRARIES
from core.errors import RecipeError, TrainingError
from core.training.data import Example, as_in, batches_of, folder_for, process_context
from core.training.heads import fit_head
from core.training.recipe import Distillation, HeadRecipe, LogisticHead, Recipe, load_recipe

PICTURES_AT_ONCE = 4
"""Pictures whose views are embedded together."""
SAVE_EVERY = 64 * PICTURES_AT_ONCE
PICTURES, EMBEDDINGS, DONE = "pictures.npy", "embeddings.npy", "done"
FITTED_VIEWS = 2
"""Views of each picture that the teacher's head is fitted on."""


@dataclass(frozen=True, eq=False)
class Lessons:
    """Views `[views, N, 3, side, side]` and their embeddings `[views, N, D]`, memory-mapped from `folder`; see the module."""

    folder: Path
    pictures: NDArray[np.uint8]
    embeddings: NDArray[np.float16]


class _Views(Dataset[tuple[Tensor, Tensor]]):
    """All views of a picture: as the encoder and as the network takes them."""

    def __init__(self, examples: list[Example], recipe: Recipe, distillation: Distillation) -> None:
        self.examples = examples
        self.recipe = recipe
        self.distillation = distillation

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, row: int) -> tuple[Tensor, Tensor]:
        """Return uint8 `[views, 3, H, W]`, H and W as the last step leaves them, and `[views, 3, side, side]`."""
        example = self.examples[row]
        uniform = F.pil_to_tensor(self.recipe.preprocessing.uniform(images.open(example.path).image))
        views = torch.stack(
            [as_in(number, uniform, example, self.recipe) for number in range(self.distillation.views)]
        )
        side = self.distillation.side
        return views, F.resize(views, [side, side], antialias=True)


def make_lessons(
    examples: list[Example],
    recipe: Recipe,
    distillation: Distillation,
    encoder: Encoder,
    folder: Path,
    *,
    taps: tuple[str, ...],
    workers: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
) -> Lessons:
    """Make the views of training pictures and embed them, or go on where an earlier run stopped.

    Args:
        examples: the pictures.
        recipe: says how they are altered, and with which seed.
        distillation: how many views there are, and how large the network takes them.
        encoder: embeds the views; the steps of the recipe must leave windows of its size.
        folder: gets a folder for the lessons.
        taps: of the encoder, which to keep; what each gives has length 1.
        workers: processes that alter pictures.
        progress: told (pictures done, pictures in all).

    Raises:
        EncoderError: if the views have another size than the encoder takes.
        ImageError: if a picture cannot be read.
        TrainingError: if there is not enough room on the disk.
    """
    folder /= _folder(examples, recipe, distillation, encoder, taps)
    side, width = distillation.side, len(taps) * encoder.size
    shape = distillation.views, len(examples)
    done = _done(folder)
    mode = "r+" if done else "w+"
    if not done:
        _require_room(folder, int(np.prod(shape)) * (3 * side * side + 2 * width))
    pictures = open_memmap(folder / PICTURES, mode, np.uint8, (*shape, 3, side, side))
    embeddings = open_memmap(folder / EMBEDDINGS, mode, np.float16, (*shape, width))
    loader = DataLoader(
        _Views(examples, recipe, distillation),
        batch_size=PICTURES_AT_ONCE,
        sampler=range(done, len(examples)),
        num_workers=workers,
        multiprocessing_context=process_context(workers),
    )
    for large, small in loader:
        rows = slice(done, done + len(small))
        pictures[:, rows] = small.transpose(0, 1).numpy()
        of_each = _embedded(encoder, large.flatten(0, 1), taps).reshape(len(small), -1, width)
        embeddings[:, rows] = of_each.swapaxes(0, 1)
        done = rows.stop
        if done % SAVE_EVERY == 0 or done == len(examples):
            pictures.flush()
            embeddings.flush()
            atomic.write(folder / DONE, str(done).encode())
        progress(done, len(examples))
    return Lessons(folder, pictures, embeddings)


def _embedded(encoder: Encoder, pixels: Tensor, taps: tuple[str, ...]) -> NDArray[np.float32]:
    """Return float32 `[N, len(taps), size]` for uint8 `[N, 3, side, side]`."""
    device = encoder.compute.device
    at_once = BATCH if device.type == "cpu" else len(pixels)

    def embedded(part: Tensor) -> Tensor:
        with torch.inference_mode():
            found = encoder.embed_windows(CLIP_PREPROCESSING.normalize(part.to(device)), taps)
            return normalize(found, dim=-1).cpu()

    return torch.cat(list(on_every_core(embedded, torch.split(pixels, at_once)))).numpy()


def _folder(
    examples: list[Example],
    recipe: Recipe,
    distillation: Distillation,
    encoder: Encoder,
    taps: tuple[str, ...],
) -> str:
    return folder_for(
        [
            *(step.model_dump_json() for step in recipe.augmentation),
            *(recipe.preprocessing.model_dump_json(), str(recipe.seed)),
            *(str(distillation.views), str(distillation.side)),
            *(LIBRARIES, encoder.identity, str(encoder.compute), *taps),
            *(each.key for each in examples),
        ]
    )


def _done(folder: Path) -> int:
    if not all((folder / name).exists() for name in (PICTURES, EMBEDDINGS)):
        return 0
    try:
        return int((folder / DONE).read_text())
    except FileNotFoundError:
        return 0
    except ValueError as error:
        raise TrainingError(f"{folder} is damaged; delete it to make the lessons again.") from error


def _require_room(folder: Path, needed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise TrainingError(
            f"The augmented views need {needed / 1e9:.1f} GB in {folder}, which has {free / 1e9:.1f} GB free: make room, "
            "choose an --output on a larger disk, or lower `views` in the recipe."
        )


@dataclass(frozen=True, eq=False)
class Lesson:
    """A batch: pictures uint8 `[B, 3, side, side]`, standardised embeddings float32 `[B, D]`, the teacher's `p_ai` `[B]`."""

    pictures: Tensor
    targets: Tensor
    p_ai: Tensor


class Course:
    """The lessons of one network: those of the pictures it learns from, by a teacher that was shown no others.

    The teacher is a head, fitted as its recipe says on the embeddings of the first `FITTED_VIEWS` views.

    Args:
        lessons: of all training pictures `[views, N, ...]`.
        rows: positions among these of the pictures to learn from, int64 `[n]`.
        frame: rows of the manifest of the pictures to learn from `[n]`.
        head: the teacher's recipe: logistic regression.
    """

    def __init__(
        self, lessons: Lessons, rows: NDArray[np.intp], frame: pd.DataFrame, head: HeadRecipe
    ) -> None:
        self.width = int(lessons.embeddings.shape[-1])
        self._lessons = lessons
        self._rows = rows
        views = len(lessons.pictures)
        fitted_on = [self._embeddings(view) for view in range(min(views, FITTED_VIEWS))]
        repeated = pd.concat([frame] * len(fitted_on), ignore_index=True)
        teacher = fit_head(head, np.concatenate(fitted_on), repeated)
        self._scaler: StandardScaler = teacher["standardise"]
        self._margins = [pipeline_margins(teacher, self._embeddings(view)) for view in range(views)]

    def __len__(self) -> int:
        return len(self._rows)

    def _embeddings(self, view: int) -> NDArray[np.float32]:
        found: NDArray[np.float32] = self._lessons.embeddings[view][self._rows].astype(np.float32)
        return found

    def of_epoch(self, epoch: int, seed: int, batch_size: int, device: torch.device) -> Iterator[Lesson]:
        """Give a view of each picture, batch by batch, in an order that depends on seed and epoch alone.

        Epochs take turns at the views; each time a picture is mirrored or not.
        """
        view = epoch % len(self._margins)
        chance = np.random.default_rng([seed, epoch])
        order = chance.permutation(len(self))
        mirrored = chance.integers(2, size=len(self)).astype(bool)
        pictures, embeddings = (
            torch.from_numpy(each[view]).to(device)
            for each in (self._lessons.pictures, self._lessons.embeddings)
        )
        mean, scale = (
            torch.from_numpy(each.astype(np.float32)).to(device)
            for each in (self._scaler.mean_, self._scaler.scale_)
        )
        for batch in batches_of(order, batch_size):
            places = torch.from_numpy(self._rows[batch]).to(device)
            seen = pictures[places]
            flip = torch.from_numpy(mirrored[batch]).to(device)[:, None, None, None]
            yield Lesson(
                torch.where(flip, seen.flip(-1), seen),
                (embeddings[places].float() - mean) / scale,
                torch.from_numpy(self._margins[view][batch]).to(device).sigmoid(),
            )


@dataclass(frozen=True, eq=False)
class School:
    """The lessons of a run and the recipe of its teacher."""

    lessons: Lessons
    head: HeadRecipe

    def course(self, learned: pd.DataFrame) -> Course:
        """Return the lessons of a network that learns from these rows of the manifest, `number`ed as the lessons are."""
        return Course(self.lessons, learned["number"].to_numpy(), learned, self.head)


def teacher_of(recipe: Recipe, distillation: Distillation) -> tuple[HeadRecipe, EmbeddingFeatures]:
    """Return the recipe of the head that teaches, and the embeddings it judges.

    Raises:
        RecipeError: if it is no logistic regression on embeddings.
    """
    head = load_recipe(distillation.teacher)
    if not (
        isinstance(head, HeadRecipe)
        and isinstance(head.head, LogisticHead)
        and isinstance(head.features, EmbeddingFeatures)
        and not head.features.int8
    ):
        raise RecipeError(
            f"Recipe '{recipe.name}' names {distillation.teacher} as its teacher, which is no logistic regression on "
            "embeddings of the encoder as it is; name verso, or a recipe like it."
        )
    return head, head.features


def taught_by(encoder: Encoder, head: HeadRecipe) -> str:
    """Say which encoder and which head teach, by their digests."""
    told = hashlib.sha256(head.model_dump_json().encode()).hexdigest()[:16]
    return f"{encoder.identity}:{told}"


def open_school(
    recipe: Recipe,
    distillation: Distillation,
    examples: list[Example],
    encoder: Encoder,
    folder: Path,
    *,
    workers: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
) -> School:
    """Make the lessons a recipe asks for; see `make_lessons`.

    Raises:
        EncoderError: if the views have another size than the encoder takes.
        RecipeError: if the teacher is no logistic regression on embeddings.
        TrainingError: if there is not enough room on the disk.
    """
    head, features = teacher_of(recipe, distillation)
    lessons = make_lessons(
        examples,
        recipe,
        distillation,
        encoder,
        folder,
        taps=features.taps,
        workers=workers,
        progress=progress,
    )
    return School(lessons, head)
