"""Optimisers and schedules a recipe can name, each built by torch's own class.

A schedule is stepped after every batch; rates that change by the epoch do so after its last batch.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR, StepLR


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AdamW(_Table):
    """Loshchilov and Hutter, Decoupled Weight Decay Regularization (2019)."""

    name: Literal["adamw"]
    lr: float = Field(gt=0)
    weight_decay: float = Field(ge=0)

    def build(self, parameters: Iterable[nn.Parameter]) -> Optimizer:
        """Return the optimiser of these parameters."""
        return torch.optim.AdamW(parameters, lr=self.lr, weight_decay=self.weight_decay, fused=True)


class RMSprop(_Table):
    """Tieleman and Hinton, Lecture 6.5: RMSprop (2012)."""

    name: Literal["rmsprop"]
    lr: float = Field(gt=0)
    momentum: float = Field(ge=0, lt=1)

    def build(self, parameters: Iterable[nn.Parameter]) -> Optimizer:
        """Return the optimiser of these parameters."""
        return torch.optim.RMSprop(parameters, lr=self.lr, momentum=self.momentum)


class OneCycle(_Table):
    """One warm-up and one cosine decay over all steps (Smith and Topin, Super-Convergence, 2019).

    The momentum runs against the rate, as in the paper, except for RMSprop, whose momentum the recipe states.
    """

    name: Literal["one-cycle"]
    warmup: float = Field(gt=0, lt=1, description="share of the steps in which the rate rises")

    def build(self, optimiser: Optimizer, lr: float, batches: int, epochs: int) -> LRScheduler:
        """Return the schedule of a run of `epochs` epochs of `batches` steps, with `lr` as its peak."""
        return OneCycleLR(
            optimiser,
            max_lr=lr,
            total_steps=batches * epochs,
            pct_start=self.warmup,
            cycle_momentum="betas" in optimiser.defaults,
        )


class Steps(_Table):
    """The rate is multiplied by `gamma` after every `epochs` epochs (torch's StepLR)."""

    name: Literal["step"]
    epochs: int = Field(ge=1)
    gamma: float = Field(gt=0, le=1)

    def build(self, optimiser: Optimizer, lr: float, batches: int, epochs: int) -> LRScheduler:  # noqa: ARG002
        """Return the schedule of a run of epochs of `batches` steps; it goes on however long the run is."""
        return StepLR(optimiser, step_size=self.epochs * batches, gamma=self.gamma)


Optimiser = AdamW | RMSprop
Schedule = OneCycle | Steps
