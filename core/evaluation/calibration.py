"""Fits what turns raw scores into probabilities, and chooses the inconclusive band."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from core.detectors.calibration import PlattScaling
from core.detectors.card import ChosenThresholds
from core.errors import EvaluationError

THRESHOLD_STEP = 0.001
"""Thresholds are rounded to this step, always to the side that accuses fewer people."""


LEAST_SLOPE = 0.01
"""Smallest slope of a calibration, in log-odds per unit of margin: none turns a model's order round."""


def fit_platt(margins: NDArray[np.floating], labels: pd.Series, fitted_on: str) -> PlattScaling:
    """Fit Platt scaling, both classes weighted alike so that p_ai assumes as many works of each.

    Where higher margins do not speak for `ai` on these images, what they say is worth nothing: the slope is then
    `LEAST_SLOPE`, which puts every p_ai near one half.

    Args:
        margins: uncalibrated scores `[N]`, higher means `ai`.
        labels: `human` or `ai`, `[N]`.
        fitted_on: says in a few words which images these are.

    Raises:
        EvaluationError: if one of the classes is missing.
    """
    if set(labels) != {"human", "ai"}:
        raise EvaluationError(f"Calibration needs images of both classes, found only {set(labels)}.")
    model = LogisticRegression(C=np.inf, class_weight="balanced")
    is_ai = (labels == "ai").to_numpy()
    model.fit(margins.reshape(-1, 1), is_ai)
    slope, intercept = float(model.coef_[0, 0]), float(model.intercept_[0])
    if slope < LEAST_SLOPE:
        between = (margins[is_ai].mean() + margins[~is_ai].mean()) / 2
        slope, intercept = LEAST_SLOPE, -LEAST_SLOPE * float(between)
    return PlattScaling(slope=slope, intercept=intercept, fitted_on=fitted_on)


@dataclass(frozen=True)
class BandPolicy:
    """The error rates the band must keep on the images it is chosen on (shares in [0, 1]).

    `least_group` is the number of human works below which a medium is too small to hold the rule for
    itself: its rate could not be told from the overall one.
    """

    human_called_ai: float = 0.02
    medium_called_ai: float = 0.05
    ai_called_human: float = 0.05
    least_group: int = 20

    def describe(self, chosen_on: str) -> str:
        """Say the promise in one sentence."""
        return (
            f"on {chosen_on}: at most {self.human_called_ai:.0%} of human works, and at most "
            f"{self.medium_called_ai:.0%} of those of any medium with {self.least_group} works or more, are "
            f"called ai; at most {self.ai_called_human:.0%} of ai works are called human"
        )


def choose_band(
    p_ai: NDArray[np.floating], labels: pd.Series, media: pd.Series, policy: BandPolicy, chosen_on: str
) -> ChosenThresholds:
    """Choose the narrowest band around 0.5 that keeps `policy`.

    Args:
        p_ai: calibrated probabilities `[N]`.
        labels: `human` or `ai`, `[N]`.
        media: the technique of each human work, `[N]`; "" where it is not known.
        policy: the error rates to keep.
        chosen_on: says in a few words which images these are.
    """
    human = (labels == "human").to_numpy()
    above = [_upper(p_ai[human], policy.human_called_ai)]
    for medium in sorted(set(media[human])):
        of_medium = p_ai[human & (media == medium).to_numpy()]
        if len(of_medium) >= policy.least_group:
            above.append(_upper(of_medium, policy.medium_called_ai))
    below = 1 - _upper(1 - p_ai[~human], policy.ai_called_human)
    return ChosenThresholds(
        human_below=round(min(0.5, np.floor(below / THRESHOLD_STEP) * THRESHOLD_STEP), 3),
        ai_above=round(max(0.5, np.ceil(max(above) / THRESHOLD_STEP) * THRESHOLD_STEP), 3),
        policy=policy.describe(chosen_on),
    )


def _upper(scores: NDArray[np.floating], share: float) -> float:
    """Return the least score that at most `share` of `scores` exceed."""
    allowed = int(np.floor(share * len(scores)))
    return float(np.sort(scores)[len(scores) - 1 - allowed])
