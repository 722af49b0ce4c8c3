"""The figures of the corpus, laid out for a page: `core.corpus.charts` draws them, this makes room for them."""

import textwrap
from dataclasses import dataclass
from typing import Final

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.corpus.charts import CHARTS
from core.corpus.uniform import SHORT_SIDE
from dashboard.parts.chart_style import CONFIG, FONT_SIZE

HEIGHT: Final = 330
BAR_HEIGHT: Final = 24
AROUND_BARS: Final = 100
AROUND_FIGURE: Final = 90
LABEL_LENGTH: Final = 30
LABEL_WIDTH: Final = 16
FEWEST_BARS: Final = 3


@dataclass(frozen=True)
class Shown:
    """A figure of `CHARTS` on the page; `about` is the only label it counts, if it counts one."""

    name: str
    meaning: str
    about: str | None = None

    def has_rows(self, rows: pd.DataFrame) -> bool:
        """Whether there is anything to draw."""
        return self.about is None or bool((rows["label"] == self.about).any())


COMPOSITION: Final = Shown(
    "composition", "Models learn from *train*; *ood* holds generators and sources they never saw."
)
FORMATS: Final = Shown(
    "formats",
    "As the sources saved them; the copies in the corpus are all JPEG, made alike.",
)
FAMILIES: Final = Shown("families", "Families that stand in *ood* alone test for the unknown.", about="ai")
MEDIA: Final = Shown("media", "A model's figures say little about a medium with few works.", about="human")
SIZES: Final = Shown(
    "sizes", f"Of the copies, in pixels; larger originals were reduced to a short side of {SHORT_SIDE}."
)
SOURCES: Final = Shown(
    "sources",
    "One box a source, as large as its share. Select a box to enlarge it, and the bar above to return.",
)


def corpus_figures(rows: pd.DataFrame) -> None:
    """Draw every figure that has something to show of these rows of a manifest, in two even columns."""
    columns = st.columns(2, gap="medium")
    filled = [0, 0]
    for shown in (COMPOSITION, FORMATS, FAMILIES, MEDIA, SIZES):
        if shown.has_rows(rows):
            shorter = filled.index(min(filled))
            with columns[shorter]:
                filled[shorter] += _draw(shown, rows) + AROUND_FIGURE
    _draw(SOURCES, rows)


def _draw(shown: Shown, rows: pd.DataFrame) -> int:
    """Draw one figure and return its height in pixels."""
    figure = CHARTS[shown.name](rows)
    title, height = figure.layout.title.text, _height(figure)
    with st.container(gap="xxsmall"):
        st.markdown(f"**{title}**")
        st.caption(shown.meaning)
        st.plotly_chart(
            _fitted(figure, height),
            config=CONFIG,
            key=f"figure-{shown.name}",
            alt=f"{title}. {shown.meaning}".replace("*", ""),
        )
    return height


def _height(figure: go.Figure) -> int:
    first = figure.data[0]
    if first.type == "treemap":
        return HEIGHT + AROUND_BARS
    if first.type == "bar" and first.orientation == "h":
        return AROUND_BARS + BAR_HEIGHT * max(FEWEST_BARS, len(first.y))
    return HEIGHT


def _fitted(figure: go.Figure, height: int) -> go.Figure:
    treemap = figure.data[0].type == "treemap"
    if treemap:
        figure.update_traces(text=[_short(name) for name in figure.data[0].labels], texttemplate="%{text}")
    figure.update_layout(
        title_text="",
        height=height,
        margin={"t": 4 if treemap else 32, "l": 4, "r": 12, "b": 4},
        font_size=FONT_SIZE,
        legend={
            "orientation": "h",
            "x": 0,
            "y": 1,
            "yanchor": "bottom",
            "traceorder": "normal",
            "itemsizing": "constant",
            "font_size": FONT_SIZE,
        },
        uniformtext={"minsize": 11, "mode": "hide"},
        dragmode=False,
    )
    for axes in (figure.update_xaxes, figure.update_yaxes):
        axes(automargin=True, fixedrange=True, tickfont_size=FONT_SIZE, title_font_size=FONT_SIZE)
    return figure


def _short(source: str) -> str:
    """The name of a source without its owner, shortened and on short lines."""
    name = source.rpartition("/")[2]
    if len(name) > LABEL_LENGTH:
        name = f"{name[: LABEL_LENGTH - 1]}…"
    return "<br>".join(textwrap.wrap(name, LABEL_WIDTH))
