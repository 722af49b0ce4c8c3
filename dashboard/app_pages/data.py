"""Data: what the models learned from and are measured on, and whether it can flatter them."""

import pandas as pd
import streamlit as st

from core.corpus.manifest import Manifest
from core.errors import VersoError
from dashboard.corpus_shelf import datasheet, leak_findings, shown_corpus
from dashboard.parts.chart_download import csv_button
from dashboard.parts.corpus_charts import corpus_figures
from dashboard.parts.corpus_filters import corpus_filters
from dashboard.parts.error_sentence import error_sentence
from dashboard.parts.leak_view import leak_summary, leak_view
from dashboard.parts.thumbnail_grid import thumbnail_grid

COLUMNS = {
    "label": "label",
    "generator": "generator",
    "family": "family",
    "medium": "medium",
    "source": "source",
    "license": "licence as stated",
    "split": "split",
    "width": "width (px)",
    "height": "height (px)",
    "original_format": "original's format",
    "attestation": "why the label is believed",
    "source_path": "file in the source",
    "sha256": "sha256",
}


def lead(corpus: Manifest) -> str:
    """Say in one paragraph what the corpus is."""
    frame = corpus.frame
    generated = frame[frame["label"] == "ai"]
    return (
        f"What models learn from and are measured on: **{len(frame) - len(generated):,} artworks by people** and "
        f"**{len(generated):,} by generators** of {generated['family'].nunique()} families. Version "
        f"`{corpus.version[:12]}`"
    )


def browse(frame: pd.DataFrame) -> None:
    """Draw the filters and what they let through."""
    rows = corpus_filters(frame)
    if rows.empty:
        st.info(
            "No image fits all of these filters at once. Take one of them back, or clear them.",
            icon=":material/filter_alt_off:",
        )
        return
    view = st.segmented_control(
        "Show as",
        ["Figures", "Pictures", "Table"],
        default="Figures",
        required=True,
        key="corpus-view",
        persist_state="session",
    )
    match view:
        case "Figures":
            corpus_figures(rows)
        case "Pictures":
            thumbnail_grid(rows)
        case _:
            shown = rows[list(COLUMNS)].rename(columns=COLUMNS)
            st.dataframe(shown, hide_index=True, height=620, alt="One row an image")
            csv_button(shown, "corpus")


st.title("The corpus", anchor=False)
try:
    corpus, findings = shown_corpus(), leak_findings()
except VersoError as error:
    error_sentence(error)
    st.stop()

st.markdown(lead(corpus))
leak_summary(findings, corpus.version)
images, alarm, sheet = st.tabs(
    ["Images", "Leak alarm", "Datasheet"], key="corpus-tab", on_change="rerun", bind="query-params"
)
if images.open:
    with images:
        browse(corpus.frame)
if alarm.open:
    with alarm:
        leak_view(findings, corpus.version)
if sheet.open:
    with sheet:
        st.markdown(datasheet() or "There is no datasheet: `data/DATASHEET.md` is missing.")
