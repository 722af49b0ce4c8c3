"""How the probabilities of an audit are spread, and its files to take away."""

from functools import partial
from typing import Final

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.audit.store.pages import BINS
from core.audit.store.records import Audit
from core.verdict import Label
from dashboard.audit_desk import Standing, files, fresh_bytes, results
from dashboard.parts.figure_download import downloadable
from dashboard.parts.verdict_card import COLOURS

MEANINGS: Final = {
    "results.csv": "One row a file, with verdict, error and ruling",
    "results.parquet": "The same, for programs",
    "results.xlsx": "The same, for a spreadsheet",
    "near_duplicates.csv": "Groups of pictures that look alike",
    "report.html": "The report, as one page",
    "report.pdf": "The report, to print",
}


def distribution(audit: Audit) -> None:
    """Draw how many files have which probability of AI."""
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
        figure.add_vline(edge, line_dash="dot")
    figure.update_layout(barmode="stack", height=380)
    figure.update_xaxes(title="calibrated probability of AI", range=[0, 1])
    figure.update_yaxes(title="files")
    downloadable(
        figure,
        frame,
        "audit-distribution",
        "How sure the model is",
        "Files in each twentieth of the scale, exact duplicates counted once. The dotted lines are the model's thresholds: "
        "between them it does not decide.",
    )


def downloads(what: Standing, audit: Audit) -> None:
    """Offer the files in the folder of an audit."""
    if what.request is None:
        st.info(
            "This audit was begun on the command line: its files lie in the folder named there by `--output`."
        )
        return
    found = files(what)
    if not found:
        st.info("The files are written when the audit is finished.")
        return
    st.caption("Results carry every ruling made until you press the button.")
    for path in found:
        line = st.container(horizontal=True, vertical_alignment="center")
        line.download_button(
            path.name,
            partial(fresh_bytes, audit, path),
            path.name,
            key=f"download-{path.name}",
            icon=":material/download:",
            on_click="ignore",
            width=220,
        )
        line.markdown(
            f"{MEANINGS.get(path.name, '')} :gray[{path.stat().st_size / 1000:,.0f} kB]", width="content"
        )
