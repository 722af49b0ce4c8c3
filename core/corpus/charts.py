"""The corpus in figures, drawn from the rows of a manifest."""

from collections.abc import Callable
from typing import Final

import pandas as pd
import plotly.graph_objects as go

from core.corpus.manifest import LABELS
from core.corpus.stats import NO_SPLIT, shown_splits, stated, told

COLOURS: Final = {"human": "#0072B2", "ai": "#D55E00"}
"""One colour a label, told apart by colour-blind eyes (Okabe and Ito, Color Universal Design, 2008)."""
SPLIT_COLOURS: Final = {
    "train": "#009E73",
    "val": "#56B4E9",
    "test": "#E69F00",
    "ood": "#CC79A7",
    NO_SPLIT: "#999999",
}


def composition_figure(frame: pd.DataFrame) -> go.Figure:
    """Bars of images per split, one colour a label."""
    splits = told(frame["split"])
    counts = pd.crosstab(splits, frame["label"])
    shown = shown_splits(splits)
    figure = go.Figure()
    for label in LABELS:
        values = counts.reindex(index=shown, columns=LABELS, fill_value=0)[label]
        figure.add_bar(name=label, x=shown, y=values, marker_color=COLOURS[label])
    return _laid_out(figure, "Images by split", barmode="group", yaxis_title="images")


def family_figure(frame: pd.DataFrame) -> go.Figure:
    """Bars of AI images per generator family, stacked by split."""
    ai = frame[frame["label"] == "ai"]
    return _stacked(ai["family"], ai["split"], "AI images by generator family")


def medium_figure(frame: pd.DataFrame) -> go.Figure:
    """Bars of human images per medium, stacked by split."""
    human = frame[frame["label"] == "human"]
    return _stacked(stated(human["medium"]), human["split"], "Human images by medium")


def format_figure(frame: pd.DataFrame) -> go.Figure:
    """Bars of originals per file format, one colour a label: a trap that the uniform copies close."""
    counts = pd.crosstab(stated(frame["original_format"]), frame["label"]).reindex(
        columns=LABELS, fill_value=0
    )
    figure = go.Figure()
    for label in LABELS:
        figure.add_bar(name=label, x=counts.index, y=counts[label], marker_color=COLOURS[label])
    return _laid_out(figure, "File formats of the originals", barmode="group", yaxis_title="images")


def size_figure(frame: pd.DataFrame) -> go.Figure:
    """Width against height, one dot an image; the square line shows how many AI images lie on it."""
    figure = go.Figure()
    for label in LABELS:
        rows = frame[frame["label"] == label]
        figure.add_scattergl(
            name=label,
            x=rows["width"],
            y=rows["height"],
            mode="markers",
            marker={"color": COLOURS[label], "size": 5, "opacity": 0.4},
            text=rows["source"],
            hovertemplate="%{x} x %{y}<br>%{text}<extra></extra>",
        )
    return _laid_out(figure, "Sizes of the images", xaxis_title="width (px)", yaxis_title="height (px)")


def source_figure(frame: pd.DataFrame) -> go.Figure:
    """Boxes of images per source within its label; the area is the number of images."""
    counts = frame.groupby(["label", "source"]).size()
    sums = counts.groupby("label").sum()
    figure = go.Figure(
        go.Treemap(
            ids=[*sums.index, *(f"{label}/{source}" for label, source in counts.index)],
            labels=[*sums.index, *counts.index.get_level_values("source")],
            parents=[""] * len(sums) + list(counts.index.get_level_values("label")),
            values=[*sums, *counts],
            branchvalues="total",
            marker={"colors": [COLOURS[label] for label in (*sums.index, *counts.index.get_level_values(0))]},
            hovertemplate="%{label}: %{value} images<extra></extra>",
        )
    )
    return _laid_out(figure, "Images by source")


CHARTS: Final[dict[str, Callable[[pd.DataFrame], go.Figure]]] = {
    "composition": composition_figure,
    "families": family_figure,
    "media": medium_figure,
    "sources": source_figure,
    "formats": format_figure,
    "sizes": size_figure,
}
"""Every figure by name; each is drawn from the rows of a manifest."""


def _stacked(rows: pd.Series, splits: pd.Series, title: str) -> go.Figure:
    splits = told(splits)
    shown = shown_splits(splits)
    counts = pd.crosstab(rows, splits).reindex(columns=shown, fill_value=0)
    counts = counts.loc[counts.sum(axis=1).sort_values().index]
    figure = go.Figure()
    for split in shown:
        figure.add_bar(
            name=split, y=counts.index, x=counts[split], orientation="h", marker_color=SPLIT_COLOURS[split]
        )
    return _laid_out(figure, title, barmode="stack", xaxis_title="images")


def _laid_out(figure: go.Figure, title: str, **options: str) -> go.Figure:
    figure.update_layout(
        title=title, legend_title_text="", margin={"t": 48, "l": 8, "r": 8, "b": 8}, **options
    )
    return figure
