"""The files of an audit as a paged table with small pictures, filtered; the selected one can be ruled in place."""

import base64
from collections.abc import Sequence
from math import ceil
from typing import Final
from zlib import crc32

import pandas as pd
import streamlit as st

from core.audit.choices import told
from core.audit.places import called, place_of
from core.audit.shots import RULE, Shots, tally
from core.audit.store.pages import EVIDENCE, ODDITIES, RULINGS, Kind, Sorting, Tally, Wanted
from core.audit.store.records import Audit, ItemState, Row
from core.errors import VersoError
from core.verdict import Label
from dashboard.audit_desk import of_audit, results, thumbnail
from dashboard.parts.counting import counted
from dashboard.parts.error_sentence import errors_told
from dashboard.parts.probability_table import probability_table
from dashboard.parts.ruling_panel import ruling_panel, who_rules_and_how

PER_PAGE: Final = 25
SIDE: Final = 96
ROW_HEIGHT: Final = 56
UNDECIDED: Final[dict[str, str]] = {ItemState.REFUSED: "error", ItemState.NO_PICTURE: "no picture"}
"""What stands in the place of a verdict."""
ASKED: Final = (
    ("Only", ODDITIES, "audit-kind"),
    ("Ruling", RULINGS, "audit-ruled"),
    ("Evidence", EVIDENCE, "audit-evidence"),
)
"""Filters by aspect: what is chosen of one is joined by "or", what is chosen of several by "and"."""
VERDICT: Final = "audit-verdict"
JUDGE: Final = "audit-judge"
FIND: Final = "audit-find"
ORDER: Final = "audit-order"
IN_ADDRESS: Final = (VERDICT, *(key for _, _, key in ASKED), JUDGE, FIND, ORDER)
"""The filters and the order, as the address names them."""


@st.fragment
def audit_table(audit: Audit) -> None:
    """Draw the filters, a page of the table, and the selected file."""
    with errors_told():
        _page_of_files(audit)


def _page_of_files(audit: Audit) -> None:
    pages = results(audit)
    judges = list(pages.judges())
    staged = bool(set(judges) - {audit.configuration.model})
    wanted = _filters(judges)
    tally = pages.tally(wanted)
    if not tally.rows:
        st.info("No file of this audit fits these filters.", icon=":material/filter_alt_off:")
        return
    line = st.container(horizontal=True, vertical_alignment="center", gap="medium")
    number = ceil(tally.rows / PER_PAGE)
    page = line.pagination(number, key=f"audit-page-{crc32(repr(wanted).encode())}") if number > 1 else 1
    first = (page - 1) * PER_PAGE
    rows = pages.page(wanted, first, PER_PAGE)
    line.markdown(f"{first + 1:,} to {first + len(rows):,} of {_said(tally)}", width="content")
    shots = pages.shots([row.position if row.original is None else row.original for row in rows])
    chosen = st.dataframe(
        probability_table(
            pd.DataFrame([_cells(audit, row, shots) for row in rows]).astype(
                {"width": "Int64", "height": "Int64"}
            ),
            "p_ai",
        ),
        hide_index=True,
        row_height=ROW_HEIGHT,
        height=min(len(rows), 9) * ROW_HEIGHT + 40,
        on_select="rerun",
        selection_mode="single-row",
        key=_key(audit, rows),
        column_config={
            "picture": st.column_config.ImageColumn(" ", width=70),
            "file": st.column_config.TextColumn(width="medium"),
            "folder": st.column_config.TextColumn(width="medium", help="Within what was audited"),
            "shots": st.column_config.TextColumn(width="medium", help=RULE) if shots else None,
            "judged by": st.column_config.TextColumn() if staged else None,
            "evidence": st.column_config.TextColumn(
                width="medium",
                help="What the file says of itself. Anyone can write or remove such claims; silence means nothing.",
            ),
            "p_ai": st.column_config.NumberColumn("p(AI)", help="Calibrated probability of AI"),
            "width": st.column_config.NumberColumn(help="In pixels"),
            "height": st.column_config.NumberColumn(help="In pixels"),
        },
        alt="One row a file",
    )
    selected = chosen["selection"]["rows"]
    if not selected:
        st.caption(
            "Tick the box of a row to see the file and to rule on it. A click on a heading sorts the rows of this page only; "
            "*Order* sorts all."
        )
        return
    by_keyboard = who_rules_and_how()
    here = rows[selected[0]]
    ruling_panel(audit, here, "table", by_keyboard=by_keyboard)


def _key(audit: Audit, rows: Sequence[Row]) -> str:
    """Return the key of the table of these rows: in a table of other rows nothing is selected yet."""
    return of_audit(f"audit-table-{crc32(repr([(row.position, row.part) for row in rows]).encode())}", audit)


def _filters(judges: Sequence[str]) -> Wanted:
    line = st.container(horizontal=True, vertical_alignment="bottom")
    verdicts = line.multiselect(
        "Verdict", list(Label), key=VERDICT, bind="query-params", placeholder="any", width=180
    )
    kinds: list[Kind] = []
    for label, aspect, key in ASKED:
        kinds += line.multiselect(label, aspect, key=key, bind="query-params", placeholder="any", width=180)
    models = []
    if len(judges) > 1:
        models = line.multiselect(
            "Judged by", judges, key=JUDGE, bind="query-params", placeholder="any", width=250
        )
    text = line.text_input(
        "Find", key=FIND, bind="query-params", placeholder="in the path, or a sha256", width=205
    )
    order = line.selectbox(
        "Order",
        list(Sorting),
        key=ORDER,
        bind="query-params",
        width=190,
        help="Of all files, not of this page alone. But for *as in the results*, exact duplicates and shots of videos are "
        "left out.",
    )
    return Wanted(
        tuple(map(Label, verdicts)),
        tuple(map(Kind, kinds)),
        tuple(models),
        (text or "").strip(),
        Sorting(order or Sorting.PLANNED),
    )


def _said(tally: Tally) -> str:
    """Say how many rows there are, and what they are."""
    parts = (
        (tally.files, "different file", "different files"),
        (tally.duplicates, "exact duplicate", "exact duplicates"),
        (tally.shots, "shot of a video", "shots of videos"),
    )
    said = ", ".join(counted(count, one, many) for count, one, many in parts if count)
    return f"{counted(tally.rows, 'row')}: {said}"


def _cells(audit: Audit, row: Row, shots: Shots) -> dict[str, object]:
    name, folder = place_of(row.path, audit.inputs)
    return {
        "picture": _small(audit, row),
        "file": called(name, row.part),
        "verdict": row.verdict or UNDECIDED.get(row.state, "not judged"),
        "p_ai": row.p_ai,
        "shots": ""
        if row.part
        else tally(shots.get(row.position if row.original is None else row.original, {})),
        "judged by": row.model or "",
        "folder": folder,
        "evidence": row.evidence or "",
        "ruling": told(row.verdict or "", row.ruling, row.note or "") if row.ruling else "",
        "ruled by": row.ruled_by or "",
        "width": row.width,
        "height": row.height,
        "same bytes as": _beside(audit, row.duplicate_of) if row.duplicate_of else "",
        "error": row.error or "",
    }


def _beside(audit: Audit, path: str) -> str:
    name, folder = place_of(path, audit.inputs)
    return f"{name}, in {folder}" if folder else name


def _small(audit: Audit, row: Row) -> str | None:
    if row.error or row.verdict is None:
        return None
    try:
        data = thumbnail(audit.id, row.position, SIDE)
    except (
        VersoError
    ):  # the file is gone, or a video: the row is shown without its picture, the panel says why
        return None
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
