"""The training loop: follows a recipe, epoch by epoch, and can be stopped at any moment."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from sklearn.metrics import log_loss, roc_auc_score
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader

from core import images
from core.detectors.card import CLASSES
from core.detectors.precision import Compute
from core.errors import TrainingError
from core.training.checkpoint import Run, load_checkpoint, save_checkpoint
from core.training.data import Example, training_batches
from core.training.recipe import Recipe

VALIDATION_BATCH = 32


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training images gave; losses are cross-entropy in nats, lower is better."""

    epoch: int
    trains: str
    lr: float
    train_loss: float
    val_loss: float
    val_auc: float


@dataclass
class Progress:
    """Callbacks a caller may set to follow a run: after each batch, and after each epoch."""

    batch: Callable[[int, int, int], None] = lambda epoch, done, total: None  # noqa: ARG005
    epoch: Callable[[Epoch], None] = lambda result: None  # noqa: ARG005


@dataclass
class Fitted:
    """A network with the weights of its best epoch (lowest validation loss) and the run's history."""

    network: nn.Module
    history: list[Epoch] = field(default_factory=list)

    @property
    def best(self) -> Epoch:
        """The epoch whose weights were kept."""
        return min(self.history, key=lambda epoch: epoch.val_loss)


@dataclass
class _Learner:
    """The moving parts of a run; their state is what a checkpoint holds."""

    network: nn.Module
    optimiser: AdamW
    schedule: OneCycleLR
    history: list[Epoch]
    best_state: dict[str, Tensor]

    def state(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "history": [asdict(epoch) for epoch in self.history],
            "best_state": self.best_state,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.history = [Epoch(**epoch) for epoch in state["history"]]
        self.best_state = state["best_state"]


def fit(
    network: nn.Module,
    recipe: Recipe,
    train: list[Example],
    val: list[Example],
    *,
    run: Run,
    folder: Path,
    compute: Compute,
    workers: int = 0,
    progress: Progress | None = None,
) -> Fitted:
    """Train `network` as `recipe` says, or go on from the checkpoint in `folder`.

    A run that was interrupted and resumed gives, on the same machine, the weights of one that was not: the
    order and augmentation of the images depend only on the recipe's seed, the epoch and the image.

    Args:
        network: takes float32 `[N, 3, H, W]`, gives scores `[N, 2]` in the order of `CLASSES`.
        recipe: what to do.
        train: images to learn from.
        val: images to choose the best epoch by.
        run: what the checkpoint must belong to.
        folder: where the checkpoint is written after every epoch.
        compute: device and precision.
        workers: processes that prepare images; 0 prepares them in this one. Does not change the result.
        progress: told about every batch and epoch.

    Raises:
        TrainingError: if a class is missing, or the checkpoint is damaged or of another run.
    """
    _require_both_classes(train, "train")
    _require_both_classes(val, "val")
    progress = progress or Progress()
    loader, sampler = training_batches(train, recipe, workers)
    learner = _learner(network.to(memory_format=torch.channels_last).to(compute.device), recipe, len(loader))
    saved = load_checkpoint(folder, run)
    if saved is not None:
        learner.restore(saved)
    for epoch in range(len(learner.history), recipe.epochs):
        sampler.epoch = epoch
        train_loss = _train_epoch(learner, loader, recipe, epoch, compute, progress)
        learner.history.append(_validated(learner, recipe, val, epoch, train_loss, compute))
        if min(learner.history, key=lambda each: each.val_loss).epoch == epoch:
            learner.best_state = deepcopy(learner.network.state_dict())
        save_checkpoint(folder, run, learner.state())
        progress.epoch(learner.history[-1])
    learner.network.load_state_dict(learner.best_state)
    return Fitted(learner.network, learner.history)


def _require_both_classes(examples: list[Example], split: str) -> None:
    absent = set(CLASSES) - {example.label for example in examples}
    if absent:
        raise TrainingError(
            f"Split '{split}' has no image labelled {' or '.join(sorted(absent))}; a detector needs both."
        )


def _learner(network: nn.Module, recipe: Recipe, batches: int) -> _Learner:
    optimiser = AdamW(
        network.parameters(), lr=recipe.optimiser.lr, weight_decay=recipe.optimiser.weight_decay
    )
    schedule = OneCycleLR(
        optimiser,
        max_lr=recipe.optimiser.lr,
        total_steps=batches * recipe.epochs,
        pct_start=recipe.schedule.warmup,
    )
    return _Learner(network, optimiser, schedule, [], deepcopy(network.state_dict()))


def _prepare_stage(network: nn.Module, trains: str) -> None:
    """Let the whole network learn, or only its head; a frozen body keeps its batch statistics too."""
    network.train(mode=trains == "all")
    for name, parameter in network.named_parameters():
        parameter.requires_grad = trains == "all" or name.startswith("fc.")


def _train_epoch(
    learner: _Learner,
    loader: DataLoader[tuple[Tensor, int]],
    recipe: Recipe,
    epoch: int,
    compute: Compute,
    progress: Progress,
) -> float:
    _prepare_stage(learner.network, recipe.stage_of(epoch).trains)
    loss_of = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
    total = 0.0
    for done, (pictures, labels) in enumerate(loader, start=1):
        batch = pictures.to(compute.device, memory_format=torch.channels_last)
        learner.optimiser.zero_grad(set_to_none=True)
        with compute.autocast:
            scores = learner.network(batch)
        loss = loss_of(scores.float(), labels.to(compute.device))
        loss.backward()
        learner.optimiser.step()
        learner.schedule.step()
        total += float(loss.detach())
        progress.batch(epoch, done, len(loader))
    return total / len(loader)


def _validated(
    learner: _Learner, recipe: Recipe, val: list[Example], epoch: int, train_loss: float, compute: Compute
) -> Epoch:
    p_ai, truth = _validation_scores(learner.network, recipe, val, compute)
    return Epoch(
        epoch=epoch,
        trains=recipe.stage_of(epoch).trains,
        lr=float(learner.schedule.get_last_lr()[0]),
        train_loss=train_loss,
        val_loss=float(log_loss(truth, p_ai, labels=[0, 1])),
        val_auc=float(roc_auc_score(truth, p_ai)),
    )


def _validation_scores(
    network: nn.Module, recipe: Recipe, val: list[Example], compute: Compute
) -> tuple[list[float], list[int]]:
    """Score the middle window of each validation image; returns (softmax of `ai`, class index)."""
    network.eval()
    ai = CLASSES.index("ai")
    p_ai: list[float] = []
    for start in range(0, len(val), VALIDATION_BATCH):
        chunk = val[start : start + VALIDATION_BATCH]
        pictures = [recipe.preprocessing.tensor(images.open(each.path).image) for each in chunk]
        middle = torch.stack([windows[len(windows) // 2] for windows in pictures])
        with torch.inference_mode(), compute.autocast:
            scores = network(middle.to(compute.device, memory_format=torch.channels_last))
        p_ai += scores.float().softmax(dim=1)[:, ai].tolist()
    return p_ai, [CLASSES.index(each.label) for each in val]
