"""The training loop: follows a recipe, epoch by epoch, and can be stopped at any moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from sklearn.metrics import log_loss, roc_auc_score
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader
from torchvision.models import ResNet

from core.detectors.card import CLASSES
from core.detectors.precision import Compute
from core.detectors.resnet import body_of
from core.errors import TrainingError
from core.training.checkpoint import Run, load_checkpoint, save_checkpoint
from core.training.data import Example, Item, training_batches
from core.training.distillation import Hint, Targets, require_targets
from core.training.frozen import BATCH, FrozenBody, pooled, validation_features
from core.training.recipe import Recipe

Batch = tuple[Tensor, Tensor, Tensor]
"""Pooled features `[B, 512]`, class indices `[B]`, positions among the examples `[B]`."""


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training images gave; losses are cross-entropy in nats, lower is better.

    `lr` is the rate of the last step, `distance` the mean of 1 - cosine between the network's projected features
    and what they are to match, None if the run distils nothing.
    """

    epoch: int
    trains: str
    lr: float
    train_loss: float
    val_loss: float
    val_auc: float
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
    """Where a run works; of all this only `compute` changes its result, by the rounding of numbers.

    `folder` gets the checkpoint after every epoch; with 0 `workers` this process prepares the images; `memory` is
    the folder for the features of frozen bodies, without which they are found anew in every run.
    """

    folder: Path
    compute: Compute
    workers: int = 0
    memory: Path | None = None


@dataclass
class Fitted:
    """A network with the weights of its best epoch (lowest validation loss) and the run's history."""

    network: ResNet
    history: list[Epoch] = field(default_factory=list)

    @property
    def best(self) -> Epoch:
        """The epoch whose weights were kept."""
        return min(self.history, key=lambda epoch: epoch.val_loss)


@dataclass
class _Learner:
    """The moving parts of a run; their state is what a checkpoint holds."""

    network: ResNet
    hint: Hint | None
    optimiser: Optimizer
    schedule: LRScheduler
    history: list[Epoch]
    best_state: dict[str, Tensor]

    def state(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "hint": self.hint.state_dict() if self.hint else None,
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "history": [asdict(epoch) for epoch in self.history],
            "best_state": self.best_state,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        if self.hint:
            self.hint.load_state_dict(state["hint"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.history = [Epoch(**epoch) for epoch in state["history"]]
        self.best_state = state["best_state"]


def fit(
    network: ResNet,
    recipe: Recipe,
    train: list[Example],
    val: list[Example],
    *,
    run: Run,
    at: Workplace,
    targets: Targets | None = None,
    progress: Progress | None = None,
) -> Fitted:
    """Train `network` as `recipe` says, or go on from the checkpoint in the folder it works at.

    A run that was interrupted and resumed gives, on the same machine, the weights of one that was not: the
    order and augmentation of the images depend only on the recipe's seed, the epoch and the image.

    Args:
        network: takes float32 `[N, 3, H, W]`, gives scores `[N, 2]` in the order of `CLASSES`.
        recipe: what to do.
        train: images to learn from.
        val: images to choose the best epoch by.
        run: what the checkpoint must belong to.
        at: folder, device and precision.
        targets: what a recipe that distils draws the features to: the encoder's embeddings of the clean
            training pictures, float32 `[N, D]`, in the order of `train`.
        progress: told about every batch and epoch.

    Raises:
        TrainingError: if a class is missing, targets are missing, or the checkpoint is damaged or of another run.
    """
    _require_both_classes(train, "train")
    _require_both_classes(val, "val")
    progress = progress or Progress()
    loader, sampler = training_batches(train, recipe, at.workers)
    network = network.to(memory_format=torch.channels_last).to(at.compute.device)
    hint = None
    if recipe.distillation:
        targets = require_targets(targets, len(train), recipe.name)
        hint = Hint(network.fc.in_features, targets, recipe.seed).to(at.compute.device)
    learner = _learner(network, hint, recipe, len(loader))
    saved = load_checkpoint(at.folder, run)
    if saved is not None:
        learner.restore(saved)
    frozen: FrozenBody | None = None
    for epoch in range(len(learner.history), recipe.epochs):
        trains = recipe.stage_of(epoch).trains
        _prepare_stage(network, trains)
        if trains == "all":
            frozen = None
        elif frozen is None and at.memory is not None:
            frozen = FrozenBody.of(
                network, recipe, train, val, compute=at.compute, workers=at.workers, folder=at.memory
            )
        sampler.epoch = epoch
        batches = (
            _remembered_batches(frozen, loader, epoch, progress)
            if frozen
            else _batches(body_of(network), loader, epoch, at.compute, progress)
        )
        lesson = _train_epoch(learner, batches, recipe, at.compute)
        p_ai = _validation_scores(network, frozen, recipe, val, at.compute)
        learner.history.append(_validated(learner, epoch, trains, lesson, p_ai, val))
        if min(learner.history, key=lambda each: each.val_loss).epoch == epoch:
            learner.best_state = deepcopy(learner.network.state_dict())
        save_checkpoint(at.folder, run, learner.state())
        progress.epoch(learner.history[-1])
    learner.network.load_state_dict(learner.best_state)
    return Fitted(learner.network, learner.history)


def _require_both_classes(examples: list[Example], split: str) -> None:
    absent = set(CLASSES) - {example.label for example in examples}
    if absent:
        raise TrainingError(
            f"Split '{split}' has no image labelled {' or '.join(sorted(absent))}; a detector needs both."
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
class _Lesson:
    """What the training images of one epoch gave: sums over `batches` batches, and the last step's rate."""

    loss: float = 0.0
    distance: float = 0.0
    batches: int = 0
    lr: float = 0.0


def _batches(
    body: nn.Module, loader: DataLoader[Item], epoch: int, compute: Compute, progress: Progress
) -> Iterator[Batch]:
    for done, (pictures, labels, indices) in enumerate(loader, start=1):
        yield pooled(body, pictures, compute), labels, indices
        progress.batch(epoch, done, len(loader))


def _remembered_batches(
    frozen: FrozenBody, loader: DataLoader[Item], epoch: int, progress: Progress
) -> Iterator[Batch]:
    """Give the batches `loader` would give in this epoch, from the features of the frozen body."""
    total = len(loader)
    found = frozen.of_epoch(
        epoch, lambda done, pictures: progress.batch(epoch, total * done // pictures, total)
    )
    features = torch.from_numpy(found).to(frozen.compute.device)
    labels = torch.tensor([CLASSES.index(example.label) for example in frozen.train])
    for keys in loader.batch_sampler or ():
        indices = torch.tensor([index for _, index in keys])
        yield features[indices], labels[indices], indices
    progress.batch(epoch, total, total)


def _train_epoch(learner: _Learner, batches: Iterator[Batch], recipe: Recipe, compute: Compute) -> _Lesson:
    loss_of = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
    lesson = _Lesson()
    for features, labels, indices in batches:
        learner.optimiser.zero_grad(set_to_none=True)
        with compute.autocast:
            scores = learner.network.fc(features)
        loss = loss_of(scores.float(), labels.to(compute.device))
        lesson.loss += float(loss.detach())
        if learner.hint and recipe.distillation:
            distance = learner.hint.distance(features.float(), indices)
            lesson.distance += float(distance.detach())
            loss = loss + recipe.distillation.weight * distance
        loss.backward()
        lesson.lr = float(learner.optimiser.param_groups[0]["lr"])
        learner.optimiser.step()
        learner.schedule.step()
        lesson.batches += 1
    return lesson


def _validation_scores(
    network: ResNet, frozen: FrozenBody | None, recipe: Recipe, val: list[Example], compute: Compute
) -> list[float]:
    """Return the softmax of `ai` for the middle window of each validation picture."""
    network.eval()
    features: Iterable[Tensor] = (
        torch.split(torch.from_numpy(frozen.of_validation()), BATCH)
        if frozen
        else validation_features(body_of(network), recipe.preprocessing, val, compute)
    )
    p_ai: list[float] = []
    for batch in features:
        with torch.inference_mode(), compute.autocast:
            scores = network.fc(batch.to(compute.device))
        p_ai += scores.float().softmax(dim=1)[:, CLASSES.index("ai")].tolist()
    return p_ai


def _validated(
    learner: _Learner, epoch: int, trains: str, lesson: _Lesson, p_ai: list[float], val: list[Example]
) -> Epoch:
    truth = [CLASSES.index(each.label) for each in val]
    return Epoch(
        epoch=epoch,
        trains=trains,
        lr=lesson.lr,
        train_loss=lesson.loss / lesson.batches,
        val_loss=float(log_loss(truth, p_ai, labels=[0, 1])),
        val_auc=float(roc_auc_score(truth, p_ai)),
        distance=lesson.distance / lesson.batches if learner.hint else None,
    )
