"""The figures of the corpus, laid out for a page: `core.corpus.stats` draws them, this makes room for them."""

from dataclasses import dataclass
from typing import Final

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.corpus.stats import FIGURES

FONT_SIZE: Final = 13
BAR_HEIGHT: Final = 24
AROUND_BARS: Final = 110
CONFIG: Final = {"displayModeBar": False, "scrollZoom": False}


@dataclass(frozen=True)
class Shown:
    """A figure of `FIGURES` on the page; `about` is the only label it counts, if it counts one."""

    name: str
    meaning: str
    about: str | None = None
    height: int = 340


PAIRS: Final = (
    (
        Shown("composition", "Models learn from *train*; *ood* holds generators and sources they never saw."),
        Shown(
            "formats",
            "As the sources saved them. Formats tell the labels apart, so every image is re-made as the same "
            "kind of JPEG.",
        ),
    ),
    (
        Shown("families", "Families that stand in *ood* alone are the test of the unknown.", about="ai"),
        Shown("media", "A score says little about a medium with few works.", about="human"),
    ),
    (
        Shown("sizes", "In pixels, of the copies: most have a short side of 352.", height=460),
        Shown("sources", "One box a source, as large as its share. Tap a label to look into it.", height=460),
    ),
)


def corpus_figures(rows: pd.DataFrame) -> None:
    """Draw every figure that has something to show of these rows of a manifest."""
    for pair in PAIRS:
        shown = [one for one in pair if one.about is None or (rows["label"] == one.about).any()]
        for place, one in zip(st.columns(len(shown), gap="large"), shown, strict=True):
            with place:
                _draw(one, rows)


def _draw(shown: Shown, rows: pd.DataFrame) -> None:
    figure = FIGURES[shown.name](rows)
    title = figure.layout.title.text
    st.markdown(f"**{title}**")
    st.caption(shown.meaning)
    st.plotly_chart(
        _fitted(figure, shown.height),
        config=CONFIG,
        key=f"figure-{shown.name}",
        alt=f"{title}. {shown.meaning}",
    )


def _fitted(figure: go.Figure, height: int) -> go.Figure:
    bars = figure.data[0].orientation == "h" if figure.data[0].type == "bar" else False
    if bars:
        height = max(220, AROUND_BARS + BAR_HEIGHT * len(figure.data[0].y))
    figure.update_layout(
        title_text="",
        height=height,
        margin={"t": 36, "l": 4, "r": 12, "b": 4},
        font_size=FONT_SIZE,
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "traceorder": "normal"},
        dragmode=False,
    )
    figure.update_xaxes(automargin=True, fixedrange=True, tickfont_size=FONT_SIZE)
    figure.update_yaxes(automargin=True, fixedrange=True, tickfont_size=FONT_SIZE)
    return figure
