"""The rules that turn probabilities into words, whole columns at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.detectors.store import load_card
from core.errors import EvaluationError
from core.evaluation.model_names import told_apart
from core.verdict import Label, Thresholds

VERDICTS = (Label.HUMAN.value, Label.AI.value, Label.INCONCLUSIVE.value)
"""What a rule can say; its codes are the places in this tuple."""


@dataclass(frozen=True)
class Cut:
    """One threshold: `p_ai` above `at` is called ai, all else human, and nothing is left inconclusive.

    Raises:
        EvaluationError: if `at` is outside [0, 1].
    """

    at: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.at <= 1.0:
            raise EvaluationError(f"A threshold must lie in [0, 1], but is {self.at}; choose another.")


Rule = Cut | Thresholds
Rules = Mapping[str, Rule]
"""The rule of each model, by what it is called."""


def codes(p_ai: NDArray[np.floating], rule: Rule) -> NDArray[np.int8]:
    """Say what `rule` makes of probabilities `[N]`: int8 `[N]`, 0 human, 1 ai, 2 inconclusive."""
    if isinstance(rule, Cut):
        return (p_ai > rule.at).astype(np.int8)
    called = np.full(p_ai.shape, VERDICTS.index(Label.INCONCLUSIVE), np.int8)
    called[p_ai < rule.human_below] = VERDICTS.index(Label.HUMAN)
    called[p_ai > rule.ai_above] = VERDICTS.index(Label.AI)
    return called


def words(rules: Rules) -> tuple[str, ...]:
    """Return what these rules can say: `inconclusive` is among it if one of them is a band."""
    return VERDICTS if any(isinstance(rule, Thresholds) for rule in rules.values()) else VERDICTS[:2]


def shipped(models: Sequence[str]) -> dict[str, Rule]:
    """Return the band that each model ships with, by what `told_apart` calls it.

    Raises what `told_apart` raises.
    """
    return {called: load_card(model).rule for called, model in told_apart(models).items()}


def the_same(models: Iterable[str], rule: Rule) -> dict[str, Rule]:
    """Return one rule for all models."""
    return dict.fromkeys(models, rule)
