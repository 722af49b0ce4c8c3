"""How a model holds when pictures were re-saved, resized or blurred: `robustness.csv` and its figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from core.detectors.card import Card, Perturbed
from core.errors import EvaluationError
from core.evaluation.bootstrap import ROUNDS, Draws
from core.evaluation.measured import is_current
from core.evaluation.metrics import METRICS, arrays, interval
from core.evaluation.perturbations import ALL, CONDITIONS
from core.evaluation.remedies import SHIPPED, how_to_evaluate
from core.verdict import Thresholds

ROBUSTNESS_FILE = "robustness.csv"
PERTURBED_SPLITS = ("test", "ood")
KEY = "sha256"
KEPT_METRICS = ("auc", "human_called_ai", "ai_called_human", "coverage")
"""Figures that stand on the card for every condition."""


def read_robustness(folder: Path, corpus: Path = SHIPPED) -> pd.DataFrame:
    """Read `robustness.csv` of a model folder; errors name the command that makes it for the manifest `corpus`.

    Returns:
        column `sha256` (text, each image once), then one column of `p_ai` per measured condition, named and
        ordered as in `CONDITIONS`: float64 in [0, 1], none missing.

    Raises:
        EvaluationError: if the file is missing, names a condition that is not known, or holds a value that is
            no probability.
    """
    path = folder / ROBUSTNESS_FILE
    remake = f"`{how_to_evaluate(folder, corpus=corpus, condition=ALL)}`"
    if not path.exists():
        raise EvaluationError(f"{path} is missing; make it with {remake}.")
    frame = read_probabilities(path, f"restore it, or delete it and run {remake}")
    columns = [name for name in CONDITIONS if name in frame.columns]
    if set(frame.columns) != {KEY, *columns} or not columns:
        raise EvaluationError(
            f"{path} must have the column {KEY} and columns named after perturbations ({', '.join(CONDITIONS)}), "
            f"but has {', '.join(map(str, frame.columns))}; restore it, or delete it and run {remake}."
        )
    return frame[[KEY, *columns]]


def read_probabilities(path: Path, remedy: str) -> pd.DataFrame:
    """Read a table with the column `sha256` (text) and columns of probabilities (float64).

    Args:
        path: a CSV file.
        remedy: what to do if it is none; ends the sentence of the error.

    Raises:
        EvaluationError: if it cannot be read, names an image twice, or holds what is no probability.
    """
    try:
        frame = pd.read_csv(path, dtype={KEY: str}, keep_default_na=False)
        repeated = int(frame[KEY].duplicated().sum())
        frame = frame.astype({name: float for name in frame.columns if name != KEY})
    except (KeyError, ValueError) as error:
        raise EvaluationError(f"{path} cannot be read ({error}); {remedy}.") from error
    if repeated:
        raise EvaluationError(f"{path} must name each image once, but names {repeated} again; {remedy}.")
    inside = frame.drop(columns=KEY).apply(lambda column: column.between(0, 1))
    if not inside.to_numpy().all():
        raise EvaluationError(
            f"{path} must hold probabilities from 0 to 1, but {int((~inside).sum().sum())} values are none; {remedy}."
        )
    return frame


def current_columns(folder: Path, card: Card, corpus: Path = SHIPPED) -> pd.DataFrame:
    """Return what was measured with the model as its card describes it; errors as those of `read_robustness`.

    Returns:
        float64, a row per image (index `sha256`) and a column per condition; empty if nothing was measured.

    Raises:
        EvaluationError: if there is a `robustness.csv` that cannot be read.
    """
    if not (folder / ROBUSTNESS_FILE).exists():
        return pd.DataFrame(index=pd.Index([], name=KEY, dtype=str))
    frame = read_robustness(folder, corpus).set_index(KEY)
    return frame[[name for name in frame.columns if is_current(card, CONDITIONS[name])]]


def robustness_figures(
    frame: pd.DataFrame,
    perturbed: pd.DataFrame,
    band: Thresholds,
    command: str,
    *,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> dict[str, Perturbed]:
    """Compute what is left of a model's figures after each condition, with 95 % intervals.

    The intervals are those of `figures_with_intervals` (bootstrap over sources, within each class). That of the
    AUC lost is paired: each draw takes the same images before and after.

    Args:
        frame: rows of `predictions.csv`, of one split.
        perturbed: `p_ai` of at least the same images (index `sha256`), a column per condition; none gives none.
        band: the model's thresholds.
        command: what measures the model again, for the error.
        rounds: bootstrap draws.
        seed: of the draws.

    Raises:
        EvaluationError: if a class is missing from `frame`, or an image from `perturbed`.
    """
    if perturbed.columns.empty:
        return {}
    absent = ~frame[KEY].isin(perturbed.index)
    if absent.any():
        raise EvaluationError(
            f"{int(absent.sum())} of {len(frame)} images of predictions.csv are not in {ROBUSTNESS_FILE} (the first "
            f"is {frame[KEY][absent].iloc[0]}); measure again with `{command}`."
        )
    truth, before = arrays(frame)
    draws = Draws.of(truth, frame["source"], rounds, seed)
    auc = METRICS["auc"]
    found = {}
    for name in perturbed.columns:
        after = perturbed.loc[frame[KEY], name].to_numpy(dtype=np.float64)
        lost = auc.compute(truth, before, band) - auc.compute(truth, after, band)
        drawn_lost = auc.draw(draws, truth, before, band) - auc.draw(draws, truth, after, band)
        kept = {}
        for figure in map(METRICS.__getitem__, KEPT_METRICS):
            value, drawn = figure.compute(truth, after, band), figure.draw(draws, truth, after, band)
            kept[figure.name] = figure.interval(value, drawn, truth, after, band).rounded()
        found[str(name)] = Perturbed(auc_lost=interval(lost, drawn_lost).rounded(), **kept)
    return found
