"""Robustness as a table for people."""

from __future__ import annotations

import pandas as pd

from core.detectors.card import Interval, SplitFigures
from core.evaluation.metrics import METRICS
from core.evaluation.perturbations import CONDITIONS
from core.evaluation.robustness import KEPT_METRICS
from core.evaluation.tables import cell

UNPERTURBED = "as it is"


def robustness_of_split(figures: SplitFigures) -> pd.DataFrame:
    """Return what is left of a model on one split after each perturbation that it was measured under: a row per condition.

    The first row is of the pictures as they are. "AUC lost" is paired with it; below 0 nothing was lost.
    """
    rows = {UNPERTURBED: _row(figures.figures, None)}
    for name, condition in CONDITIONS.items():
        if name in figures.robustness:
            perturbed = figures.robustness[name]
            kept = {figure: getattr(perturbed, figure) for figure in KEPT_METRICS}
            rows[condition.title] = _row(kept, perturbed.auc_lost)
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("what was done to every picture")


def _row(figures: dict[str, Interval], lost: Interval | None) -> dict[str, str]:
    auc, *others = KEPT_METRICS
    row = {METRICS[auc].title: cell(figures.get(auc)), "AUC lost": "" if lost is None else cell(lost)}
    return row | {METRICS[name].title: cell(figures.get(name)) for name in others}
