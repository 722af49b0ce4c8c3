"""Tests of whether two models differ on the same images.

Two tests, each corrected for the number of comparisons by Holm's method (A Simple Sequentially Rejective
Multiple Test Procedure, 1979): the p values of all pairs of models together, and those of all pairs on all
media and families together.

- McNemar's test (Note on the Sampling Error of the Difference Between Correlated Proportions, 1947) counts
  the images that only one of the two models got right; an inconclusive verdict is not right. It is exact
  (binomial) where fewer than `EXACT_BELOW` images tell the models apart, else chi-squared with continuity
  correction. It takes images as independent.
- The difference in AUC is drawn with the same bootstrap draws of sources for both models; its interval holds
  95 % of the draws, its p value is that of the difference over its standard deviation among the draws (as the
  bootstrap test of pROC: Robin et al., pROC, BMC Bioinformatics 2011).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, chi2, norm

from core.evaluation.bootstrap import Values
from core.evaluation.metrics import EDGES
from core.evaluation.undefined import NotDefined

EXACT_BELOW = 25
SIGNIFICANT = 0.05
NO_SPREAD = 1e-12
"""Standard deviations up to this are those of rounding."""

Side = Literal["first", "second"]


@dataclass(frozen=True)
class AucDifference:
    """AUC of the first model minus that of the second, its 95 % interval, and its p values in [0, 1]."""

    value: float
    low: float
    high: float
    p: float
    p_holm: float

    @property
    def better(self) -> Side | None:
        """The model with the larger AUC if the corrected test tells the two apart."""
        if self.p_holm >= SIGNIFICANT:
            return None
        return "first" if self.value > 0 else "second"


@dataclass(frozen=True)
class McNemar:
    """How many images only the first, and only the second, model got right; p values in [0, 1]."""

    only_first: int
    only_second: int
    exact: bool
    p: float
    p_holm: float

    @property
    def better(self) -> Side | None:
        """The model that is right more often if the corrected test tells the two apart."""
        if self.p_holm >= SIGNIFICANT:
            return None
        return "first" if self.only_first > self.only_second else "second"


@dataclass(frozen=True)
class Part:
    """Two models on the human works in one medium (`label` human) or the ai works of one family (`ai`)."""

    label: str
    name: str
    images: int
    mcnemar: McNemar

    def __str__(self) -> str:
        return f"human {self.name}" if self.label == "human" else self.name


@dataclass(frozen=True)
class Pair:
    """Everything that is known of the difference between two models."""

    first: str
    second: str
    auc: AucDifference | NotDefined
    mcnemar: McNemar
    parts: tuple[Part, ...]

    def named(self, side: Side) -> str:
        """The name of the model on a side."""
        return self.first if side == "first" else self.second


def only_first_right(right: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count, for each model and each other one, the images that the former got right and the latter did not.

    Args:
        right: whether a model got an image right, `[M, N]`.

    Returns:
        `[M, M]`: a row for the one that is right, a column for the one that is not.
    """
    ones = right.astype(np.float64)
    counts: NDArray[np.int64] = (ones @ (1 - ones).T).astype(np.int64)
    return counts


def mcnemar(only_first: NDArray[np.integer], only_second: NDArray[np.integer]) -> list[McNemar]:
    """Test, in several comparisons at once, whether two models are right equally often.

    Their p values are corrected together. Where no image tells the models apart p is 1.
    `statsmodels.stats.contingency_tables.mcnemar` agrees, but takes one comparison at a time.

    Args:
        only_first: images that only the first model got right, `[T]`.
        only_second: images that only the second got right, `[T]`.
    """
    apart = only_first + only_second
    exact = apart < EXACT_BELOW
    statistic = (np.abs(only_first - only_second) - 1) ** 2 / np.maximum(apart, 1)
    p_values = np.where(
        exact,
        np.minimum(1.0, 2 * binom.cdf(np.minimum(only_first, only_second), apart, 0.5)),
        chi2.sf(statistic, 1),
    )
    columns = (only_first, only_second, exact, p_values, holm(p_values))
    return [McNemar(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def auc_differences(values: Sequence[float], drawn: Values) -> list[AucDifference | NotDefined]:
    """Test the difference in AUC of every pair of models, in the order of `itertools.combinations`.

    Args:
        values: the AUC of each model, `[M]`.
        drawn: the AUC of each model in the same draws, `[M, rounds]`.
    """
    pairs = list(combinations(range(len(values)), 2))
    if not pairs:
        return []
    differences = np.array([values[i] - values[j] for i, j in pairs])
    spread = np.array([drawn[i] - drawn[j] for i, j in pairs])
    p_values = difference_p(differences, spread)
    corrected = holm(p_values)
    found: list[AucDifference | NotDefined] = []
    for value, draws, p, p_holm in zip(differences, spread, p_values, corrected, strict=True):
        if np.isnan(p):
            found.append(
                NotDefined("Every bootstrap draw gives the same difference, so there is nothing to test.")
            )
        else:
            low, high = np.quantile(draws, EDGES)
            found.append(AucDifference(float(value), float(low), float(high), float(p), float(p_holm)))
    return found


def difference_p(differences: Values, drawn: Values) -> Values:
    """Return the two-sided p value of each difference `[P]` from its draws `[P, rounds]`.

    No difference gives 1. A difference that is the same in every draw cannot be tested: NaN.
    """
    counted = np.isfinite(drawn)
    number = counted.sum(axis=1)
    mean = np.where(counted, drawn, 0.0).sum(axis=1) / np.maximum(number, 1)
    squares = np.where(counted, drawn - mean[:, np.newaxis], 0.0) ** 2
    deviation = np.sqrt(squares.sum(axis=1) / np.maximum(number - 1, 1))
    testable = (deviation > NO_SPREAD) & (number > 1)
    z = np.abs(differences) / np.where(testable, deviation, 1.0)
    p_values = np.where(testable, 2 * norm.sf(z), np.nan)
    return np.where(np.abs(differences) <= NO_SPREAD, 1.0, p_values)


def holm(p_values: Values) -> Values:
    """Correct p values `[P]` by Holm's method; those that are NaN stay so and do not count.

    `statsmodels.stats.multitest.multipletests` agrees, but collects garbage on every call: seconds in a process
    that holds models.
    """
    corrected = np.full(len(p_values), np.nan)
    order = np.argsort(p_values)[: int((~np.isnan(p_values)).sum())]
    steps = p_values[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected
