"""The figures of several models with their intervals, every pair tested, and what that means in plain words."""

import html
from collections.abc import Sequence
from typing import Any, Final

import pandas as pd
import streamlit as st

from core.detectors.card import Interval
from core.evaluation.comparison import FigureRow, figure_frame, pair_frame, part_frame
from core.evaluation.metrics import AT_THRESHOLDS, METRICS
from core.evaluation.paired import Pair
from core.evaluation.rules import Rules
from core.evaluation.tables import cell
from core.evaluation.undefined import NotDefined
from dashboard.parts.chart_download import csv_button
from dashboard.parts.confusion_matrices import CALLED
from dashboard.parts.escaping import escaped
from dashboard.parts.model_figures import MEANINGS
from dashboard.parts.table_origin import THRESHOLDS, at_thresholds, of_images

SENTENCES: Final = 6
PARTS: Final = "parts"
ROW_HEIGHT: Final = 35
MOST_ROWS: Final = 9
AUC: Final = "%.3f"
P: Final = "%.2g"
HOLM: Final = "p (Holm)"
NOT_DEFINED: Final = str(NotDefined(""))
FURTHER_MEANINGS: Final = {
    "accuracy": "share of right verdicts; inconclusive is not right",
    "tpr": "true-positive rate (TPR, recall): generated works found",
    "tnr": "true-negative rate: human works cleared",
    "precision": "how often a verdict AI is right, at the mix of these images",
    "human_called_ai": "false-positive rate (FPR): false accusations; inconclusive is none",
    "ai_called_human": "false-negative rate: generated works let pass; inconclusive is none",
}
BOLD: Final = (
    "**Bold**: better than every other model here by the paired bootstrap test of that figure, corrected for the number of "
    "pairs (Holm, p < 0.05); the sentences above ask about ranking and right verdicts alone."
)
STYLE: Final = """
<style>
.verso-figures { overflow-x: auto; }
.verso-figures table { border-collapse: collapse; font-size: .875rem; line-height: 1.35; width: 100%; }
.verso-figures th, .verso-figures td { text-align: left; padding: .4rem .75rem .4rem 0; vertical-align: top;
  border-bottom: 1px solid color-mix(in srgb, currentColor 15%, transparent); }
.verso-figures td { white-space: nowrap; font-variant-numeric: tabular-nums; }
.verso-figures th { font-weight: 600; }
.verso-figures tr:not(.verso-section) th:first-child { position: sticky; left: 0; z-index: 1; background: var(--ground); }
.verso-figures tbody th { min-width: 15rem; max-width: 24rem; font-weight: 400; }
@media (max-width: 640px) { .verso-figures tbody th { min-width: 8.5rem; max-width: 8.5rem; } }
.verso-figures small { opacity: .7; font-size: .8rem; }
.verso-figures td small { font-size: .8rem; }
.verso-figures tr.verso-section span { position: sticky; left: 0; }
.verso-figures tr.verso-section th { padding-top: 1rem; font-weight: 600; }
</style>
"""


def sentences_view(sentences: Sequence[str]) -> None:
    """Say every pair in plain words; beyond the first ones, on demand."""
    st.markdown("\n".join(f"- {escaped(said)}" for said in sentences[:SENTENCES]))
    if len(sentences) > SENTENCES:
        with st.expander(f"The other {len(sentences) - SENTENCES} pairs"):
            st.markdown("\n".join(f"- {escaped(said)}" for said in sentences[SENTENCES:]))


def figure_table(rows: Sequence[FigureRow], images: str, rules: Rules) -> None:
    """Draw the table of figures on `images`, as they are called; the best is bold only where the paired test tells it from all others."""
    line = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center")
    line.subheader("Figures", anchor=False, width="content")
    csv_button(_saved(rows, images, rules), "comparison-figures", line)
    ordered = sorted(rows, key=_follows)
    models = list(rows[0].by_model)
    head = "".join(f"<th scope='col'>{html.escape(model)}</th>" for model in models)
    body = ""
    for follows, title in ((False, "Whatever the thresholds"), (True, "At these thresholds")):
        body += f"<tr class='verso-section'><th colspan='{len(models) + 1}'><span>{title}</span></th></tr>"
        body += "".join(_row(row) for row in ordered if _follows(row) is follows)
    st.html(
        f"{STYLE}<div class='verso-figures' data-testid='figures' style='--ground: {_ground()}'><table><thead><tr><th></th>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )
    reasons = dict.fromkeys(
        value.why for row in rows for value in row.by_model.values() if isinstance(value, NotDefined)
    )
    said = [
        "In small type 95 % intervals: bootstrap over sources, where a share is 0 or 1 at least as wide as Wilson's.",
        BOLD if len(models) > 1 else "",
        f"*Not defined here*: {escaped(' '.join(reasons))}" if reasons else "",
    ]
    st.caption(" ".join(filter(None, said)))


def pair_tables(pairs: Sequence[Pair], images: str, rules: Rules) -> None:
    """Draw the paired tests on `images`, as they are called: of all images, and of each medium and family."""
    if not pairs:
        return
    line = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center")
    line.subheader("Every pair tested", anchor=False, width="content")
    csv_button(of_images(at_thresholds(pair_frame(pairs), rules), images), "comparison-pairs", line)
    _draw(_by_pair(pairs), "One row a pair of models")
    st.caption(
        "ΔAUC is the first model's ROC AUC less the second's, *from* and *to* the ends of its 95 % interval over sources, and beside them the p value of the "
        "paired bootstrap. McNemar's test looks at the images only one of the two gets right at these thresholds. Both p "
        "values are corrected for the number of pairs; below 0.05 the two can be told apart. The interval holds 95 % of the "
        "resamples, p is the difference over their spread: where sources are few and unlike, an interval can leave out 0 and "
        "p still not be small."
    )
    if any(pair.parts for pair in pairs):
        below = st.expander("Every pair on each medium and family", key=PARTS, on_change="rerun")
        if below.open:
            parts = part_frame(pairs)
            csv_button(of_images(at_thresholds(parts, rules), images), "comparison-parts", below)
            _draw(_by_part(parts), "One row a pair and group", below)


def _draw(table: pd.DataFrame, alt: str, place: Any = st) -> None:  # noqa: ANN401  (st or a container)
    """Draw paired tests that were laid out for people."""
    place.dataframe(
        table,
        height=_height(len(table)),
        column_config={
            name: st.column_config.NumberColumn(format=P if name.endswith(HOLM) else AUC)
            for name in map(str, table)
            if pd.api.types.is_float_dtype(table[name])
        },
        placeholder=NOT_DEFINED,
        alt=alt,
    )


def _by_pair(pairs: Sequence[Pair]) -> pd.DataFrame:
    """Lay paired tests out for people, a row a pair, in numbers that sort; what is not defined is missing."""
    frame = pair_frame(pairs)
    auc = {
        title: frame[name].astype(float).round(3) + 0.0  # what rounds to zero has no sign
        for title, name in (("ΔAUC", "auc_value"), ("from", "auc_low"), ("to", "auc_high"))
    }
    return pd.DataFrame(
        {"pair": _pair(frame), **auc, HOLM: frame["auc_p_holm"].astype(float), **_counts(frame)}
    ).set_index("pair")


def _by_part(frame: pd.DataFrame) -> pd.DataFrame:
    """Lay the tests of each medium and family out for people, a row a pair and part."""
    return pd.DataFrame(
        {
            "pair": _pair(frame),
            "works": frame["label"].map(CALLED),
            "medium or family": frame["medium_or_family"],
            "images": frame["images"],
            **_counts(frame),
        }
    ).set_index("pair")


def _pair(frame: pd.DataFrame) -> pd.Series:
    return frame["first"] + " less " + frame["second"]


def _counts(frame: pd.DataFrame) -> dict[str, pd.Series]:
    """The columns of McNemar's test."""
    return {
        "only the first right": frame["only_first_right"],
        "only the second right": frame["only_second_right"],
        "McNemar": frame["mcnemar_exact"].map({True: "exact", False: "chi-squared"}),
        f"its {HOLM}": frame["mcnemar_p_holm"].astype(float),
    }


def _saved(rows: Sequence[FigureRow], images: str, rules: Rules) -> pd.DataFrame:
    """Lay figures out for a file; those that no threshold changes name none."""
    frame = at_thresholds(figure_frame(rows), rules)
    follow = [row.name for row in rows if _follows(row)]
    frame[THRESHOLDS] = frame[THRESHOLDS].where(frame["figure"].isin(follow), "")
    return of_images(frame, images)


def _ground() -> str:
    """The page's own ground in CSS, whatever the theme: what scrolls below a column that stays must not show."""
    light, dark = (st.get_option(f"theme.{theme}.backgroundColor") for theme in ("light", "dark"))
    return f"light-dark({light}, {dark})"


def _height(rows: int) -> int:
    return ROW_HEIGHT * (min(rows, MOST_ROWS) + 1) + 2


def _follows(row: FigureRow) -> bool:
    return {**METRICS, **AT_THRESHOLDS}[row.name].follows_rule


def _row(row: FigureRow) -> str:
    meaning = FURTHER_MEANINGS.get(row.name) or MEANINGS.get(row.name, "")
    said = f"{meaning}; {row.better} is better" if meaning else f"{row.better} is better"
    cells = "".join(_cell(value, best=model == row.best) for model, value in row.by_model.items())
    return (
        f"<tr><th scope='row'>{html.escape(row.title)}<br><small>{html.escape(said)}</small></th>{cells}</tr>"
    )


def _cell(value: Interval | NotDefined, *, best: bool) -> str:
    if isinstance(value, NotDefined):
        return f"<td title='{html.escape(value.why)}'>{value}</td>"
    number, _, spread = cell(value).partition(" ")
    shown = f"<b>{number}</b>" if best else number
    return f"<td>{shown}<br><small>{spread.strip('()')}</small></td>"
