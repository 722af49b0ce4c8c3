"""A colour and a dash for each of several models."""

from collections.abc import Sequence
from typing import Final

from dashboard.parts.chart_style import BLUE, GREY, VERMILION

# Of the same palette as the named ones those that show on light and dark ground.
COLOURS: Final = (BLUE, "#e69f00", "#009e73", "#cc79a7", VERMILION, "#56b4e9", GREY)
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
