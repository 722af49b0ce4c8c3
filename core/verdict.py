"""The rule that turns a calibrated probability into a verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from core.errors import ModelError


class Label(StrEnum):
    """What a verdict can say."""

    HUMAN = "human"
    AI = "ai"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Thresholds:
    """The edges of the inconclusive band, both probabilities of `ai` in [0, 1].

    Raises:
        ModelError: if the edges are outside [0, 1] or in the wrong order.
    """

    human_below: float
    ai_above: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.human_below <= self.ai_above <= 1.0:
            raise ModelError(
                "Thresholds must satisfy 0 <= human_below <= ai_above <= 1, but the model gives "
                f"human_below={self.human_below} and ai_above={self.ai_above}; correct its card.toml."
            )

    def label(self, p_ai: float) -> Label:
        """Name the side of the band on which `p_ai` falls; the edges themselves are inconclusive."""
        if p_ai < self.human_below:
            return Label.HUMAN
        if p_ai > self.ai_above:
            return Label.AI
        return Label.INCONCLUSIVE


@dataclass(frozen=True)
class Verdict:
    """What one model says of one artwork, with everything that decided it."""

    label: Label
    p_ai: float
    model: str
    thresholds: Thresholds


def decide(p_ai: float, thresholds: Thresholds, model: str) -> Verdict:
    """Turn a calibrated probability into a `Verdict`.

    Args:
        p_ai: calibrated probability in [0, 1] that the artwork was generated.
        thresholds: the model's inconclusive band.
        model: the model's name.

    Raises:
        ModelError: if `p_ai` is not a probability.
    """
    if math.isnan(p_ai) or not 0.0 <= p_ai <= 1.0:
        raise ModelError(f"Model '{model}' gave p_ai={p_ai}, which is no probability; reinstall the model.")
    return Verdict(thresholds.label(p_ai), float(p_ai), model, thresholds)
