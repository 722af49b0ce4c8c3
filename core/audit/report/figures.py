"""What the counts of an audit mean, given the error rates on the model's card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scipy.stats import poisson

from core.evaluation.base_rate import called_right
from core.evaluation.wilson import wilson

if TYPE_CHECKING:
    from core.detectors.card import Interval, SplitFigures


@dataclass(frozen=True)
class Share:
    """A count with its share of the judged files and the 95 % Wilson interval of that share, in [0, 1]."""

    count: int
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Rates:
    """Error rates of the model on one split at the audit's thresholds, all in [0, 1].

    `ai_called_ai` is None where the card's groups do not cover all ai works of the split.
    """

    split: str
    human: int
    ai: int
    human_called_ai: Interval | None
    ai_called_human: Interval | None
    ai_called_ai: float | None


@dataclass(frozen=True)
class Expected:
    """Estimated share of ai works in [0, 1], and false accusations: how many files, and the range of that."""

    ai_share: float
    accused: float
    low: float
    high: float


def share_of(count: int, judged: int) -> Share | None:
    """Return a count as a share of the judged files, or None if none was judged."""
    if not judged:
        return None
    return Share(count, count / judged, *wilson(count, judged))


def rates_of(split: str, figures: SplitFigures) -> Rates:
    """Return the error rates of one split of a card."""
    known = figures.figures
    return Rates(
        split,
        figures.human,
        figures.ai,
        known.get("human_called_ai"),
        known.get("ai_called_human"),
        called_right(figures, "ai"),
    )


def ai_share(called_ai: float, human_called_ai: float, ai_called_ai: float) -> float:
    """Estimate the share of ai works from the share called ai (Rogan and Gladen 1978), held to [0, 1].

    All are shares in [0, 1]; `ai_called_ai` must be above `human_called_ai`.
    """
    estimate = (called_ai - human_called_ai) / (ai_called_ai - human_called_ai)
    return min(1.0, max(0.0, estimate))


def expected_false_accusations(judged: int, called_ai: int, rates: Rates) -> Expected | None:
    """Estimate how many works by people are among those called ai; never more than were called ai.

    The range takes the 95 % intervals of the card's rate of human works called ai and of the share called ai here; at its high
    end every ai work is taken to be called so, which the works here may be easier for than those of the card. To both ends
    chance adds as to a Poisson count: where one is expected, there may be none.
    """
    rate, found, share = rates.human_called_ai, rates.ai_called_ai, share_of(called_ai, judged)
    if rate is None or found is None or share is None or found <= rate.high:
        return None
    accused, fewest, most = (
        judged * (1 - ai_share(called, wrongly, rightly)) * wrongly
        for called, wrongly, rightly in (
            (share.share, rate.value, found),
            (share.high, rate.low, found),
            (share.low, rate.high, 1.0),
        )
    )
    low, high = float(poisson.ppf(0.025, fewest)), float(poisson.ppf(0.975, most))
    return Expected(
        ai_share(share.share, rate.value, found),
        *(min(float(called_ai), number) for number in (accused, low, high)),
    )
