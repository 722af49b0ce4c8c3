"""How several models' probabilities separate the classes, how true they are, and how they are spread."""

import html
from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from plotly.subplots import make_subplots

from core.evaluation.curves import operating_points
from core.evaluation.rules import Rules
from dashboard.comparison_shelf import Held
from dashboard.parts.chart_download import LINE_HEIGHT, downloadable
from dashboard.parts.chart_style import CLASS_COLOURS, FONT_SIZE, GREY
from dashboard.parts.confusion_matrices import CALLED
from dashboard.parts.model_colours import lines

HEIGHT = 400
ROW_HEIGHT = 110
AROUND_ROWS = 150
SYMBOLS = {"cut": "circle", "ai_above": "diamond", "human_below": "square"}
EDGES = {"cut": "AI above", "ai_above": "AI above", "human_below": "human below"}
TOPS = (0.1, 0.25, 0.5, 1.0)
"""Shares of a class at which the axis of the histograms may end."""


def comparison_curves(held: Held, rules: Rules) -> None:
    """Draw ROC and precision-recall curves with operating points, reliability diagrams and histograms."""
    points = operating_points(held.joined, rules)
    left, right = st.columns(2, gap="large")
    with left:
        downloadable(
            _curve(
                held.roc, points, "fpr", "tpr", ("human works called AI (FPR)", "AI works called AI (TPR)")
            ),
            _with_marks(held.roc, points, {"fpr": "fpr", "tpr": "tpr"}),
            "comparison-roc",
            "ROC",
            "Every threshold there is. Marks: the thresholds in use (◆ ● AI above, ■ human below). Upper left is better; "
            "the dotted line is guessing.",
            held.joined.short,
        )
    with right:
        downloadable(
            _curve(
                held.precision_recall,
                points,
                "recall",
                "precision",
                ("AI works called AI (recall)", "AI among works called AI (precision)"),
            ),
            _with_marks(held.precision_recall, points, {"tpr": "recall", "precision": "precision"}),
            "comparison-precision-recall",
            "Precision and recall",
            "Marks as in the ROC. Upper right is better. Precision depends on how many of these images are AI: "
            f"{held.joined.truth.mean():.0%} are.",
            held.joined.short,
        )
    left, right = st.columns(2, gap="large")
    with left:
        downloadable(
            _reliability(held.reliability),
            held.reliability,
            "comparison-reliability",
            "Reliability",
            "How often works were AI, by the probability a model gave them, in 15 bins of equal size. On the dotted line a "
            "probability means what it says. Bars are 95 % intervals (Wilson, images independent).",
            held.joined.short,
        )
    with right:
        downloadable(
            _histograms(held.histograms, rules),
            held.histograms,
            "comparison-histograms",
            "Probabilities given to each class",
            "Share of the works of a class in each step of 0.05: above the line AI works, below it human ones; heights grow with "
            "the square root, so that few works still show. Dotted: the "
            "thresholds in use.",
            held.joined.short,
        )


def _with_marks(curve: pd.DataFrame, points: pd.DataFrame, axes: Mapping[str, str]) -> pd.DataFrame:
    """Add the marks to a curve; `mark` names their edges and is empty on the curve."""
    marks = points[["model", *axes, "threshold"]].rename(columns=dict(axes))
    return pd.concat([curve.assign(mark=""), marks.assign(mark=points["edge"].map(EDGES))], ignore_index=True)


def _curve(curve: pd.DataFrame, points: pd.DataFrame, x: str, y: str, titles: tuple[str, str]) -> go.Figure:
    figure = go.Figure()
    styles = lines(list(dict.fromkeys(curve["model"])))
    across = {"fpr": "fpr", "recall": "tpr"}[x]
    for model, style in styles.items():
        of_model = curve[curve["model"] == model]
        figure.add_scatter(
            x=of_model[x],
            y=of_model[y],
            customdata=of_model["threshold"],
            mode="lines",
            name=model,
            legendgroup=model,
            line={**style, "shape": "linear"},
            hovertemplate=f"{x} %{{x:.3f}}, {y} %{{y:.3f}}<br>at %{{customdata:.3f}}<extra>%{{fullData.name}}</extra>",
        )
        marks = points[(points["model"] == model) & points[y].notna()]
        figure.add_scatter(
            x=marks[across],
            y=marks[y],
            customdata=[
                [EDGES[edge], at] for edge, at in zip(marks["edge"], marks["threshold"], strict=True)
            ],
            mode="markers",
            name=model,
            legendgroup=model,
            showlegend=False,
            marker={
                "size": 11,
                "color": style["color"],
                "symbol": [SYMBOLS[edge] for edge in marks["edge"]],
                "line": {"width": 1.5, "color": "#ffffff"},
            },
            hovertemplate=f"{x} %{{x:.3f}}, {y} %{{y:.3f}}<br>%{{customdata[0]}} %{{customdata[1]:.2f}}<extra>%{{fullData.name}}</extra>",
        )
    if x == "fpr":
        figure.add_shape(
            type="line", x0=0, y0=0, x1=1, y1=1, line={"dash": "dot", "color": GREY, "width": 1.5}
        )
    figure.update_xaxes(title_text=titles[0], range=[-0.01, 1.01])
    figure.update_yaxes(title_text=titles[1], range=[-0.01, 1.02] if x == "fpr" else None)
    figure.update_layout(height=_height(len(styles)))
    return figure


def _reliability(frame: pd.DataFrame) -> go.Figure:
    figure = go.Figure()
    styles = lines(list(dict.fromkeys(frame["model"])))
    for model, style in styles.items():
        rows = frame[frame["model"] == model]
        figure.add_scatter(
            x=rows["p_ai"],
            y=rows["share_ai"],
            error_y={
                "array": rows["high"] - rows["share_ai"],
                "arrayminus": rows["share_ai"] - rows["low"],
                "thickness": 1,
                "width": 0,
            },
            customdata=rows["images"],
            mode="lines+markers",
            name=model,
            line=style,
            marker_size=6,
            hovertemplate="given %{x:.2f}: %{y:.2f} were AI (%{customdata} images)<extra>%{fullData.name}</extra>",
        )
    figure.add_shape(type="line", x0=0, y0=0, x1=1, y1=1, line={"dash": "dot", "color": GREY, "width": 1.5})
    figure.update_xaxes(title_text="mean probability of AI given", range=[-0.02, 1.02])
    figure.update_yaxes(title_text="share that was AI", range=[-0.02, 1.02])
    figure.update_layout(height=_height(len(styles)))
    return figure


def _histograms(frame: pd.DataFrame, rules: Rules) -> go.Figure:
    models = list(dict.fromkeys(frame["model"]))
    figure = make_subplots(
        rows=max(1, len(models)), cols=1, shared_xaxes=True, subplot_titles=list(map(html.escape, models))
    )
    bars = [
        _bars(frame[(frame["model"] == model) & (frame["label"] == label)], number, label)
        for number, model in enumerate(models, start=1)
        for label in CLASS_COLOURS
    ]
    # All shapes at once: plotly looks through the whole figure for every line that is added by itself.
    thresholds = [
        {
            "type": "line",
            "xref": _axis("x", number),
            "yref": f"{_axis('y', number)} domain",
            "x0": at,
            "x1": at,
            "y0": 0,
            "y1": 1,
            "line": {"dash": "dot", "width": 1.5, "color": GREY},
        }
        for number, model in enumerate(models, start=1)
        for at in _edges(rules, model)
    ]
    figure.add_traces(bars)
    figure.update_layout(
        barmode="relative",
        bargap=0,
        height=max(HEIGHT, AROUND_ROWS + ROW_HEIGHT * len(models)),
        shapes=thresholds,
        margin_t=LINE_HEIGHT,
    )
    figure.update_annotations(font_size=FONT_SIZE)
    figure.update_xaxes(range=[-0.01, 1.01])
    figure.update_xaxes(title_text="probability of AI given", row=max(1, len(models)), col=1)
    top = next((top for top in TOPS if top >= frame["share"].max()), TOPS[-1])
    figure.update_yaxes(
        tickvals=[-(top**0.5), 0, top**0.5],
        ticktext=[f"{top:.0%}", "0%", f"{top:.0%}"],
        range=[-1.05 * top**0.5, 1.05 * top**0.5],
    )
    return figure


def _bars(rows: pd.DataFrame, number: int, label: str) -> dict[str, object]:
    """The histogram of one class of a model, which stands in the row `number`, counted from 1."""
    sign = 1 if label == "ai" else -1
    return {
        "type": "bar",
        "xaxis": _axis("x", number),
        "yaxis": _axis("y", number),
        "x": (rows["low"] + rows["high"]) / 2,
        "y": sign * rows["share"] ** 0.5,
        "width": 0.048,
        "customdata": list(zip(rows["low"], rows["high"], rows["images"], rows["share"], strict=True)),
        "name": CALLED[label],
        "legendgroup": label,
        "showlegend": number == 1,
        "marker": {"color": CLASS_COLOURS[label]},
        "hovertemplate": (
            "%{customdata[0]:.2f} to %{customdata[1]:.2f}: %{customdata[2]} images, %{customdata[3]:.1%}"
            "<extra>%{fullData.name}</extra>"
        ),
    }


def _axis(letter: str, number: int) -> str:
    """Return plotly's name of the axis of a row of drawings, counted from 1: the first has no number."""
    return letter if number == 1 else f"{letter}{number}"


def _edges(rules: Rules, model: str) -> list[float]:
    rule = rules[model]
    return sorted({value for value in vars(rule).values() if isinstance(value, float)})


def _height(models: int) -> int:
    return HEIGHT + 22 * (models // 2)
