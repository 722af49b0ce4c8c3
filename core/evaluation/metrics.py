"""The figures of a detector, from labels and probabilities alone.

Positive class is `ai`. Wherever a figure is not defined on the images at hand (one class only, say) the
functions raise `EvaluationError` rather than return a NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, roc_auc_score, roc_curve

from core.detectors.card import Interval
from core.errors import EvaluationError
from core.verdict import Thresholds

ECE_BINS = 15
EVEN_ODDS = 0.5

Truth = NDArray[np.bool_]
Scores = NDArray[np.float64]


def expected_calibration_error(truth: Truth, p_ai: Scores, bins: int = ECE_BINS) -> float:
    """Return the mean gap between probability and frequency over bins of equal mass, in [0, 1].

    Source: Naeini et al., Obtaining Well Calibrated Probabilities Using Bayesian Binning (2015), with bins
    of equal mass as in Nguyen and O'Connor (2015).
    """
    order = np.argsort(p_ai, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    gaps = [len(part) * abs(float(p_ai[part].mean()) - float(truth[part].mean())) for part in parts]
    return sum(gaps) / len(p_ai)


def tpr_at_fpr(truth: Truth, p_ai: Scores, fpr: float) -> float:
    """Return the largest share of ai works found by a threshold that accuses at most `fpr` of human ones."""
    false_rates, true_rates, _ = roc_curve(truth, p_ai, drop_intermediate=False)
    return float(true_rates[false_rates <= fpr].max())


@dataclass(frozen=True)
class Figure:
    """A metric: how to compute it and how to name it to a reader. `better` is "higher" or "lower"."""

    name: str
    title: str
    better: str
    compute: Callable[[Truth, Scores, Thresholds], float]


def _decided(truth: Truth, p_ai: Scores, band: Thresholds) -> float:
    called_ai, called_human = p_ai > band.ai_above, p_ai < band.human_below
    decided = called_ai | called_human
    if not decided.any():
        raise EvaluationError("No image was decided: every one fell into the inconclusive band.")
    return float((called_ai[decided] == truth[decided]).mean())


def _coverage(truth: Truth, p_ai: Scores, band: Thresholds) -> float:  # noqa: ARG001  (one signature for all)
    return float(((p_ai > band.ai_above) | (p_ai < band.human_below)).mean())


FIGURES: dict[str, Figure] = {
    figure.name: figure
    for figure in (
        Figure("auc", "ROC AUC", "higher", lambda t, p, _: float(roc_auc_score(t, p))),
        Figure(
            "balanced_accuracy",
            "balanced accuracy at 0.5",
            "higher",
            lambda t, p, _: float(balanced_accuracy_score(t, p > EVEN_ODDS)),
        ),
        Figure("tpr_at_1_fpr", "TPR at 1 % FPR", "higher", lambda t, p, _: tpr_at_fpr(t, p, 0.01)),
        Figure("tpr_at_5_fpr", "TPR at 5 % FPR", "higher", lambda t, p, _: tpr_at_fpr(t, p, 0.05)),
        Figure(
            "human_called_ai",
            "human works called ai",
            "lower",
            lambda t, p, band: float((p[~t] > band.ai_above).mean()),
        ),
        Figure(
            "ai_called_human",
            "ai works called human",
            "lower",
            lambda t, p, band: float((p[t] < band.human_below).mean()),
        ),
        Figure("coverage", "share decided", "higher", _coverage),
        Figure("decided_accuracy", "accuracy where decided", "higher", _decided),
        Figure("ece", "calibration error", "lower", lambda t, p, _: expected_calibration_error(t, p)),
        Figure("brier", "Brier score", "lower", lambda t, p, _: float(brier_score_loss(t, p))),
    )
}


def figures_with_intervals(
    frame: pd.DataFrame, band: Thresholds, *, rounds: int = 1000, seed: int = 0
) -> dict[str, Interval]:
    """Compute every figure of `FIGURES` that these images define, with a 95 % interval.

    The interval is a percentile bootstrap over sources (a source's images stand or fall together; Davison
    and Hinkley, Bootstrap Methods, 1997, section 3.8), sources drawn within each class so that no draw loses
    a class. Draws that do not define a figure do not count for it.

    Args:
        frame: rows of `predictions.csv`.
        band: the model's thresholds.
        rounds: bootstrap draws.
        seed: of the draws.

    Raises:
        EvaluationError: if a class is missing from `frame`.
    """
    truth, p_ai = arrays(frame)
    resamples = list(_resamples(frame, rounds, seed))
    result = {}
    for name, figure in FIGURES.items():
        value = _defined(figure, truth, p_ai, band)
        if value is None:
            continue
        drawn = [_defined(figure, truth[rows], p_ai[rows], band) for rows in resamples]
        low, high = np.quantile([draw for draw in drawn if draw is not None] or [value], [0.025, 0.975])
        result[name] = Interval(value=round(value, 4), low=round(float(low), 4), high=round(float(high), 4))
    return result


def _defined(figure: Figure, truth: Truth, p_ai: Scores, band: Thresholds) -> float | None:
    """Compute a figure, or return None where these images do not define it (none was decided, say)."""
    try:
        return figure.compute(truth, p_ai, band)
    except EvaluationError:
        return None


def arrays(frame: pd.DataFrame) -> tuple[Truth, Scores]:
    """Return (is it ai, p_ai) of each row.

    Raises:
        EvaluationError: if a class is missing.
    """
    truth = (frame["label"] == "ai").to_numpy()
    if truth.all() or not truth.any():
        raise EvaluationError(f"These {len(truth)} images are all of one class; figures need both.")
    return truth, frame["p_ai"].to_numpy(dtype=np.float64)


def _resamples(frame: pd.DataFrame, rounds: int, seed: int) -> list[NDArray[np.intp]]:
    rng = np.random.default_rng(seed)
    groups = [
        [rows.to_numpy() for _, rows in of_class.groupby("source")["row"]]
        for _, of_class in frame.assign(row=np.arange(len(frame))).groupby("label")
    ]
    return [
        np.concatenate(
            [of_class[i] for of_class in groups for i in rng.integers(len(of_class), size=len(of_class))]
        )
        for _ in range(rounds)
    ]
