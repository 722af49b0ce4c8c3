"""The analyst's ruling on one picture of the desk, its earlier rulings, and its report."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Final

import pandas as pd
import streamlit as st

from core.audit.choices import Offer, offers, reason, told
from core.detectors.card import identity
from core.errors import VersoError
from core.review.rulings import Ruling, as_csv
from dashboard.parts.counting import counted
from dashboard.parts.error_sentence import error_sentence
from dashboard.parts.escaping import escaped
from dashboard.parts.file_on_demand import noting_failure
from dashboard.parts.probability_table import probability_table
from dashboard.parts.ruling_panel import LOOK, NAME
from dashboard.parts.saliency_view import Chosen
from dashboard.review_desk import Reviewed
from dashboard.review_rulings import kept_rulings, report_of, rule_unless_another_did

FAILED: Final = "review-ruling-failed"
UNMADE: Final = "review-reports-unmade"
DRAWN: Final = "review-ruling-drawn"
TOO_EARLY: Final = "Not ruled: that click came before the verdict and the rulings that stand here could be read. Click again."
MEANWHILE: Final = "Not ruled: another ruling on this picture came first and stands here now. Click again if yours still holds."
ALL: Final = "review-all-rulings"
P_AI: Final = "probability of AI"
HEADINGS: Final = {
    "name": "picture",
    "verdict": "verdict",
    "p_ai": P_AI,
    "model": "model",
    "ruling": "ruling",
    "ruled_by": "ruled by",
    "ruled_at": "ruled at (UTC)",
    "note": "note",
}


def review_ruling(item: Reviewed, chosen: Chosen, share: float) -> None:
    """Draw the earlier rulings on a picture, the buttons for a new one, and the report to download.

    Args:
        item: the picture.
        chosen: the map that the report is to hold.
        share: of generated works among all, in (0, 1), at which the report is to say what the verdict is worth.
    """
    st.markdown("##### Your ruling")
    try:
        earlier = kept_rulings().of(item.id)
    except VersoError as error:
        error_sentence(error)
        return
    for ruling in earlier:
        st.markdown(_told(ruling, item))
    _buttons(item, len(earlier), chosen, share)


def _buttons(item: Reviewed, earlier: int, chosen: Chosen, share: float) -> None:
    note_key = f"review-note-{item.id}"
    unmade = st.session_state.setdefault(UNMADE, {})
    if item.id in unmade:
        error_sentence(f"The report was not made. {unmade[item.id]}")
    line = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
    line.text_input(
        "Note", key=note_key, placeholder="why, if it is worth saying", width=420, persist_state="session"
    )
    named = bool((st.session_state.get(NAME) or "").strip())

    # Buttons on another verdict, or after another ruling, are others: a click that comes late is none on those.
    of = f"{item.id}-{item.verdict.label}-{item.verdict.model}-{identity(item.card)}-{earlier}"
    drawn = st.session_state.setdefault(DRAWN, {})
    if drawn.get(item.id, ("", 0.0))[0] != of:
        drawn[item.id] = of, time.monotonic()

    def rule(offer: Offer) -> None:
        shown, since = drawn[item.id]
        if shown != of or time.monotonic() - since < LOOK:
            drawn[item.id] = shown, time.monotonic()
            st.session_state[FAILED] = (item.id, TOO_EARLY)
            return
        try:
            added = rule_unless_another_did(
                item.subject,
                offer.choice,
                name=st.session_state[NAME],
                note=offer.note(st.session_state[note_key] or ""),
                earlier=earlier,
            )
        except VersoError as error:
            st.session_state[FAILED] = (item.id, str(error))
            return
        if added:
            st.session_state[note_key] = ""
        else:
            st.session_state[FAILED] = (item.id, MEANWHILE)

    for offer in offers(item.verdict.label):
        line.button(
            offer.label,
            key=f"review-{offer.key}-{of}",
            help=offer.meaning if named else "Enter your name above the pictures first.",
            disabled=not named,
            on_click=rule,
            args=(offer,),
        )
    line.download_button(
        "Report (PDF)",
        noting_failure(partial(report_of, item, chosen, share), item.id, unmade),
        f"verso-{item.id[:12]}.pdf",
        "application/pdf",
        key=f"report-{item.id}",
        icon=":material/picture_as_pdf:",
        on_click="ignore",
        help="The picture, the verdict, the map you have chosen, the evidence and every ruling made until now.",
    )
    if not named:
        st.caption("Enter your name above the pictures to rule.")
    if st.session_state.get(FAILED, ("", ""))[0] == item.id:
        error_sentence(st.session_state.pop(FAILED)[1])


def _told(ruling: Ruling, item: Reviewed) -> str:
    about = (
        ""
        if ruling.model == item.verdict.model
        else f" on the verdict *{ruling.verdict}* of {escaped(ruling.model)}"
    )
    why = reason(ruling.verdict, ruling.ruling, ruling.note)
    note = f": {escaped(why)}" if why else ""
    said = told(ruling.verdict, ruling.ruling, ruling.note).capitalize()
    return f"**{said}**{about}, {_moment(ruling)} UTC, by {escaped(ruling.ruled_by)}{note}"


def _moment(ruling: Ruling) -> str:
    return ruling.ruled_at[:16].replace("T", " ")


def all_rulings() -> None:
    """Draw every ruling that Review keeps, newest first, and offer them as a file."""
    try:
        rulings = kept_rulings().all()
    except VersoError:  # each picture says so already
        return
    if not rulings:
        return
    # With their number in its label it would be another one, and shut, after each ruling.
    below = st.expander("All rulings made here", key=ALL, on_change="rerun")
    if below.open:
        below.caption(counted(len(rulings), "ruling"))
        below.dataframe(
            probability_table(_table(rulings), P_AI),
            hide_index=True,
            width="stretch",
            alt="One row a ruling made in Review, the newest first",
        )
        below.download_button(
            "rulings.csv",
            as_csv(rulings),
            "rulings.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
        )


def _table(rulings: Sequence[Ruling]) -> pd.DataFrame:
    table = pd.DataFrame([{name: getattr(ruling, name) for name in HEADINGS} for ruling in reversed(rulings)])
    table["ruled_at"] = [_moment(ruling) for ruling in reversed(rulings)]
    return table.rename(columns=HEADINGS)
