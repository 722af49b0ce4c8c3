"""Puts the card of a new model into its folder, and takes away what the model before it left there."""

from __future__ import annotations

from pathlib import Path

from core.detectors.card import CARD_FILE, Card, write_card
from core.detectors.cascade import STAGES_FILE
from core.detectors.classical import PIPELINE_FILE
from core.detectors.int8 import INT8_FILE
from core.detectors.resnet import HEAD_FILE, WEIGHTS_FILE
from core.evaluation.held_out_margins import HELD_OUT_FILE
from core.training.history import HISTORY_FILE

CHANGES_FILE = "what-changed.md"
MADE = (
    WEIGHTS_FILE,
    HEAD_FILE,
    INT8_FILE,
    PIPELINE_FILE,
    STAGES_FILE,
    HISTORY_FILE,
    HELD_OUT_FILE,
    CHANGES_FILE,
)
"""Files that come with a model, but for its card and what is measured of it."""


def publish_card(card: Card, folder: Path) -> None:
    """Write the card of a new model, whose files are in its folder already; then no file of the model before it stays.

    In a folder that held no model nothing is removed.
    """
    held_a_model = (folder / CARD_FILE).exists()
    write_card(card, folder)
    if held_a_model:
        for name in set(MADE) - _files_of(card):
            (folder / name).unlink(missing_ok=True)


def _files_of(card: Card) -> set[str]:
    files = {card.weights.file}
    if card.weights.int8 is not None:
        files.add(card.weights.int8.file)
    if card.family == "resnet18":
        files.add(HISTORY_FILE)
    if card.family != "cascade":
        files.add(HELD_OUT_FILE)
    return files
