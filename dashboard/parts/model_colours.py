"""A colour and a dash for each of several models."""

from collections.abc import Sequence
from typing import Final

# Of Okabe and Ito's palette (Color Universal Design, 2008) those that show on light and dark ground.
COLOURS: Final = ("#0a78b8", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#8a8a86")
DASHES: Final = ("solid", "dash", "14px,3px", "dashdot")
"""Without dots, which are those of guessing and of the ideal; short enough to be seen in a legend."""


def lines(models: Sequence[str]) -> dict[str, dict[str, object]]:
    """Return how to draw the line of each model: neighbours differ in colour and in dash, and 28 in one of the two."""
    return {
        model: {
            "color": COLOURS[number % len(COLOURS)],
            "dash": DASHES[number % len(DASHES)],
            "width": 2,
        }
        for number, model in enumerate(models)
    }
