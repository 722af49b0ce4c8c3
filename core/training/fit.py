"""The training loop: follows a recipe, epoch by epoch, and can be stopped at any moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import torch
from sklearn.metrics import log_loss, roc_auc_score
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader
from torchvision.models import ResNet

from core.detectors.card import CLASSES
from core.detectors.precision import Compute
from core.detectors.resnet import body_of
from core.errors import TrainingError
from core.training.checkpoint import CHECKPOINT_FILE, Run, load_checkpoint, save_checkpoint
from core.training.data import EpochSampler, Example, Item, batches_of, training_batches
from core.training.distillation import Hint
from core.training.frozen import BATCH, FrozenBody, middle_windows, pooled, validation_features
from core.training.lessons import Course
from core.training.recipe import Recipe

CHECKPOINT_AFTER = 20.0
"""Seconds that must have passed since the last checkpoint for another; the last epoch always has one."""

VALIDATED_EVERY = 5
"""Epochs between two validations where the last epoch is kept, whatever they say; the last is always validated."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Pooled features `[B, 512]`, and what is to be learnt of each picture.

    `truth` are class indices, int64 `[B]`; or, of a network that is taught, the teacher's `p_ai`, float32 `[B]`, and then
    `targets` are what the features are to match, float32 `[B, D]`.
    """

    features: Tensor
    truth: Tensor
    targets: Tensor | None = None


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training images gave; losses are cross-entropy in nats, lower is better.

    `lr` is the rate of the last step. `train_loss` is held against the labels, or, if the network is taught, against the
    teacher's `p_ai`; `distance` is then the mean of 1 - cosine between its projected features and what they are to match.
    `val_loss` and `val_auc` are missing where the epoch was not validated, see `VALIDATED_EVERY`.
    """

    epoch: int
    trains: str
    lr: float
    train_loss: float
    val_loss: float | None = None
    val_auc: float | None = None
    distance: float | None = None


@dataclass
class Progress:
    """Callbacks a caller may set to follow a run.

    Before each network (its number, networks in all), after each batch, each epoch, and each embedded picture.
    """

    network: Callable[[int, int], None] = lambda number, total: None  # noqa: ARG005
    batch: Callable[[int, int, int], None] = lambda epoch, done, total: None  # noqa: ARG005
    epoch: Callable[[Epoch], None] = lambda result: None  # noqa: ARG005
    embedded: Callable[[int, int], None] = lambda done, total: None  # noqa: ARG005


@dataclass(frozen=True)
class Workplace:
    """Where a run works; of all this only `compute`, like the number of threads, changes its result, by rounding.

    `folder` gets the checkpoints; with 0 `workers` this process prepares the images; `memory` is the folder for the features
    of frozen bodies, without which they are found anew in every run.
    """

    folder: Path
    compute: Compute
    workers: int = 0
    memory: Path | None = None


@dataclass
class Fitted:
    """A network with the weights of the epoch `kept`, counted from 0, and the run's history."""

    network: ResNet
    kept: int
    history: list[Epoch]


@dataclass
class _Learner:
    """The moving parts of a run; their state is what a checkpoint holds."""

    network: ResNet
    hint: Hint | None
    optimiser: Optimizer
    schedule: LRScheduler
    history: list[Epoch]
    kept_state: dict[str, Tensor]

    def state(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "hint": self.hint.state_dict() if self.hint else None,
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "history": [asdict(epoch) for epoch in self.history],
            "kept_state": self.kept_state,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        if self.hint:
            self.hint.load_state_dict(state["hint"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.history = [Epoch(**epoch) for epoch in state["history"]]
        self.kept_state = state["kept_state"]


def fit(
    network: ResNet,
    recipe: Recipe,
    train: list[Example],
    val: list[Example],
    *,
    run: Run,
    at: Workplace,
    course: Course | None = None,
    progress: Progress | None = None,
) -> Fitted:
    """Train `network` as `recipe` says, or go on from the checkpoint in the folder it works at.

    A run that was interrupted and resumed gives, on the same machine with as many threads, the weights of one that was
    not: the order and augmentation of the images depend only on the recipe's seed, the epoch and the image.

    Args:
        network: takes float32 `[N, 3, H, W]`, gives scores `[N, 2]` in the order of `CLASSES`.
        recipe: what to do.
        train: images to learn from.
        val: images to measure each epoch on, and to choose one by if the recipe keeps the best.
        run: what the checkpoint must belong to.
        at: folder, device and precision.
        course: what a recipe that distils learns instead of the labels: the lessons of `train`, in its order.
        progress: told about every batch and epoch.

    Raises:
        TrainingError: if a class is missing, the checkpoint is damaged or of another run, or the network diverges.
    """
    expect_both_classes([example.label for example in train], "Split 'train'")
    expect_both_classes([example.label for example in val], "Split 'val'")
    progress = progress or Progress()
    network = network.to(memory_format=torch.channels_last).to(at.compute.device)
    feed = _Feed(network, recipe, *training_batches(train, recipe, at.workers), course, at.compute, progress)
    hint = Hint(network.fc.in_features, course.width, recipe.seed).to(at.compute.device) if course else None
    learner = _learner(network, hint, recipe, len(feed))
    saved = load_checkpoint(at.folder, run)
    if saved is not None:
        try:
            learner.restore(saved)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise TrainingError(
                f"{at.folder / CHECKPOINT_FILE} was written by another version of Verso: delete it to start afresh."
            ) from error
    shown: list[Tensor] = []
    saved_at = monotonic()
    for epoch in range(len(learner.history), recipe.epochs):
        trains = recipe.stage_of(epoch).trains
        _prepare_stage(network, trains)
        if trains == "all":
            feed.frozen = None
        elif feed.frozen is None and course is None and at.memory is not None:
            feed.frozen = FrozenBody.of(
                network, recipe, train, val, compute=at.compute, workers=at.workers, folder=at.memory
            )
        gained = _train_epoch(learner, feed.of_epoch(epoch), recipe, at.compute)
        learner.history.append(_told(learner, epoch, trains, gained))
        _expect_numbers([learner.history[-1].train_loss], epoch)
        if _is_validated(epoch, recipe):
            if feed.frozen is None and not shown:
                shown = list(middle_windows(recipe.preprocessing, val))
            p_ai = _validation_scores(network, feed.frozen, recipe, shown, at.compute)
            _expect_numbers(p_ai, epoch)
            learner.history[-1] = _validated(learner.history[-1], p_ai, val)
        if _kept(learner.history, recipe) == epoch:
            learner.kept_state = deepcopy(learner.network.state_dict())
        if monotonic() - saved_at >= CHECKPOINT_AFTER or epoch + 1 == recipe.epochs:
            save_checkpoint(at.folder, run, learner.state())
            saved_at = monotonic()
        progress.epoch(learner.history[-1])
    learner.network.load_state_dict(learner.kept_state)
    return Fitted(learner.network, _kept(learner.history, recipe), learner.history)


def _expect_numbers(found: Sequence[float], epoch: int) -> None:
    if not np.isfinite(found).all():
        raise TrainingError(
            f"In epoch {epoch + 1} the network's scores grew beyond all numbers: lower `lr` of the recipe's optimiser."
        )


def _kept(history: list[Epoch], recipe: Recipe) -> int:
    """Return the number of the epoch whose weights `recipe` keeps, if there are no others than these."""
    if recipe.keeps == "last":
        return history[-1].epoch
    losses = [inf if each.val_loss is None else each.val_loss for each in history]
    return losses.index(min(losses))


def _is_validated(epoch: int, recipe: Recipe) -> bool:
    return recipe.keeps == "best" or (epoch + 1) % VALIDATED_EVERY == 0 or epoch + 1 == recipe.epochs


def expect_both_classes(labels: Iterable[str], where: str) -> None:
    """Check that there are works of both labels in what `where` names.

    Raises:
        TrainingError: there are not.
    """
    if absent := set(CLASSES) - set(labels):
        raise TrainingError(
            f"{where} has no image labelled {' or '.join(sorted(absent))}; a detector needs both."
        )


def _learner(network: ResNet, hint: Hint | None, recipe: Recipe, batches: int) -> _Learner:
    parameters = [*network.parameters(), *(hint.parameters() if hint else ())]
    optimiser = recipe.optimiser.build(parameters)
    schedule = recipe.schedule.build(optimiser, recipe.optimiser.lr, batches, recipe.epochs)
    return _Learner(network, hint, optimiser, schedule, [], deepcopy(network.state_dict()))


def _prepare_stage(network: nn.Module, trains: str) -> None:
    """Let the whole network learn, or only its head; a frozen body keeps its batch statistics too."""
    network.train(mode=trains == "all")
    for name, parameter in network.named_parameters():
        parameter.requires_grad = trains == "all" or name.startswith("fc.")


@dataclass
class _Gained:
    """What the training images of one epoch gave: sums over `batches` batches, and the last step's rate."""

    loss: Tensor
    distance: Tensor
    batches: int = 0
    lr: float = 0.0


@dataclass
class _Feed:
    """Gives a run its batches: prepared anew, or from a body that is `frozen`, or from a course."""

    network: ResNet
    recipe: Recipe
    loader: DataLoader[Item]
    sampler: EpochSampler
    course: Course | None
    compute: Compute
    progress: Progress
    frozen: FrozenBody | None = None

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return len(batches_of(np.arange(len(self.sampler)), self.recipe.batch_size))

    def of_epoch(self, epoch: int) -> Iterator[Batch]:
        """Give the batches of an epoch."""
        self.sampler.epoch = epoch
        if self.course:
            batches = self._taught(self.course, epoch)
        elif self.frozen:
            batches = self._remembered(self.frozen, epoch)
        else:
            batches = self._prepared()
        for done, batch in enumerate(batches, start=1):
            yield batch
            self.progress.batch(epoch, done, len(self))

    def _prepared(self) -> Iterator[Batch]:
        body = body_of(self.network)
        for pictures, labels in self.loader:
            yield Batch(pooled(body, pictures, self.compute), labels)

    def _taught(self, course: Course, epoch: int) -> Iterator[Batch]:
        body = body_of(self.network)
        for lesson in course.of_epoch(epoch, self.recipe.seed, self.recipe.batch_size, self.compute.device):
            pictures = self.recipe.preprocessing.normalize(lesson.pictures)
            yield Batch(pooled(body, pictures, self.compute), lesson.p_ai, lesson.targets)

    def _remembered(self, frozen: FrozenBody, epoch: int) -> Iterator[Batch]:
        """Give what `_prepared` would give in this epoch, from the features of the frozen body."""
        total = len(self)
        found = frozen.of_epoch(
            epoch, lambda done, pictures: self.progress.batch(epoch, total * done // pictures, total)
        )
        features = torch.from_numpy(found).to(frozen.compute.device)
        labels = torch.tensor([CLASSES.index(example.label) for example in frozen.train])
        for keys in self.loader.batch_sampler or ():
            indices = torch.tensor([index for _, index in keys])
            yield Batch(features[indices], labels[indices])


def _train_epoch(learner: _Learner, batches: Iterator[Batch], recipe: Recipe, compute: Compute) -> _Gained:
    gained = _Gained(torch.zeros((), device=compute.device), torch.zeros((), device=compute.device))
    for batch in batches:
        learner.optimiser.zero_grad(set_to_none=True)
        with compute.autocast:
            scores = learner.network.fc(batch.features)
        truth = batch.truth.to(compute.device)
        if recipe.distillation and learner.hint and batch.targets is not None:
            margins = scores.float() @ scores.new_tensor([-1.0, 1.0], dtype=torch.float32)
            loss = binary_cross_entropy_with_logits(margins, truth)
            distance = learner.hint.distance(batch.features.float(), batch.targets)
            gained.distance += distance.detach()
            total = recipe.distillation.margin * loss + recipe.distillation.hint * distance
        else:
            loss = total = cross_entropy(scores.float(), truth, label_smoothing=recipe.label_smoothing)
        gained.loss += loss.detach()
        total.backward()  # type: ignore[no-untyped-call]
        gained.lr = float(learner.optimiser.param_groups[0]["lr"])
        learner.optimiser.step()
        learner.schedule.step()
        gained.batches += 1
    return gained


def _validation_scores(
    network: ResNet, frozen: FrozenBody | None, recipe: Recipe, shown: list[Tensor], compute: Compute
) -> list[float]:
    """Return the softmax of `ai` for the middle window of each validation picture, as `middle_windows` gives them."""
    network.eval()
    features: Iterable[Tensor] = (
        torch.split(torch.from_numpy(frozen.of_validation()), BATCH)
        if frozen
        else validation_features(body_of(network), recipe.preprocessing, shown, compute)
    )
    p_ai: list[float] = []
    for batch in features:
        with torch.inference_mode(), compute.autocast:
            scores = network.fc(batch.to(compute.device))
        p_ai += scores.float().softmax(dim=1)[:, CLASSES.index("ai")].tolist()
    return p_ai


def _told(learner: _Learner, epoch: int, trains: str, gained: _Gained) -> Epoch:
    return Epoch(
        epoch=epoch,
        trains=trains,
        lr=gained.lr,
        train_loss=float(gained.loss) / gained.batches,
        distance=float(gained.distance) / gained.batches if learner.hint else None,
    )


def _validated(epoch: Epoch, p_ai: list[float], val: list[Example]) -> Epoch:
    truth = [CLASSES.index(each.label) for each in val]
    loss, auc = log_loss(truth, p_ai, labels=[0, 1]), roc_auc_score(truth, p_ai)
    return replace(epoch, val_loss=float(loss), val_auc=float(auc))
