"""The colours of figures: dark on white in what is saved of them, and on the page those of its theme.

A saved picture has the colours that its figure was given. On the page, CSS puts those of the theme in their place.
"""

from typing import Final

import streamlit as st

# As browsers write them in the style of an element, by which the rules below find it.
PAPER: Final = "rgb(255, 255, 255)"
INK: Final = "rgb(34, 33, 30)"
GRID: Final = "rgb(226, 221, 209)"
GREY: Final = "#8a8a86"
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
