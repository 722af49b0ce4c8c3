"""A network's training, epoch by epoch: its losses and what else was measured on validation works."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.detectors.cascade import FAMILY
from core.detectors.library import Entry
from core.errors import TrainingError
from core.training.history import read_history
from dashboard.parts.chart_download import as_csv
from dashboard.parts.chart_style import BLUE, CONFIG, FONT_SIZE, GREY, VERMILION
from dashboard.parts.error_sentence import error_sentence
from dashboard.parts.escaping import escaped

HEIGHT: Final = 300
MOST_TICKS: Final = 12


@dataclass(frozen=True)
class Panel:
    """One figure: columns of the history with the name, colour and dash of their lines."""

    title: str
    meaning: str
    columns: Mapping[str, tuple[str, str, str]]


PANELS: Final = (
    Panel(
        "Loss",
        "Cross-entropy in nats; lower is better.",
        {
            "train_loss": ("works it learns from", VERMILION, "dot"),
            "val_loss": ("validation works", BLUE, "solid"),
        },
    ),
    Panel(
        "ROC AUC",
        "0.5 is guessing, 1 is perfect.",
        {"val_auc": ("validation works", BLUE, "solid")},
    ),
    Panel(
        "Distance from its teacher",
        "1 less the cosine between its features and the encoder's; lower is nearer.",
        {"distance": ("works it learns from", VERMILION, "dot")},
    ),
)
STAGES: Final = {"head": "only the last layer learned", "all": "all layers learned"}


def training_curves(entry: Entry) -> None:
    """Draw the curves of a model's `history.csv`, or say why it has none."""
    try:
        history = read_history(entry.folder)
    except TrainingError as error:
        error_sentence(error)
        return
    if entry.card is None or history is None:
        st.caption(
            "It has no training curves of its own: it asks models that were made before."
            if entry.card and entry.card.family == FAMILY
            else "It has no training curves: a classical model is fitted in one step."
            if entry.card and entry.card.epochs is None
            else "Its training curves are not here: the folder holds no `history.csv`."
        )
        return
    kept = entry.card.kept_epoch
    drawn = [panel for panel in PANELS if any(_measured(history, column) for column in panel.columns)]
    for place, panel in zip(st.columns(len(drawn), gap="medium"), drawn, strict=True):
        with place:
            _draw(history, panel, kept)
    st.caption(_words(history, kept))
    st.download_button(
        "Download as CSV",
        as_csv(history),
        f"{entry.name}-history.csv",
        "text/csv",
        icon=":material/download:",
        type="tertiary",
    )


def _measured(history: pd.DataFrame, column: str) -> bool:
    return column in history and bool(history[column].notna().any())


def _draw(history: pd.DataFrame, panel: Panel, kept: int | None) -> None:
    with st.container(gap="xxsmall"):
        st.markdown(f"**{panel.title}**")
        st.caption(panel.meaning)
        st.plotly_chart(
            _figure(history, panel, kept),
            config=CONFIG,
            key=f"curves-{panel.title}",
            alt=f"{panel.title} by epoch; {panel.meaning}",
        )


def _figure(history: pd.DataFrame, panel: Panel, kept: int | None) -> go.Figure:
    epochs = history["epoch"] + 1
    figure = go.Figure()
    for column, (name, colour, dash) in panel.columns.items():
        if not _measured(history, column):
            continue
        figure.add_scatter(
            x=epochs,
            y=history[column],
            mode="lines+markers",
            name=name,
            line={"color": colour, "width": 2, "dash": dash},
            connectgaps=True,
            marker_size=6,
            hovertemplate="epoch %{x}: %{y:.4f}<extra>%{fullData.name}</extra>",
        )
    if kept is not None:
        figure.add_vline(kept + 1, line_dash="dash", line_width=1.5, line_color=GREY)
    figure.update_layout(
        height=HEIGHT,
        margin={"t": 32, "l": 4, "r": 12, "b": 4},
        font_size=FONT_SIZE,
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "font_size": FONT_SIZE},
        dragmode=False,
    )
    ticks = {"dtick": 1} if len(epochs) <= MOST_TICKS else {"nticks": MOST_TICKS}
    figure.update_xaxes(title_text="epoch", range=[0.7, len(epochs) + 0.3], **ticks)
    for axes in (figure.update_xaxes, figure.update_yaxes):
        axes(automargin=True, fixedrange=True, tickfont_size=FONT_SIZE, title_font_size=FONT_SIZE)
    return figure


def _words(history: pd.DataFrame, kept: int | None) -> str:
    said = []
    if kept is not None:
        lowest = history["epoch"].iloc[history["val_loss"].argmin()]
        why = "the one with the lowest validation loss" if kept == lowest else "the last"
        said.append(f"The dashed line marks epoch {kept + 1}, {why}: its weights are kept.")
    if "trains" in history:
        run = history["trains"].ne(history["trains"].shift()).cumsum()
        for _, stage in history.groupby(run):
            first, last = stage["epoch"].iloc[0] + 1, stage["epoch"].iloc[-1] + 1
            span = f"epoch {first}" if first == last else f"epochs {first} to {last}"
            learned = STAGES.get(stage["trains"].iloc[0], escaped(str(stage["trains"].iloc[0])))
            said.append(f"In {span} {learned}.")
    return " ".join(said)
