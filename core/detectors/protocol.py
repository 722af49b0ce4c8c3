"""What every detector offers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from core.images import Artwork

if TYPE_CHECKING:
    from torch import Tensor

    from core.detectors.card import Card


class Detector(Protocol):
    """Maps artworks to calibrated probabilities of having been generated."""

    @property
    def card(self) -> Card:
        """What the model is and how good it is."""
        ...

    def raw_margins(self, artworks: Sequence[Artwork]) -> NDArray[np.float32]:
        """Return the score of `ai` minus that of `human` of each artwork, uncalibrated: float32 `[N]`."""
        ...

    def predict(self, artworks: Sequence[Artwork]) -> NDArray[np.float32]:
        """Return `p_ai` of each artwork: float32 `[N]` in [0, 1], calibrated."""
        ...


@runtime_checkable
class JudgesCrops(Protocol):
    """What a detector offers besides that sees no more of a picture than its windows."""

    def predict_crops(self, crops: Sequence[Tensor]) -> NDArray[np.float32]:
        """Return `p_ai` of pictures given as `Preprocessing.crops` cuts them, at least one: float32 `[N]`."""
        ...


@runtime_checkable
class Staged(Protocol):
    """What a detector made of several models offers besides: which of them judged."""

    def predict_by_stage(self, artworks: Sequence[Artwork]) -> tuple[NDArray[np.float32], list[str]]:
        """Return `predict` of the artworks, float32 `[N]`, and the name of the model that judged each."""
        ...
