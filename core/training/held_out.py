"""Which images to hold out together, so that a figure tells how a model does on what it never saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from core.corpus.manifest import LABELS
from core.errors import TrainingError

Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Fold:
    """Rows to fit on and rows to predict, both as positions in the frame."""

    fitted: Rows
    held_out: Rows


def by_source(frame: pd.DataFrame, folds: int, seed: int) -> list[Fold]:
    """Divide the sources into `folds` parts of like composition; each part is held out once.

    Raises:
        TrainingError: if a class has fewer sources than there are folds.
    """
    return _folds(frame, frame["source"], folds, seed)


def by_family_and_source(frame: pd.DataFrame, folds: int, seed: int) -> list[Fold]:
    """Hold out generator families (ai) and sources (human); each is held out once.

    No image of a held-out source is fitted on, so a gallery that shows several families cannot give its
    look away.

    Raises:
        TrainingError: if there are fewer families, or fewer human sources, than folds.
    """
    return [_without_shared_sources(frame, fold) for fold in _folds(frame, groups_of(frame), folds, seed)]


def expect_both_labels(frame: pd.DataFrame, folds: Sequence[Fold]) -> None:
    """Check before any work that what is left without each fold has works of both labels.

    Raises:
        TrainingError: if a fold shares its sources with all works of a label.
    """
    for number, fold in enumerate(folds, start=1):
        for label in sorted(set(LABELS) - set(frame["label"].iloc[fold.fitted])):
            raise TrainingError(
                f"Fold {number} of {len(folds)} shares its sources with all {label} works of train and val, so that none is left "
                f"to fit on: add {label} works of other sources."
            )


def groups_of(frame: pd.DataFrame) -> pd.Series:
    """Return what each work is held out with: the family of a generated one, the source of another."""
    return frame["family"].where(frame["label"] == "ai", frame["source"])


def one_family(frame: pd.DataFrame, family: str) -> Fold:
    """Hold out one generator family, and fit on everything that shares no source with it."""
    of_family = (frame["family"] == family).to_numpy()
    return _without_shared_sources(frame, Fold(np.flatnonzero(~of_family), np.flatnonzero(of_family)))


def _folds(frame: pd.DataFrame, groups: pd.Series, folds: int, seed: int) -> list[Fold]:
    fewest = int(groups.groupby(frame["label"]).nunique().reindex(LABELS, fill_value=0).min())
    if fewest < folds:
        raise TrainingError(
            f"{folds} folds cannot be held out: one class has only {fewest} groups (families, or sources); "
            "lower `folds` in the recipe or add sources to the corpus."
        )
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    return [Fold(fitted, held_out) for fitted, held_out in splitter.split(frame, frame["label"], groups)]


def _without_shared_sources(frame: pd.DataFrame, fold: Fold) -> Fold:
    shared = frame["source"].isin(set(frame["source"].iloc[fold.held_out])).to_numpy()
    return Fold(fold.fitted[~shared[fold.fitted]], fold.held_out)
