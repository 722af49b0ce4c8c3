"""Comparisons as the Compare page holds them: read and tested once for all sessions, again when a file changes."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

import pandas as pd
import streamlit as st

from core.corpus.manifest import Manifest
from core.detectors.card import CARD_FILE
from core.detectors.library import Entry, entries
from core.detectors.store import find_model
from core.evaluation import curves
from core.evaluation.comparison import Comparison
from core.evaluation.predictions import PREDICTIONS_FILE
from core.evaluation.robustness import ROBUSTNESS_FILE
from core.evaluation.selection import Choices, Joined, Selection, choices, load
from dashboard.corpus_shelf import shown_corpus

FILES: Final = (CARD_FILE, PREDICTIONS_FILE, ROBUSTNESS_FILE)
Stamp = tuple[int, ...]


class Held:
    """A comparison and the curves that no threshold changes, each computed when it is first asked for."""

    def __init__(self, joined: Joined) -> None:
        self.joined = joined
        self.comparison = Comparison(joined)

    @cached_property
    def roc(self) -> pd.DataFrame:
        """The ROC curves."""
        return curves.roc(self.joined)

    @cached_property
    def precision_recall(self) -> pd.DataFrame:
        """The precision-recall curves."""
        return curves.precision_recall(self.joined)

    @cached_property
    def reliability(self) -> pd.DataFrame:
        """The reliability diagrams."""
        return curves.reliability(self.joined)

    @cached_property
    def histograms(self) -> pd.DataFrame:
        """The histograms of each class."""
        return curves.histograms(self.joined)


def comparable() -> list[Entry]:
    """Return the models that have a card and predictions."""
    return [
        entry for entry in entries() if entry.card is not None and (entry.folder / PREDICTIONS_FILE).is_file()
    ]


def offered(models: Sequence[str], split: str) -> Choices:
    """Return what can be chosen for these models in a split.

    Raises what `core.evaluation.selection.choices` raises.
    """
    corpus = shown_corpus()
    return _offered(tuple(models), split, _stamp(models), corpus.version, corpus)


def compared(models: Sequence[str], selection: Selection) -> Held:
    """Return the comparison of models on images of the corpus.

    Raises what `core.evaluation.selection.load` raises.
    """
    corpus = shown_corpus()
    return _compared(tuple(models), selection, _stamp(models), corpus.version, corpus)


def after_conditions(models: Sequence[str], selection: Selection) -> Mapping[str, Joined]:
    """Return what models said after each condition that some were measured under, `curves.CLEAN` first.

    Raises what `core.evaluation.selection.load` raises.
    """
    corpus = shown_corpus()
    return _after_conditions(tuple(models), selection, _stamp(models), corpus.version, corpus)


def _stamp(models: Sequence[str]) -> Stamp:
    """When the files of models last changed, in nanoseconds; 0 for a file that is not there."""
    paths = [find_model(model) / name for model in models for name in FILES]
    return tuple(_changed(path) for path in paths)


def _changed(path: Path) -> int:
    return path.stat().st_mtime_ns if path.is_file() else 0


@st.cache_resource(max_entries=50, show_spinner=False)
def _offered(
    models: tuple[str, ...],
    split: str,
    stamp: Stamp,  # noqa: ARG001  (read again when a file changes)
    version: str,  # noqa: ARG001
    _corpus: Manifest,
) -> Choices:
    return choices(models, _corpus, split)


@st.cache_resource(max_entries=30, show_spinner="Comparing…")
def _compared(
    models: tuple[str, ...],
    selection: Selection,
    stamp: Stamp,  # noqa: ARG001  (read again when a file changes)
    version: str,  # noqa: ARG001
    _corpus: Manifest,
) -> Held:
    return Held(load(models, selection, _corpus))


@st.cache_resource(max_entries=10, show_spinner="Reading what was measured…")
def _after_conditions(
    models: tuple[str, ...],
    selection: Selection,
    stamp: Stamp,  # noqa: ARG001  (read again when a file changes)
    version: str,  # noqa: ARG001
    _corpus: Manifest,
) -> Mapping[str, Joined]:
    return curves.after_each(models, selection, _corpus)
