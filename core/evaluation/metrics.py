"""The figures of a detector, from labels and probabilities alone.

Positive class is `ai`. Wherever a metric is not defined on the images at hand (one class only, say) the
functions raise `EvaluationError` or return `NotDefined` rather than a NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss, roc_auc_score, roc_curve

from core.detectors.card import Interval
from core.errors import EvaluationError
from core.evaluation.bootstrap import (
    Draws,
    Scores,
    Truth,
    Values,
    auc_draws,
    calibration_errors,
    tpr_at_fpr_draws,
)
from core.evaluation.rules import VERDICTS, Cut, Rule, codes
from core.evaluation.undefined import NotDefined
from core.evaluation.wilson import wilson

ECE_BINS = 15
EVEN_ODDS = Cut(0.5)
EDGES = (0.025, 0.975)
"""The quantiles of the draws that bound a 95 % interval."""

HUMAN, AI, UNDECIDED = range(len(VERDICTS))


def expected_calibration_error(truth: Truth, p_ai: Scores, bins: int = ECE_BINS) -> float:
    """Return the mean gap between probability and frequency over bins of equal mass, in [0, 1].

    Source: Naeini et al., Obtaining Well Calibrated Probabilities Using Bayesian Binning (2015), with bins
    of equal mass as in Nguyen and O'Connor (2015), see `calibration_errors`.
    """
    once = np.ones((1, len(truth)))
    return float(calibration_errors(once, np.arange(len(truth)), truth, p_ai, bins)[0])


def tpr_at_fpr(truth: Truth, p_ai: Scores, fpr: float) -> float:
    """Return the largest share of ai works found by a threshold that accuses at most `fpr` of human ones."""
    false_rates, true_rates, _ = roc_curve(truth, p_ai, drop_intermediate=False)
    return float(true_rates[false_rates <= fpr].max())


@dataclass(frozen=True)
class Metric:
    """A metric: how to name it to a reader, how to compute it, and how to compute it over bootstrap draws.

    `better` is "higher" or "lower"; `needs` the labels without which it is not defined; `follows_rule` says
    whether it depends on the rule at all. `compute` raises `EvaluationError` where nothing defines the
    metric; `draw` returns NaN for such draws, `[rounds]`. `images` counts the images that it is a share of, of a mean over
    both classes those of the smaller, and is None where it is neither.
    """

    name: str
    title: str
    better: str
    needs: frozenset[str]
    follows_rule: bool
    compute: Callable[[Truth, Scores, Rule], float]
    draw: Callable[[Draws, Truth, Scores, Rule], Values]
    images: Callable[[Truth, Scores, Rule], int] | None = None

    def interval(self, value: float, drawn: Values, truth: Truth, p_ai: Scores, rule: Rule) -> Interval:
        """Put the 95 % interval around a value of these images, of which `drawn` are the draws; see `interval`."""
        return interval(value, drawn, self.images and self.images(truth, p_ai, rule))


BOTH = frozenset({"human", "ai"})
ANY: frozenset[str] = frozenset()


def cells(truth: Truth, p_ai: Scores, rule: Rule) -> NDArray[np.int64]:
    """Count images by label (human, ai) and by what the rule says (human, ai, inconclusive): `[2, 3]`."""
    return np.bincount(_kinds(truth, p_ai, rule), minlength=6).reshape(2, 3)


def _kinds(truth: Truth, p_ai: Scores, rule: Rule) -> NDArray[np.intp]:
    return truth * len(VERDICTS) + codes(p_ai, rule).astype(np.intp)


def _scored(
    name: str,
    title: str,
    better: str,
    compute: Callable[[Truth, Scores], float],
    draw: Callable[[Draws, Truth, Scores], Values],
    needs: frozenset[str] = BOTH,
    *,
    images: Callable[[Truth], int] | None = None,
) -> Metric:
    """A metric of the probabilities, whatever the rule; `images` counts those of which it is a share."""
    return Metric(
        name,
        title,
        better,
        needs,
        False,
        lambda t, p, _: compute(t, p),
        lambda d, t, p, _: draw(d, t, p),
        None if images is None else lambda t, *_: images(t),
    )


def _counted(
    name: str,
    title: str,
    better: str,
    compute: Callable[[Values], Values],
    needs: frozenset[str] = ANY,
    *,
    at: Rule | None = None,
    whole: Callable[[Values], Values] | None = None,
) -> Metric:
    """A metric of the counts `[..., 2, 3]` that the rule, or always the rule `at`, leads to; `whole` of a share."""

    def of_counts(counts: Values) -> Values:
        with np.errstate(invalid="ignore", divide="ignore"):
            return compute(counts)

    def counts_at(truth: Truth, p_ai: Scores, rule: Rule) -> Values:
        return cells(truth, p_ai, at or rule).astype(np.float64)

    def of_images(truth: Truth, p_ai: Scores, rule: Rule) -> float:
        value = float(of_counts(counts_at(truth, p_ai, rule)))
        if np.isnan(value):
            raise EvaluationError(f"No image here counts for '{title}': choose other images or thresholds.")
        return value

    def draw(draws: Draws, truth: Truth, p_ai: Scores, rule: Rule) -> Values:
        return of_counts(draws.tallies(_kinds(truth, p_ai, at or rule), 6).reshape(-1, 2, 3))

    images = None if whole is None else lambda t, p, rule: int(whole(counts_at(t, p, rule)))
    return Metric(name, title, better, needs, at is None, of_images, draw, images)


def _share(
    name: str,
    title: str,
    better: str,
    part: Callable[[Values], Values],
    whole: Callable[[Values], Values],
    needs: frozenset[str] = ANY,
) -> Metric:
    """A share of the counts `[..., 2, 3]` that the rule leads to."""
    return _counted(name, title, better, lambda counts: part(counts) / whole(counts), needs, whole=whole)


def _cell(row: int, column: int) -> Callable[[Values], Values]:
    return lambda counts: counts[..., row, column]


def _row(row: int) -> Callable[[Values], Values]:
    return lambda counts: counts[..., row, :].sum(axis=-1)


def _balanced(counts: Values) -> Values:
    of_human, of_ai = _row(HUMAN)(counts), _row(AI)(counts)
    balanced: Values = (counts[..., HUMAN, HUMAN] / of_human + counts[..., AI, AI] / of_ai) / 2
    return balanced


def _right(counts: Values) -> Values:
    right: Values = counts[..., HUMAN, HUMAN] + counts[..., AI, AI]
    return right


def _decided(counts: Values) -> Values:
    decided: Values = counts[..., :UNDECIDED].sum(axis=(-2, -1))
    return decided


def _decided_balanced(counts: Values) -> Values:
    of_human, of_ai = counts[..., HUMAN, :UNDECIDED], counts[..., AI, :UNDECIDED]
    balanced: Values = (
        of_human[..., HUMAN] / of_human.sum(axis=-1) + of_ai[..., AI] / of_ai.sum(axis=-1)
    ) / 2
    return balanced


def _ai_works(truth: Truth) -> int:
    return int(truth.sum())


def _fewer_works(truth: Truth) -> int:
    """Count the works of the class that has fewer."""
    return int(min(truth.sum(), (~truth).sum()))


def _everything(counts: Values) -> Values:
    everything: Values = counts.sum(axis=(-2, -1))
    return everything


def _named(*metrics: Metric) -> Mapping[str, Metric]:
    return MappingProxyType({metric.name: metric for metric in metrics})


METRICS = _named(
    _scored(
        "auc", "ROC AUC", "higher", lambda t, p: float(roc_auc_score(t, p)), auc_draws, images=_fewer_works
    ),
    _counted(
        "balanced_accuracy",
        "balanced accuracy at 0.5",
        "higher",
        _balanced,
        BOTH,
        at=EVEN_ODDS,
        whole=lambda counts: counts.sum(axis=-1).min(axis=-1),
    ),
    _scored(
        "tpr_at_1_fpr",
        "TPR at 1 % FPR",
        "higher",
        lambda t, p: tpr_at_fpr(t, p, 0.01),
        lambda d, t, p: tpr_at_fpr_draws(d, t, p, 0.01),
        images=_ai_works,
    ),
    _scored(
        "tpr_at_5_fpr",
        "TPR at 5 % FPR",
        "higher",
        lambda t, p: tpr_at_fpr(t, p, 0.05),
        lambda d, t, p: tpr_at_fpr_draws(d, t, p, 0.05),
        images=_ai_works,
    ),
    _share(
        "human_called_ai",
        "human works called ai",
        "lower",
        _cell(HUMAN, AI),
        _row(HUMAN),
        frozenset({"human"}),
    ),
    _share(
        "ai_called_human", "ai works called human", "lower", _cell(AI, HUMAN), _row(AI), frozenset({"ai"})
    ),
    _share("coverage", "share decided", "higher", _decided, _everything),
    _share("decided_accuracy", "accuracy where decided", "higher", _right, _decided),
    _counted(
        "decided_balanced_accuracy",
        "balanced accuracy where decided",
        "higher",
        _decided_balanced,
        BOTH,
        whole=lambda counts: counts[..., :UNDECIDED].sum(axis=-1).min(axis=-1),
    ),
    _scored(
        "ece",
        "calibration error",
        "lower",
        expected_calibration_error,
        lambda d, t, p: calibration_errors(d.counts, d.group, t, p, ECE_BINS),
        ANY,
    ),
    _scored(
        "brier",
        "Brier score",
        "lower",
        lambda t, p: float(brier_score_loss(t, p, labels=[False, True])),
        lambda d, t, p: d.sums((p - t) ** 2) / d.sums(np.ones(len(t))),
        ANY,
    ),
)
"""The figures on a card, in the order shown."""

AT_THRESHOLDS = _named(
    _share("accuracy", "accuracy, inconclusive counted as wrong", "higher", _right, _everything),
    _share("tpr", "ai works called ai", "higher", _cell(AI, AI), _row(AI), frozenset({"ai"})),
    _share(
        "tnr", "human works called human", "higher", _cell(HUMAN, HUMAN), _row(HUMAN), frozenset({"human"})
    ),
    _share(
        "precision",
        "share of ai among works called ai",
        "higher",
        _cell(AI, AI),
        lambda counts: counts[..., AI].sum(axis=-1),
    ),
)
"""Further figures that follow the thresholds, for comparing models."""


def value_of(metric: Metric, truth: Truth, p_ai: Scores, rule: Rule) -> float | NotDefined:
    """Compute a metric, or say why these images do not define it."""
    if len(truth) == 0:
        return NotDefined("There are no images here.")
    missing = sorted(metric.needs - {name for name, there in _present(truth).items() if there})
    if missing:
        return NotDefined(f"There are no {' and no '.join(missing)} works here, and this figure needs them.")
    try:
        return metric.compute(truth, p_ai, rule)
    except EvaluationError as error:
        return NotDefined(str(error))


def _present(truth: Truth) -> dict[str, bool]:
    return {"human": not truth.all(), "ai": bool(truth.any())}


def interval(value: float, drawn: Values, images: int | None = None) -> Interval:
    """Put the 95 % percentile interval of draws `[rounds]` around a value; NaN draws do not count.

    Where the value is the share of so many images, and none of them or all, draws repeat it, and say nothing of what
    could be met among more images: there the interval is as wide as Wilson's, which takes images for independent, at least.
    """
    counted = drawn[~np.isnan(drawn)]
    low, high = np.quantile(counted, EDGES) if len(counted) else (value, value)
    if images and value in {0.0, 1.0}:
        least, most = wilson(round(value * images), images)
        low, high = min(low, least), max(high, most)
    return Interval(value=value, low=float(low), high=float(high))


def figures_with_intervals(
    frame: pd.DataFrame, band: Rule, *, rounds: int = 1000, seed: int = 0
) -> dict[str, Interval]:
    """Compute every metric of `METRICS` that these images define, with a 95 % interval, as a card keeps it.

    The interval is a percentile bootstrap over sources within each class (`core.evaluation.bootstrap`), or Wilson's,
    see `interval`. Draws that do not define a metric do not count for it.

    Args:
        frame: rows of `predictions.csv`.
        band: the model's thresholds.
        rounds: bootstrap draws.
        seed: of the draws.

    Raises:
        EvaluationError: if a class is missing from `frame`.
    """
    truth, p_ai = arrays(frame)
    draws = Draws.of(truth, frame["source"], rounds, seed)
    result = {}
    for name, metric in METRICS.items():
        value = value_of(metric, truth, p_ai, band)
        if isinstance(value, NotDefined):
            continue
        drawn = metric.draw(draws, truth, p_ai, band)
        result[name] = metric.interval(value, drawn, truth, p_ai, band).rounded()
    return result


def arrays(frame: pd.DataFrame) -> tuple[Truth, Scores]:
    """Return (is it ai, p_ai) of each row.

    Raises:
        EvaluationError: if a class is missing.
    """
    truth = (frame["label"] == "ai").to_numpy()
    if truth.all() or not truth.any():
        raise EvaluationError(f"These {len(truth)} images are all of one class; figures need both.")
    return truth, frame["p_ai"].to_numpy(dtype=np.float64)
