"""What the shots of a video say of the video, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from core.verdict import Label

RULE: Final = (
    "The probability of a video is the mean of its shots', each weighed by its length; that of a shot is the mean of at most "
    "three frames spread over it. A short shot hardly moves the verdict of the video: look at the verdicts of the shots too."
)

Shots = Mapping[int, Mapping[str, int]]
"""How many shots have which verdict, by the position of their video."""


def tally(verdicts: Mapping[str, int]) -> str:
    """Return how many shots have which verdict, as "1 ai, 2 human", and first of all whether they disagree."""
    said = ", ".join(f"{verdicts[label]} {label}" for label in sorted(Label) if verdicts.get(label))
    return f"shots disagree: {said}" if disagree(verdicts) else said


def disagree(verdicts: Mapping[str, int]) -> bool:
    """Whether some shots of a video got another verdict than others."""
    return sum(bool(count) for count in verdicts.values()) > 1
