"""On which generators and media each model errs: group by model."""

import textwrap

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.evaluation.curves import false_positives_by_medium, recall_by_family
from core.evaluation.rules import Rules
from core.evaluation.selection import Joined
from dashboard.parts.chart_download import downloadable
from dashboard.parts.chart_style import FONT_SIZE
from dashboard.parts.confusion_matrices import SCALE, ink
from dashboard.parts.table_origin import at_thresholds

ROW_HEIGHT = 34
AROUND_ROWS = 150
LEAST_HEIGHT = 260
FEW = 20
SCALES = {"family": SCALE, "medium": ((0.0, "#f7e6da"), (1.0, "#923900"))}
SIDE_BY_SIDE = 6
LINE_LENGTH = 12
MANY = 10
"""On a phone, numbers of more models than this only stand apart in small type."""
SMALL = 10


def group_heat_maps(joined: Joined, rules: Rules) -> None:
    """Draw recall by generator family and false-positive rate by medium, for each model."""
    recall, accused = recall_by_family(joined, rules), false_positives_by_medium(joined, rules)
    level = len(joined.models) <= SIDE_BY_SIDE
    left, right = st.columns(2, gap="large") if level else (st.container(), st.container())
    with left:
        downloadable(
            _figure(recall, "family"),
            at_thresholds(recall, rules),
            "comparison-recall-by-generator",
            "Recall by generator family",
            "Share of a family's works called AI, in per cent; darker is better. In brackets how many works there are; "
            f"with fewer than {FEW} a share says little. Hover for the 95 % interval.",
            joined.short,
        )
    with right:
        downloadable(
            _figure(accused, "medium"),
            at_thresholds(accused, rules),
            "comparison-false-positives-by-medium",
            "False positives by medium",
            "Share of the human works in a medium called AI, in per cent; darker is worse. In brackets how many works there are; "
            f"with fewer than {FEW} a share says little. Hover for the 95 % interval.",
            joined.short,
        )


def _figure(frame: pd.DataFrame, group: str) -> go.Figure:
    figure = go.Figure()
    if frame.empty:
        return figure
    table = frame.pivot_table(index=group, columns="model", values="share", sort=False)
    models = list(dict.fromkeys(frame["model"]))
    table = table.reindex(columns=models)
    table = table.loc[table.mean(axis=1).sort_values(ascending=group == "family", kind="stable").index]
    facts = {(row[group], row["model"]): row for row in frame.to_dict("records")}
    names = [f"{name} ({facts[name, models[0]]['images']})" for name in table.index]
    figure.add_heatmap(
        z=table.to_numpy(),
        x=list(range(len(models))),
        y=list(range(len(names))),
        zmin=0,
        zmax=1,
        colorscale=SCALES[group],
        xgap=2,
        ygap=2,
        showscale=False,
        customdata=[
            [[facts[name, m]["low"], facts[name, m]["high"], names[i], m] for m in models]
            for i, name in enumerate(table.index)
        ],
        hovertemplate=(
            "%{customdata[2]}<br>%{customdata[3]}<br>%{z:.1%} (%{customdata[0]:.1%} to %{customdata[1]:.1%})<extra></extra>"
        ),
    )
    # All numbers at once: plotly looks through the whole figure for every one that is added by itself.
    figure.update_layout(
        height=max(LEAST_HEIGHT, AROUND_ROWS + ROW_HEIGHT * len(names)),
        annotations=[
            {
                "x": column,
                "y": row,
                "text": f"{share * 100:.0f}",
                "showarrow": False,
                "font": {"size": FONT_SIZE if len(models) <= MANY else SMALL, "color": ink(share)},
            }
            for row, shares in enumerate(table.to_numpy())
            for column, share in enumerate(shares)
        ],
    )
    level = len(models) <= SIDE_BY_SIDE
    figure.update_xaxes(
        tickvals=list(range(len(models))),
        ticktext=[_wrapped(model) for model in models] if level else models,
        autotickangles=[0, -90],
        showgrid=False,
        zeroline=False,
    )
    figure.update_yaxes(
        tickvals=list(range(len(names))), ticktext=names, autorange="reversed", showgrid=False, zeroline=False
    )
    return figure


def _wrapped(model: str) -> str:
    """The name of a model on short lines, broken after hyphens."""
    return "<br>".join(textwrap.wrap(model, LINE_LENGTH))
