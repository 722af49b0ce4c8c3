"""What is left of several models' figures after pictures were re-saved, resized or blurred."""

from collections.abc import Mapping, Sequence
from textwrap import wrap

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.evaluation.curves import CLEAN, robustness_of
from core.evaluation.metrics import AT_THRESHOLDS, METRICS
from core.evaluation.perturbations import CONDITIONS
from core.evaluation.rules import Rules
from core.evaluation.selection import Joined
from dashboard.parts.chart_download import downloadable
from dashboard.parts.escaping import escaped
from dashboard.parts.model_colours import lines
from dashboard.parts.table_origin import at_thresholds

FIGURE = "robustness-figure"
SHOWN = ("auc", "accuracy", "human_called_ai", "tpr", "coverage", "ece")
TITLES = {name: {**METRICS, **AT_THRESHOLDS}[name].title for name in SHOWN}
"""As the address names the figures."""
ROW_HEIGHT = 34
AROUND_ROWS = 170
LEAST_SPAN = 0.2
MARGIN = 0.02
LINE = 26
"""A condition's title takes lines of at most so many letters."""


def robustness_curves(after: Mapping[str, Joined], rules: Rules) -> None:
    """Draw a figure after each condition, of the models measured under it, and name those that never were."""
    measured = {model for condition, joined in after.items() if condition != CLEAN for model in joined.models}
    absent = [model for model in after[CLEAN].models if model not in measured]
    if absent:
        st.info(
            f"Not measured under any condition on this split: {', '.join(map(escaped, absent))}. Measure a model with "
            "`python -m core evaluate MODEL --perturb all` (splits *test* and *ood*)."
        )
    if not measured:
        return
    figure = st.selectbox(
        "Figure", SHOWN, format_func=TITLES.__getitem__, key=FIGURE, bind="query-params", width=360
    )
    frame = robustness_of(after, rules)
    rows = frame[(frame["figure"] == figure) & frame["model"].isin(measured)]
    shown = ({**METRICS, **AT_THRESHOLDS})[figure]
    downloadable(
        _figure(rows, TITLES[figure], after[CLEAN].models),
        at_thresholds(rows, rules) if shown.follows_rule else rows,
        f"comparison-robustness-{figure}",
        f"Robustness: {TITLES[figure]}",
        "The same done to every picture before it was judged, harder from top to bottom within a kind; a mark stands where "
        f"a model was measured; {shown.better} is better.",
        after[CLEAN].short,
    )


def _figure(rows: pd.DataFrame, title: str, models: Sequence[str]) -> go.Figure:
    """Draw `rows`; each of the `models` compared has its line as in the other figures, also where some are left out."""
    figure = go.Figure()
    for model, style in lines(models).items():
        of_model = rows[rows["model"] == model]
        if of_model.empty:
            continue
        figure.add_scatter(
            x=of_model["value"],
            y=[_title(condition) for condition in of_model["condition"]],
            mode="lines+markers",
            name=model,
            line=style,
            marker_size=7,
            hovertemplate="%{y}: %{x:.3f}<extra>%{fullData.name}</extra>",
        )
    in_order = [_title(condition) for condition in dict.fromkeys(rows["condition"])]
    figure.update_layout(height=AROUND_ROWS + ROW_HEIGHT * len(in_order))
    figure.update_yaxes(
        categoryorder="array",
        categoryarray=in_order,
        tickvals=in_order,
        ticktext=["<br>".join(wrap(title, LINE)) for title in in_order],
        autorange="reversed",
    )
    figure.update_xaxes(title_text=title, showgrid=True, range=_span(rows["value"].dropna().astype(float)))
    return figure


def _span(values: pd.Series) -> tuple[float, float] | None:
    """Return the ends of the axis: at least `LEAST_SPAN` apart, so that noise does not look like a landslide."""
    if values.empty:
        return None
    spare = max(MARGIN, (LEAST_SPAN - (values.max() - values.min())) / 2)
    return max(-MARGIN, values.min() - spare), min(1 + MARGIN, values.max() + spare)


def _title(condition: str) -> str:
    return "as they are" if condition == CLEAN else CONDITIONS[condition].title
