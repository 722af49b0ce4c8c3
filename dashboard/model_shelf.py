"""The models as the pages hold them: each card is read once, and again when it changes."""

from pathlib import Path

import streamlit as st

from core.detectors import library
from core.detectors.card import CARD_FILE, Card, read_card
from core.detectors.library import Entry


def shelf() -> list[Entry]:
    """Return every folder of `models/`, with its card or with what is wrong with it."""
    return library.entries(_card)


def _card(folder: Path) -> Card:
    path = folder / CARD_FILE
    return _read(folder, path.stat().st_mtime_ns if path.is_file() else 0)


@st.cache_resource(max_entries=200, show_spinner=False)
def _read(folder: Path, changed: int) -> Card:  # noqa: ARG001  (nanoseconds: a changed card is read again)
    return read_card(folder)
