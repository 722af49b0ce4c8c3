"""How the probabilities of an audit are spread, and its files to take away."""

import re
from functools import partial
from typing import Final

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.audit.store.pages import BINS
from core.audit.store.records import Audit
from core.verdict import Label, Thresholds
from dashboard.audit_desk import MOVING, fresh_bytes, kept_file, of_audit, queue, results, standing, store
from dashboard.parts.chart_download import downloadable
from dashboard.parts.chart_style import GREY
from dashboard.parts.counting import counted
from dashboard.parts.error_sentence import error_sentence
from dashboard.parts.escaping import escaped
from dashboard.parts.file_on_demand import Failed, noting_failure
from dashboard.parts.threshold_control import in_words
from dashboard.parts.verdict_card import COLOURS

MEANINGS: Final = {
    "results.csv": "One row a file, with verdict, error and ruling",
    "results.parquet": "The same, for programs",
    "results.xlsx": "The same, for a spreadsheet",
    "near_duplicates.csv": "Groups of pictures that look alike",
    "report.html": "The report, as one page",
    "report.pdf": "The report, to print",
}

UNSAFE: Final = re.compile(r"[^\w.]+")
LONGEST_STEM: Final = 60
FAILED: Final = "downloads-failed"
LOOKS: Final = 5
"""Seconds after which it is looked again whether a file could not be written; at each look Streamlit removes what was fetched two looks ago."""


def file_stem(audit: Audit) -> str:
    """Return what the names of an audit's files begin with: its own name as every disk takes it, or 8 digits of its id."""
    named = UNSAFE.sub("-", audit.name).strip("-.")
    return named[:LONGEST_STEM].rstrip("-.") or audit.id[:8]


def distribution(audit: Audit, title: str) -> None:
    """Draw how many files of an audit, called `title`, have which probability of AI."""
    found = results(audit).histogram()
    frame = pd.DataFrame(
        {"p_ai_from": [place / BINS for place in range(BINS)]} | {label: found[label] for label in Label}
    )
    figure = go.Figure(
        [
            go.Bar(
                x=frame["p_ai_from"] + 0.5 / BINS,
                y=frame[label],
                name=label,
                marker_color=COLOURS[label],
                width=0.9 / BINS,
            )
            for label in Label
        ]
    )
    band = audit.configuration
    for edge in (band.human_below, band.ai_above):
        figure.add_vline(edge, line_dash="dot", line_width=1.5, line_color=GREY)
    figure.update_layout(barmode="stack", height=380)
    figure.update_xaxes(title="calibrated probability of AI", range=[0, 1])
    figure.update_yaxes(title="files")
    downloadable(
        figure,
        frame,
        f"{file_stem(audit)}-distribution",
        "How sure the model is",
        "Files in each twentieth of the scale, exact duplicates counted once, shots of videos not at all. The dotted lines are the model's thresholds: "
        "between them it does not decide.",
        f"{title}; {audit.model}: {in_words(Thresholds(band.human_below, band.ai_above))}",
    )


def downloads(audit: Audit) -> None:
    """Offer the files of an audit's results and reports."""
    now = standing(audit.id)
    if now and now.state in MOVING:
        st.info(
            "The files are written when the audit is finished. Pause it to download what is judged so far.",
            icon=":material/hourglass_empty:",
        )
        return
    counts = store().counts(audit.id)
    if counts.waiting:
        st.warning(
            f"These files are **partial**: {counts.done:,} of {counted(counts.total, 'different file')} examined so far. The reports "
            "say so in their title; rows without a verdict and without an error were not judged.",
            icon=":material/incomplete_circle:",
        )
    st.caption(
        "Results carry every ruling made until you press the button. The first press writes all files, which takes minutes "
        "for a large audit: where the button says that the request timed out, wait and press it again."
    )
    if audit.output not in {None, queue().folder(audit.id).absolute()}:
        st.caption(
            f"This audit was begun on the command line. Its folder {escaped(str(audit.output))} stays as it is; what you "
            "download here is made from the database of audits."
        )
    failed = st.session_state.setdefault(of_audit(FAILED, audit), {})
    st.fragment(_failures, run_every=LOOKS)(failed)
    for name, meaning in MEANINGS.items():
        line = st.container(horizontal=True, vertical_alignment="center")
        line.download_button(
            name,
            noting_failure(partial(fresh_bytes, audit, name), name, failed),
            f"{file_stem(audit)}-{'partial_' if counts.waiting else ''}{name}",
            key=f"download-{name}",
            icon=":material/download:",
            on_click="ignore",
            width=220,
        )
        path = kept_file(audit, name)
        size = f" :gray[{_said(path.stat().st_size)}]" if path.is_file() else ""
        line.markdown(f"{meaning}{size}", width="content")


def _failures(failed: Failed) -> None:
    """Draw why files could not be written."""
    for name, why in list(failed.items()):
        error_sentence(f"{name} was not written. {why}")


def _said(size: int) -> str:
    """Say how many bytes a file has."""
    return f"{size:,} bytes" if size < 1000 else f"{size / 1000:,.0f} kB"  # noqa: PLR2004  (a kB)
