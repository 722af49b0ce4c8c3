"""How a verdict reads in plain words: what it means, how often it was wrong, what it does not mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from core.verdict import Label, Thresholds, Verdict, decide

if TYPE_CHECKING:
    from core.detectors.card import Card, Interval

TITLES = {
    Label.AI: "Looks generated",
    Label.HUMAN: "Looks human-made",
    Label.INCONCLUSIVE: "Inconclusive",
}

MOST_DECIMALS = 7
"""Of a percentage; more than any `p_ai` that is kept has."""
NEXT_TO_NONE = 0.001
"""A probability nearer to 0 or 1 is not written out."""
SHAPES = {
    "a square one": (2400, 2400),
    "one of 3 : 2": (2400, 1600),
    "one of 2 : 1": (2400, 1200),
    "one of 5 : 1": (2400, 480),
}


def percent(share: float) -> str:
    """Return a share as a percentage without false precision; never "0 %" or "100 %" of certainty."""
    if share < 0.01:  # noqa: PLR2004  (one per cent)
        return "under 1 %"
    if share > 0.99:  # noqa: PLR2004
        return "over 99 %"
    return _per_cent(share, 0)


def to_three_decimals(p_ai: float) -> str:
    """Write a probability with three decimals, and never as a certainty."""
    if p_ai < NEXT_TO_NONE:
        return f"< {NEXT_TO_NONE}"
    return f"> {1 - NEXT_TO_NONE}" if p_ai > 1 - NEXT_TO_NONE else f"{p_ai:.3f}"


def rate(share: float) -> str:
    """Return a measured rate as a percentage with one decimal."""
    return _per_cent(share, 1)


def rate_in_range(found: Interval) -> str:
    """Return a measured rate as a percentage with its 95 % range."""
    return f"{rate(found.value)} (95 % range {rate(found.low)} to {rate(found.high)})"


def _per_cent(share: float, decimals: int) -> str:
    return f"{share * 100:.{decimals}f} %"


@dataclass(frozen=True)
class Written:
    """A probability and the thresholds it was held against, as percentages that agree with the verdict."""

    p_ai: str
    human_below: str
    ai_above: str


def written(verdict: Verdict) -> Written:
    """Write what decided a verdict, with as many decimals as it takes for a reader to come to the same verdict."""
    band = verdict.thresholds
    for decimals in range(MOST_DECIMALS):
        finer = max(1, decimals)
        p_ai, low, high = (
            round(share, places + 2)
            for share, places in (
                (verdict.p_ai, decimals),
                (band.human_below, finer),
                (band.ai_above, finer),
            )
        )
        if decide(p_ai, Thresholds(low, high), verdict.model).label == verdict.label:
            break
    shown = percent(verdict.p_ai) if decimals == 0 else _per_cent(verdict.p_ai, decimals)
    return Written(shown, _per_cent(band.human_below, finer), _per_cent(band.ai_above, finer))


@dataclass(frozen=True)
class _Reading:
    """How a decided verdict reads: what it means, how often it was wrong, what it does not mean."""

    means: str
    wrong: str
    wrong_of: Literal["human", "ai"]
    wrong_on: str
    not_meant: str


READINGS = {
    Label.AI: _Reading(
        means="The model finds in this picture what it found in generated ones.",
        wrong="human_called_ai",
        wrong_of="human",
        wrong_on="human works from sources new to it",
        not_meant="That is a reason to look closer, not proof.",
    ),
    Label.HUMAN: _Reading(
        means="The model finds in this picture what it found in works by people.",
        wrong="ai_called_human",
        wrong_of="ai",
        wrong_on="generated works from families new to it",
        not_meant="That does not clear a picture made by a newer generator.",
    ),
}


def not_looked_at(card: Card, width: int, height: int) -> str:
    """Say which share of a picture of `width` x `height` pixels had no part in its verdict; empty if none."""
    share = card.unseen(width, height)
    return f"{percent(share)} of the picture: the model judges its middle" if share else ""


def reach(card: Card) -> str:
    """Say in a sentence how much of long pictures, or of any, a model leaves out; empty if nothing."""
    left_out = {shape: card.unseen(width, height) for shape, (width, height) in SHAPES.items()}
    said = [f"{percent(share)} of {shape}" for shape, share in left_out.items() if share]
    if not said:
        return ""
    return f"The model judges the middle of a picture and does not look at the rest: {', '.join(said)}."


def meaning(verdict: Verdict, card: Card) -> str:
    """Say in plain words what a verdict means, how often it was wrong, and what it does not mean."""
    reading = READINGS.get(verdict.label)
    if reading is None:
        return (
            "The model cannot tell: its probability lies in the band where it has been wrong too often. "
            "Take this as no finding, neither for nor against the artist."
        )
    sentences = [reading.means, reading.not_meant]
    if unseen := card.splits.get("ood"):
        works = {"human": unseen.human, "ai": unseen.ai}[reading.wrong_of]
        wrong = rate_in_range(unseen.figures[reading.wrong])
        sentences.insert(1, f"It also said so of {wrong} of {works:,} {reading.wrong_on}.")
    return " ".join(sentences)
