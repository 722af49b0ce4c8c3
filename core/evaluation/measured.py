"""Which measurements belong to a model as it is now: the card keeps a fingerprint of each."""

from __future__ import annotations

from pathlib import Path

from core.detectors.card import Card, identity, read_card, write_card
from core.errors import EvaluationError
from core.evaluation.perturbations import Condition
from core.evaluation.remedies import SHIPPED, how_to_evaluate

UNPERTURBED = Condition("unperturbed", "unperturbed", ())
"""The condition of `predictions.csv`."""


def fingerprint(card: Card, condition: Condition) -> str:
    """Return 16 hex digits that change with whatever decides `p_ai` under `condition`."""
    return identity(card, condition.fingerprint)


def is_current(card: Card, condition: Condition) -> bool:
    """Tell whether the card records this condition as measured with the model as the card describes it."""
    return card.measured.get(condition.name) == fingerprint(card, condition)


def expect_current(card: Card, folder: Path, corpus: Path = SHIPPED) -> None:
    """Check that `predictions.csv` in the folder of a model holds what the model says as the card describes it.

    The error names the command that measures it on the manifest `corpus`.

    Raises:
        EvaluationError: it was made before the model was trained, rounded or calibrated anew.
    """
    if not is_current(card, UNPERTURBED):
        raise EvaluationError(
            f"The predictions of model '{card.name}' were made before it was trained anew, or its card was changed: run "
            f"`{how_to_evaluate(folder, corpus=corpus)}`."
        )


def record(folder: Path, condition: Condition, made_with: str) -> None:
    """Note on the card of a model folder that `condition` was measured, and by which fingerprint."""
    card = read_card(folder)
    write_card(card.model_copy(update={"measured": card.measured | {condition.name: made_with}}), folder)
