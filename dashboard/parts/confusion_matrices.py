"""Confusion matrices side by side; a click on a cell opens its images."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from textwrap import wrap
from typing import Final

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from plotly.colors import sample_colorscale

from core.corpus.manifest import LABELS
from core.evaluation.confusion import Confusion, confusion
from core.evaluation.metrics import AT_THRESHOLDS, METRICS, value_of
from core.evaluation.rules import Rule, Rules
from core.evaluation.selection import Joined
from core.evaluation.undefined import NotDefined
from dashboard.parts.chart_download import (
    FONT,
    LINE_HEIGHT,
    TITLE_LENGTH,
    config,
    csv_button,
    format_chooser,
    heading,
)
from dashboard.parts.chart_style import FONT_SIZE, INK, LAYOUT, VERMILION
from dashboard.parts.table_origin import at_thresholds, of_images
from dashboard.parts.threshold_control import in_words

CELL: Final = "cell"
CLICKS: Final = "comparison-clicks"
WIDTH: Final = 300
HEIGHT: Final = 204
"""Of the cells, in pixels; above them stand the title and the names of the columns."""
MARGIN: Final = {"l": 74, "r": 2, "b": 4}
ABOVE: Final = 84
FILLED: Final = 0.97
"""So much of its square a cell fills."""
SCALE: Final = ((0.0, "#dfe9f0"), (1.0, "#00598b"))
DARK_FROM: Final = 0.75
"""Where white and black are read equally well, with a contrast of 4.5 to 1 (WCAG 2), here and in the heat maps."""
LIGHT_INK: Final = "#ffffff"
DARK_INK: Final = "#000000"
MARK: Final = VERMILION
SEPARATOR: Final = " · "
LONGEST_NAME: Final = 34
UNDER: Final = (
    {"accuracy": "accuracy", "coverage": "decided"},
    {"human_called_ai": "FPR", "tpr": "TPR"},
)
CALLED: Final = {"human": "human", "ai": "AI", "inconclusive": "inconclusive"}


def cell_name(model: str, true: str, said: str) -> str:
    """Return how a cell is named in the address."""
    return (
        f"{model}{SEPARATOR}{true} called {said}"
        if said != "inconclusive"
        else f"{model}{SEPARATOR}{true} {said}"
    )


def ink(share: float | None) -> str:
    """Return the colour of text in a cell of this share: cells are their own ground, whatever the theme."""
    return LIGHT_INK if share is not None and share > DARK_FROM else DARK_INK


def confusion_matrices(joined: Joined, rules: Rules) -> tuple[str, str, str] | None:
    """Draw the matrices and the choice of a cell; return the chosen (model, true, said)."""
    matrices = confusion(joined, rules)
    cells = {
        cell_name(model, true, said): (model, true, said)
        for model, matrix in matrices.items()
        for true in LABELS
        for said in matrix.counts.columns
    }
    if st.session_state.get(CELL) not in (None, *cells):
        st.session_state[CELL] = None
    above = st.container()
    named = st.selectbox(
        "Images of a cell",
        list(cells),
        index=None,
        key=CELL,
        bind="query-params",
        placeholder="Click a cell above, or choose one here",
        width=520,
    )
    chosen = cells.get(named or "")
    line = above.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom")
    line.markdown("**Confusion matrices**", width="content")
    saving = line.container(horizontal=True, width="content", vertical_alignment="bottom")
    format_chooser(saving)
    csv_button(of_images(at_thresholds(_table(matrices), rules), joined.short), "confusion-matrices", saving)
    with above.container(horizontal=True, gap="small", key="matrices"):
        for model, matrix in matrices.items():
            with st.container(width=WIDTH, gap="xxsmall"):
                _matrix(model, matrix, chosen, f"{joined.short}; {in_words(rules[model])}")
                st.caption(_under(joined, model, rules[model]))
    above.caption(
        "Rows: what the works are. Columns: what the model says. In each cell the count and its share of the row; the "
        "darker, the larger the share, on the same scale for all models. FPR: human works called AI; TPR: AI works "
        "called AI; accuracy counts *inconclusive* as wrong."
    )
    return chosen


def _table(matrices: Mapping[str, Confusion]) -> pd.DataFrame:
    """One row a cell: the model, what the works are, what it says, how many, and their share of the row."""
    cells = (
        (model, true, said, count, rate)
        for model, matrix in matrices.items()
        for true, counts, rates in zip(
            LABELS, matrix.counts.to_numpy().tolist(), matrix.rates.to_numpy().tolist(), strict=True
        )
        for said, count, rate in zip(matrix.counts.columns, counts, rates, strict=True)
    )
    return pd.DataFrame(list(cells), columns=["model", "true", "said", "count", "share"])


def _matrix(model: str, matrix: Confusion, chosen: tuple[str, str, str] | None, about: str) -> None:
    key = f"matrix-{model}-{st.session_state.get(CLICKS, 0)}"
    spoken = [
        f"{true} works called {said}: {count}"
        for true, counts in zip(LABELS, matrix.counts.to_numpy().tolist(), strict=True)
        for said, count in zip(matrix.counts.columns, counts, strict=True)
    ]
    st.plotly_chart(
        _figure(model, matrix, chosen[1:] if chosen and chosen[0] == model else None, about),
        key=key,
        on_select=partial(_clicked, key),
        selection_mode="points",
        config=config(f"confusion-matrix-{model}"),
        alt=f"Confusion matrix of {model}: {'; '.join(spoken)}",
    )


def _clicked(key: str) -> None:
    """Open the cell that was clicked on, or close it if it is open."""
    points = st.session_state[key]["selection"]["points"]
    if points:
        asked = points[0]["customdata"][0]
        st.session_state[CELL] = None if st.session_state.get(CELL) == asked else asked
        # A drawing keeps its selection and would take the next click on the same cell for its end: draw it anew.
        st.session_state[CLICKS] = st.session_state.get(CLICKS, 0) + 1


def _figure(model: str, matrix: Confusion, chosen: tuple[str, str] | None, about: str) -> go.Figure:
    """Draw a matrix as bars, one a cell: plotly reports no clicks on a heat map, and paints it more slowly.

    `about` says which images, and where the model cuts.
    """
    # Everything in one call: plotly takes ten times as long for a figure that grows by `add_` and `update_`.
    name = model if len(model) <= LONGEST_NAME else f"{model[: LONGEST_NAME - 1]}…"
    lines = wrap(about, TITLE_LENGTH)
    above = ABOVE + LINE_HEIGHT * len(lines)
    says = [str(said) for said in matrix.counts.columns]
    cells = [
        _Cell(true, said, row, column, int(count), _share(rate))
        for row, (true, counts, rates) in enumerate(
            zip(LABELS, matrix.counts.to_numpy().tolist(), matrix.rates.to_numpy().tolist(), strict=True)
        )
        for column, (said, count, rate) in enumerate(zip(says, counts, rates, strict=True))
    ]
    axis = {
        "fixedrange": True,
        "automargin": False,
        "showgrid": False,
        "zeroline": False,
        "ticks": "",
        "tickfont": {"size": FONT_SIZE - 1, "color": INK},
    }
    return go.Figure(
        data=[
            {
                "type": "bar",
                "x": [cell.column for cell in cells],
                "base": [cell.row - FILLED / 2 for cell in cells],
                "y": [FILLED] * len(cells),
                "width": FILLED,
                "text": [f"<b>{cell.count:,}</b><br>{_rate(cell.share)}" for cell in cells],
                "textposition": "inside",
                "insidetextanchor": "middle",
                "textangle": 0,
                "constraintext": "none",
                "textfont": {"size": FONT_SIZE + 1, "color": [ink(cell.share) for cell in cells]},
                "marker": {
                    "color": sample_colorscale(
                        [colour for _, colour in SCALE], [cell.share or 0.0 for cell in cells]
                    ),
                    "line": {
                        "color": MARK,
                        "width": [3 if (cell.true, cell.said) == chosen else 0 for cell in cells],
                    },
                },
                "unselected": {"marker": {"opacity": 1}},
                "customdata": [
                    [
                        cell_name(model, cell.true, cell.said),
                        f"{CALLED[cell.true]} works the model calls {CALLED[cell.said]}: {cell.count:,}",
                    ]
                    for cell in cells
                ],
                "hovertemplate": "%{customdata[1]}<br>select to list them<extra></extra>",
                "showlegend": False,
            }
        ],
        layout={
            **LAYOUT,
            "title": heading(name, lines),
            "height": HEIGHT + above,
            "margin": {**MARGIN, "t": above},
            "font": {"size": FONT_SIZE, "family": FONT, "color": INK},
            "dragmode": False,
            "hovermode": "closest",
            "barmode": "overlay",
            "xaxis": {
                **axis,
                "side": "top",
                "title": {"text": "the model says", "standoff": 4, "font": {"size": FONT_SIZE, "color": INK}},
                "tickvals": list(range(len(says))),
                "ticktext": [CALLED[said] for said in says],
                "range": [-0.5, len(says) - 0.5],
            },
            "yaxis": {
                **axis,
                "title": {"text": "the works are", "standoff": 4, "font": {"size": FONT_SIZE, "color": INK}},
                "tickvals": list(range(len(LABELS))),
                "ticktext": [CALLED[label] for label in LABELS],
                "range": [len(LABELS) - 0.5, -0.5],
            },
        },
    )


@dataclass(frozen=True)
class _Cell:
    """A cell of a matrix and where it stands; `share` is that of the row, None in a row without works."""

    true: str
    said: str
    row: int
    column: int
    count: int
    share: float | None


def _share(rate: object) -> float | None:
    return rate if isinstance(rate, float) else None


def _rate(share: float | None) -> str:
    return "none here" if share is None else f"{share * 100:.1f} %"


def _under(joined: Joined, model: str, rule: Rule) -> str:
    p_ai = joined.p_ai[model].to_numpy()
    figures = {**METRICS, **AT_THRESHOLDS}
    return "  \n".join(
        " · ".join(
            f"{title} {_percent(value_of(figures[name], joined.truth, p_ai, rule))}"
            for name, title in line.items()
        )
        for line in UNDER
    )


def _percent(value: float | NotDefined) -> str:
    return str(value) if isinstance(value, NotDefined) else f"**{value * 100:.1f}\N{NO-BREAK SPACE}%**"
