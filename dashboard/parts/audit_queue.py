"""The review queue of an audit: what waits for a ruling, the most uncertain first."""

from typing import Final

import streamlit as st

from core.audit.store.pages import QUEUE
from core.audit.store.records import Audit
from dashboard.audit_desk import results
from dashboard.parts.escaping import escaped
from dashboard.parts.ruling_panel import LAST, analyst_name, ruling_panel

PASSED: Final = "queue-passed"
AGAIN: Final = "queue-again"


@st.fragment
def audit_queue(audit: Audit) -> None:
    """Draw the first file that waits, and what moves through the queue."""
    pages = results(audit)
    waiting = pages.count(QUEUE)
    at = min(st.session_state.get(PASSED, 0), max(0, waiting - 1))
    again = st.session_state.get(AGAIN)
    analyst_name()
    _last()
    row = pages.row(*again) if again else next(iter(pages.page(QUEUE, at, 1)), None)
    if row is None:
        st.success("Nothing waits for a ruling.", icon=":material/done_all:")
        return
    line = st.container(horizontal=True, vertical_alignment="center", gap="small")
    line.button(
        "Previous", key="queue-back", icon=":material/arrow_back:", shortcut="Left", disabled=not (at or again),
        on_click=_go, args=(at if again else at - 1,),
    )  # fmt: skip
    line.button(
        "Next", key="queue-on", icon=":material/arrow_forward:", shortcut="Right", disabled=at + 1 >= waiting,
        on_click=_go, args=(at + 1,),
    )  # fmt: skip
    where = (
        "Ruled before; rule again to change it."
        if again
        else f"{at + 1:,} of {waiting:,} not ruled yet, the most uncertain first."
    )
    line.markdown(where, width="content")
    ruling_panel(audit, row, "queue", lambda: st.session_state.pop(AGAIN, None))


def _go(at: int) -> None:
    st.session_state.pop(AGAIN, None)
    st.session_state[PASSED] = at


def _last() -> None:
    """Say what was ruled last, and offer to look at it again."""
    last = st.session_state.get(LAST)
    if not last:
        return
    position, part, name, choice = last
    line = st.container(horizontal=True, vertical_alignment="center", gap="small")
    line.markdown(f"Ruled **{choice}**: {escaped(name)}", width="content")
    line.button("Look again", key="queue-again-button", icon=":material/undo:", type="tertiary", shortcut="Z", on_click=_again, args=(position, part))  # fmt: skip


def _again(position: int, part: int) -> None:
    st.session_state[AGAIN] = (position, part)
