"""A figure with its meaning, its picture as PNG or SVG, and its data as CSV."""

import html
from collections.abc import Sequence
from textwrap import wrap
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.audit.spreadsheet import neutral_in_csv
from dashboard.parts.chart_style import CLEAR, FONT_SIZE, GRID, INK, LAYOUT
from dashboard.parts.table_origin import of_images

FORMAT: Final = "picture"
FORMATS: Final = ("PNG", "SVG")
BELOW: Final = 94
"""About so many pixels below its axes the legend of a figure begins."""
FONT: Final = "Arial, Helvetica, sans-serif"
"""What every computer has: a saved picture does not carry the page's own font, and another one's letters are wider."""
ABOVE: Final = 46
LINE_HEIGHT: Final = 17
TITLE_LENGTH: Final = 44
"""So many letters of a title fit beside the camera on a phone."""


def format_chooser(place: Any = st) -> None:  # noqa: ANN401  (st or a container)
    """Draw the choice between PNG and SVG for all figures of a page."""
    place.segmented_control(
        "Pictures of figures as",
        FORMATS,
        default=FORMATS[0],
        required=True,
        key=FORMAT,
        bind="query-params",
        help="What the camera in the corner of each figure saves.",
    )


def config(name: str) -> dict[str, Any]:
    """Return plotly's configuration of a figure whose camera saves the chosen format under `name`."""
    chosen = st.session_state.get(FORMAT) or FORMATS[0]
    return {
        "displayModeBar": True,
        "displaylogo": False,
        "scrollZoom": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {
            "format": chosen.lower(),
            "filename": name,
            "scale": 2 if chosen == "PNG" else 1,
            "width": None,
            "height": None,
        },
    }


def downloadable(
    figure: go.Figure, frame: pd.DataFrame, name: str, title: str, meaning: str, about: str = ""
) -> None:
    """Draw a figure, which bears its title so that a saved picture does, above its meaning.

    Args:
        figure: with its height.
        frame: what it draws.
        name: its key and the stem of its files.
        title: a few words.
        meaning: how to read it.
        about: which images it is about, which then stands in the saved picture and table.
    """
    with st.container(gap="xxsmall"):
        if frame.empty:
            st.info(f"{title}: not defined here, because these images lack one of the two classes.")
            return
        st.plotly_chart(
            fitted(figure, title, about),
            config=config(name),
            key=f"figure-{name}",
            alt=f"{title}. {meaning}".replace("*", ""),
        )
        line = st.container(horizontal=True, vertical_alignment="top")
        line.caption(meaning, width="stretch")
        csv_button(of_images(frame, about) if about else frame, name, line)


def csv_button(frame: pd.DataFrame, name: str, place: Any = st) -> None:  # noqa: ANN401  (st or a container)
    """Draw the button that saves a table; nothing is written before it is pressed."""
    place.download_button(
        "CSV",
        lambda: as_csv(frame),
        f"{name}.csv",
        "text/csv",
        key=f"csv-{name}",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
        help="Download this data as CSV",
    )


def as_csv(frame: pd.DataFrame) -> str:
    """Write a table for a spreadsheet, which will run none of its text and headings as a formula."""
    texts = frame.select_dtypes(include=["object", "string"]).columns
    safe = frame.assign(
        **{
            name: frame[name].map(lambda value: neutral_in_csv(value) if isinstance(value, str) else value)
            for name in texts
        }
    )
    return safe.to_csv(index=False, header=[neutral_in_csv(str(name)) for name in safe], lineterminator="\n")


def heading(text: str, about: Sequence[str]) -> dict[str, Any]:
    """Return plotly's title of a figure, which a saved picture keeps; `about` stands below it, in lines."""
    return {
        "text": html.escape(text),
        "font": {"size": FONT_SIZE, "family": FONT, "color": INK},
        "subtitle": {
            "text": "<br>".join(map(html.escape, about)),
            "font": {"size": FONT_SIZE - 1, "family": FONT, "color": INK},
        },
        "x": 0,
        "xref": "container",
        "xanchor": "left",
        "y": 1,
        "yref": "container",
        "yanchor": "top",
        "pad": {"t": 8, "l": 4},
    }


def fitted(figure: go.Figure, title: str, about: str) -> go.Figure:
    """Give a figure its title and the fonts, colours, margins and behaviour of all figures of the page.

    The figure's own margin above, if it has one, is kept free below the title.
    """
    below = -BELOW / figure.layout.height
    lines = wrap(about, TITLE_LENGTH)
    figure.update_layout(
        LAYOUT,
        title=heading(title, lines),
        margin={
            "t": ABOVE + LINE_HEIGHT * len(lines) + (figure.layout.margin.t or 0),
            "l": 4,
            "r": 12,
            "b": 4,
        },
        font={"size": FONT_SIZE, "family": FONT, "color": INK},
        dragmode=False,
        legend={
            "orientation": "h",
            "x": 0,
            "y": below,
            "yanchor": "top",
            "font": {"size": FONT_SIZE, "color": INK},
            "bgcolor": CLEAR,
        },
    )
    lettering = {"size": FONT_SIZE, "color": INK}
    for axes in (figure.update_xaxes, figure.update_yaxes):
        axes(
            automargin=True,
            fixedrange=True,
            tickfont=lettering,
            title_font=lettering,
            gridcolor=GRID,
            zerolinecolor=GRID,
            tickcolor=GRID,
        )
    return figure
