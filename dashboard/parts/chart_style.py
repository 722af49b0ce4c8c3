"""What all figures share: their colours, the size of their letters, how they behave.

A saved picture is dark on white, in the colours that its figure was given. On the page, CSS puts those of the theme in the
place of ink, paper and grid.
"""

from typing import Final

import streamlit as st

FONT_SIZE: Final = 13
CONFIG: Final = {"displayModeBar": False, "scrollZoom": False}
"""Plotly's configuration of a figure that is not saved."""
# Of Okabe and Ito's palette (Color Universal Design, 2008): told apart by colour-blind readers, and readable on both themes.
BLUE: Final = "#0a78b8"
VERMILION: Final = "#d55e00"
GREY: Final = "#8a8a86"
CLASS_COLOURS: Final = {"ai": VERMILION, "human": BLUE}
# As browsers write them in the style of an element, by which the rules below find it.
PAPER: Final = "rgb(255, 255, 255)"
INK: Final = "rgb(34, 33, 30)"
GRID: Final = "rgb(226, 221, 209)"
CLEAR: Final = "rgba(0, 0, 0, 0)"
LAYOUT: Final = {
    "paper_bgcolor": PAPER,
    "plot_bgcolor": CLEAR,
    "modebar": {"bgcolor": CLEAR, "color": GREY, "activecolor": GREY},
}


def style() -> str:
    """Return the rules by which what is drawn in ink on paper has the colours of the page's theme."""
    return f"""
.js-plotly-plot .main-svg[style*="background: {PAPER}"] {{ background: transparent !important; }}
.js-plotly-plot text[style*="fill: {INK}"] {{ fill: {_of_theme("textColor")} !important; }}
.js-plotly-plot path[style*="stroke: {GRID}"] {{ stroke: {_of_theme("borderColor")} !important; }}
"""


def _of_theme(colour: str) -> str:
    light, dark = (st.get_option(f"theme.{theme}.{colour}") for theme in ("light", "dark"))
    return f"light-dark({light}, {dark})"
