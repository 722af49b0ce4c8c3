"""The review queue of an audit: what waits for a ruling, the most uncertain first."""

from typing import Final

import streamlit as st

from core.audit.store.pages import QUEUE
from core.audit.store.records import Audit, State
from dashboard.audit_desk import MOVING, of_audit, results, standing, store
from dashboard.parts.counting import counted
from dashboard.parts.error_sentence import errors_told
from dashboard.parts.escaping import escaped
from dashboard.parts.ruling_panel import LAST, ruling_panel, who_rules_and_how

PASSED: Final = "passed"
AGAIN: Final = "again"
LOOKS: Final = 5
"""Seconds after which it is looked again whether one waits, while files are still judged."""


@st.fragment
def audit_queue(audit: Audit) -> None:
    """Draw the first file that waits, and what moves through the queue."""
    with errors_told():
        _first_that_waits(audit)


def _first_that_waits(audit: Audit) -> None:
    pages = results(audit)
    waiting = pages.count(QUEUE)
    passed, looked_at_again = of_audit(PASSED, audit), of_audit(AGAIN, audit)
    gone = min(st.session_state.get(passed, 0), waiting)
    at = min(gone, max(0, waiting - 1))
    again = st.session_state.get(looked_at_again)
    before, after = (gone - 1, at) if again else (at - 1, at + 1)
    by_keyboard = who_rules_and_how()
    _last(audit, by_keyboard=by_keyboard)
    row = pages.row(*again) if again else next(iter(pages.page(QUEUE, at, 1)), None)
    if row is None:
        _none(audit)
        return

    def go(to: int) -> None:
        st.session_state.pop(looked_at_again, None)
        st.session_state[passed] = to

    line = st.container(horizontal=True, vertical_alignment="center", gap="small")
    line.button(
        "Previous", key="queue-back", icon=":material/arrow_back:", shortcut="Left", disabled=before < 0,
        on_click=go, args=(before,),
    )  # fmt: skip
    line.button(
        "Next", key="queue-on", icon=":material/arrow_forward:", shortcut="Right", disabled=after >= waiting,
        on_click=go, args=(after,),
    )  # fmt: skip
    where = (
        "Ruled before; rule again to change it."
        if again
        else f"{at + 1:,} of {waiting:,} not ruled yet, the most uncertain first."
    )
    line.markdown(where, width="content")
    ruling_panel(
        audit,
        row,
        "queue",
        lambda: st.session_state.pop(looked_at_again, None),
        by_keyboard=by_keyboard,
    )


def _none(audit: Audit) -> None:
    """Say that nothing waits, and how many files are still to be judged; the page is drawn again once one of them waits."""
    now = standing(audit.id)
    if now is None or now.state == State.CANCELLED or not store().counts(audit.id).waiting:
        st.success("Nothing waits for a ruling.", icon=":material/done_all:")
        return
    st.fragment(_none_so_far, run_every=LOOKS if now.state in MOVING else None)(audit)


def _none_so_far(audit: Audit) -> None:
    with errors_told():
        left = store().counts(audit.id).waiting
        if not left or results(audit).count(QUEUE):
            st.rerun()
        st.info(
            f"Nothing judged so far waits for a ruling; {counted(left, 'file is', 'files are')} still to be judged.",
            icon=":material/hourglass_empty:",
        )


def _last(audit: Audit, *, by_keyboard: bool) -> None:
    """Say what was ruled last in this audit, and offer to look at it again."""
    last = st.session_state.get(of_audit(LAST, audit))
    if not last:
        return
    position, part, name, ruling, meanwhile = last
    line = st.container(horizontal=True, vertical_alignment="center", gap="small")
    line.markdown(f"Ruled **{escaped(ruling)}**: {escaped(name)}", width="content")
    line.button(
        "Look again", key="queue-again-button", icon=":material/undo:", type="tertiary",
        shortcut="Z" if by_keyboard else None, on_click=st.session_state.update, args=({of_audit(AGAIN, audit): (position, part)},),
    )  # fmt: skip
    if meanwhile:
        st.warning(meanwhile, icon=":material/groups:")
