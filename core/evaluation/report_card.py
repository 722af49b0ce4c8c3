"""Puts a model's figures on its card."""

from __future__ import annotations

from pathlib import Path

from core.detectors.card import SplitFigures, read_card, write_card
from core.evaluation.metrics import figures_with_intervals
from core.evaluation.predictions import REPORTED_SPLITS, read_predictions


def refresh_card(folder: Path) -> None:
    """Recompute every figure of a model's card from its `predictions.csv`."""
    card = read_card(folder)
    predictions = read_predictions(folder)
    splits = {}
    for split in REPORTED_SPLITS:
        part = predictions[predictions["split"] == split]
        if part.empty:
            continue
        splits[split] = SplitFigures(
            human=int((part["label"] == "human").sum()),
            ai=int((part["label"] == "ai").sum()),
            figures=figures_with_intervals(part, card.band),
        )
    write_card(card.model_copy(update={"splits": splits}), folder)
