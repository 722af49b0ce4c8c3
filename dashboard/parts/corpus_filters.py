"""The filters of the Data page."""

import pandas as pd
import streamlit as st

from dashboard.corpus_shelf import FACETS, Facet, matching, stated

HELP = {
    "split": "train: models learn from it. val: chooses epochs and thresholds. test: unseen images from the same "
    "sources. ood: generators and sources no model ever saw.",
    "family": "Generators grouped by kind. A choice here and one of media are shown together.",
    "medium": "As its source says. A choice here and one of families are shown together.",
}


def corpus_filters(frame: pd.DataFrame) -> pd.DataFrame:
    """Draw the filters over all rows of a manifest and return the rows that match them."""
    with st.expander("Filters", icon=":material/filter_alt:", expanded=True):
        columns = st.columns(3)
        chosen = {
            facet.column: _choice(facet, frame, columns[number % 3]) for number, facet in enumerate(FACETS)
        }
        st.caption("Numbers in brackets count the whole corpus. A filter left empty lets everything through.")
    rows = matching(frame, chosen)
    line = st.container(horizontal=True, vertical_alignment="center", gap="medium")
    line.markdown(_count(rows, frame), width="content")
    if any(chosen.values()):
        line.button("Clear the filters", icon=":material/filter_alt_off:", type="tertiary", on_click=_clear)
    return rows


def _choice(facet: Facet, frame: pd.DataFrame, place: st.delta_generator.DeltaGenerator) -> list[str]:
    counts = facet.counts(frame)
    return place.multiselect(
        facet.title,
        list(counts),
        format_func=lambda value: f"{stated(value)} ({counts[value]:,})",
        key=_key(facet),
        help=HELP.get(facet.column),
        placeholder="all",
        persist_state="session",
        wrap=True,
    )


def _count(rows: pd.DataFrame, frame: pd.DataFrame) -> str:
    if rows.empty:
        return f"**No image** of {len(frame):,} matches."
    labels = rows["label"].value_counts()
    split = f"{labels.get('human', 0):,} human, {labels.get('ai', 0):,} generated"
    sources = rows["source"].nunique()
    return (
        f"**{len(rows):,} of {len(frame):,} images** match: {split}, from {sources} "
        f"{'source' if sources == 1 else 'sources'}."
    )


def _clear() -> None:
    for facet in FACETS:
        st.session_state[_key(facet)] = []


def _key(facet: Facet) -> str:
    return f"corpus-{facet.column}"
