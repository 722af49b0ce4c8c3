"""The filters of the Data page."""

import pandas as pd
import streamlit as st

from dashboard.corpus_shelf import FACETS, Facet, matching, stated
from dashboard.parts.counting import counted

HELP = {
    "split": "train: models learn from it. val: chooses epochs and thresholds. test: unseen images from the same "
    "sources. ood: generators and sources no model ever saw.",
    "family": "Generators grouped by kind. A choice here and one of media are shown together.",
    "medium": "As its source says. A choice here and one of families are shown together.",
}
STYLE = """
<style>
.st-key-corpus-filters { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: .75rem 1rem; }
@media (max-width: 640px) {
  .st-key-corpus-filters { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .st-key-corpus-filters > :nth-last-child(-n+2) { grid-column: 1 / -1; }
}
</style>
"""


def corpus_filters(frame: pd.DataFrame) -> pd.DataFrame:
    """Draw the filters over all rows of a manifest and return the rows that match them."""
    st.html(STYLE)
    with st.container(key="corpus-filters"):
        chosen = {facet.column: _choice(facet, frame) for facet in FACETS}
    rows = matching(frame, chosen)
    line = st.container(horizontal=True, vertical_alignment="center", gap="medium")
    line.markdown(_count(rows, frame), width="content")
    if any(chosen.values()):
        line.button("Clear the filters", icon=":material/filter_alt_off:", type="tertiary", on_click=_clear)
    return rows


def _choice(facet: Facet, frame: pd.DataFrame) -> list[str]:
    counts = facet.counts(frame)
    return st.multiselect(
        facet.title,
        list(counts),
        format_func=lambda value: f"{stated(value)} ({counts[value]:,})",
        key=_key(facet),
        help=HELP.get(facet.column),
        placeholder="all",
        persist_state="session",
        wrap=False,  # a box that shrank as it lost focus would pull what is below from under the pointer
    )


def _count(rows: pd.DataFrame, frame: pd.DataFrame) -> str:
    if rows.empty:
        return f"**No image** of {len(frame):,} matches."
    labels = rows["label"].value_counts()
    sources = rows["source"].nunique()
    return (
        f"**{len(rows):,} of {len(frame):,} images** match: {labels.get('human', 0):,} human, "
        f"{labels.get('ai', 0):,} AI, from {counted(sources, 'source')}."
    )


def _clear() -> None:
    for facet in FACETS:
        st.session_state[_key(facet)] = []


def _key(facet: Facet) -> str:
    return f"corpus-{facet.column}"
