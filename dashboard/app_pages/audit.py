"""One audit: watched, ruled on and reported. A page of its own, so that the menu leads back to all of them."""

from typing import Final

import streamlit as st

from dashboard.audit_desk import AUDIT, Standing, standing, store
from dashboard.parts.audit_keeping import ENDED, audit_keeping
from dashboard.parts.audit_queue import audit_queue
from dashboard.parts.audit_results import distribution, downloads
from dashboard.parts.audit_table import IN_ADDRESS, audit_table
from dashboard.parts.audit_watch import audit_watch, figures
from dashboard.parts.counting import counted
from dashboard.parts.error_sentence import errors_told
from dashboard.parts.escaping import escaped
from dashboard.review_by_address import return_to_what_was_left

ALL: Final = "app_pages/audits.py"
LAST: Final = "audit-last"
TAB: Final = "audit-tab"
TABS: Final = ["Review queue", "All files", "Distribution", "Downloads"]


def asked_for() -> str:
    """The audit in the address, else the last one of this session.

    When a page is left whose address holds a tab, Streamlit puts the bare address of the page into the browser's history.
    """
    before = st.session_state.get(LAST)
    st.session_state[LAST] = st.query_params.get(AUDIT, before)
    if st.session_state[LAST] != before:
        _forget_what_was_chosen()
    if st.session_state[LAST] is None:
        st.switch_page(ALL)
    return str(st.session_state[LAST])


def _forget_what_was_chosen() -> None:
    """Let another audit open with what its address names, and not with the tab and the filters of the last one."""
    for key in (TAB, *IN_ADDRESS):
        if key not in st.query_params:
            st.session_state.pop(key, None)


def back_to_all() -> None:
    """Draw the way to the list of all audits."""
    st.page_link(ALL, label="All audits", icon=":material/arrow_back:")


def one_audit(what: Standing) -> None:
    """Draw one audit."""
    line = st.container(horizontal=True, vertical_alignment="center")
    with line:
        back_to_all()
        st.space("stretch")
        audit_keeping(what)
    st.title(escaped(what.title), anchor=False)
    inputs = f"{escaped(what.put_in)} · " if what.name else ""
    size = "" if what.planned is None else f" · {counted(what.planned, 'file')}"
    ended = f" · {what.state}" if what.state in ENDED else ""
    st.caption(
        f"{inputs}Model {escaped(what.model)} · asked for {what.begun:%Y-%m-%d %H:%M} UTC{size}{ended}"
    )
    if what.state == "finished" and what.audit is not None:
        figures(store().counts(what.id))
    else:
        audit_watch(what)
    if what.audit is None or what.planned is None:
        return
    tabs = dict(zip(TABS, st.tabs(TABS, key=TAB, on_change="rerun", bind="query-params"), strict=True))
    opened = next((name for name, tab in tabs.items() if tab.open), TABS[0])
    with tabs[opened]:
        match opened:
            case "Review queue":
                audit_queue(what.audit)
            case "All files":
                audit_table(what.audit)
            case "Distribution":
                distribution(what.audit, what.title)
            case _:
                downloads(what.audit)


return_to_what_was_left()
asked = asked_for()
with errors_told():
    if (wanted := standing(asked)) is not None:
        one_audit(wanted)
    else:
        back_to_all()
        st.warning(f"There is no audit **{escaped(asked)}** on this computer.")
