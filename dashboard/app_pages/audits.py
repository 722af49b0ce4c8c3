"""Audits: whole collections, started, watched, ruled on and reported."""

import pandas as pd
import streamlit as st

from dashboard.audit_desk import AUDIT, Standing, keep_working, standing, standings, store
from dashboard.parts.audit_keeping import ENDED, audit_keeping
from dashboard.parts.audit_queue import audit_queue
from dashboard.parts.audit_results import distribution, downloads
from dashboard.parts.audit_start import audit_start
from dashboard.parts.audit_table import audit_table
from dashboard.parts.audit_watch import audit_watch, figures
from dashboard.parts.error_sentence import errors_told
from dashboard.parts.escaping import escaped
from dashboard.review_by_address import return_to_what_was_left

TABS = ["Review queue", "All files", "Distribution", "Downloads"]


def every_audit() -> None:
    """Draw the start of a new audit and the list of all."""
    st.title("Audits", anchor=False)
    st.markdown(
        "Judge a whole collection. An audit runs on the server: you may close this page, and after a crash it goes on "
        "where it was."
    )
    with st.container(border=True), errors_told():
        audit_start()
    past_audits()


def past_audits() -> None:
    """Draw the list of all audits; selecting one opens it."""
    found = standings()
    keep_working(found)
    st.subheader("All audits", anchor=False)
    if not found:
        st.caption("None yet.")
        return
    frame = pd.DataFrame(
        [
            {
                "name": each.name,
                "inputs": each.put_in,
                "state": each.state,
                "model": each.model,
                "files": each.audit.planned if each.audit else None,
                "asked for": each.begun,
            }
            for each in found
        ]
    )
    chosen = st.dataframe(
        frame,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key="audit-list",
        column_config={
            "asked for": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
            "files": st.column_config.NumberColumn(format="localized"),
        },
        placeholder="not counted yet",
        alt="One row an audit, the newest first",
    )
    if chosen["selection"]["rows"]:
        st.query_params.clear()
        st.query_params[AUDIT] = found[chosen["selection"]["rows"][0]].id
        st.rerun()
    st.caption("Select an audit to open it.")


def leave() -> None:
    """Take the audit out of the address."""
    del st.query_params[AUDIT]


def back_to_all() -> None:
    """Draw the way to the list of all audits."""
    st.button("All audits", icon=":material/arrow_back:", type="tertiary", on_click=leave)


def one_audit(what: Standing) -> None:
    """Draw one audit."""
    line = st.container(horizontal=True, vertical_alignment="center")
    with line:
        back_to_all()
        st.space("stretch")
        audit_keeping(what)
    st.title(escaped(what.title), anchor=False)
    inputs = f"{escaped(what.put_in)} · " if what.name else ""
    size = f" · {what.audit.planned:,} files" if what.audit and what.audit.planned is not None else ""
    ended = f" · {what.state}" if what.state in ENDED else ""
    st.caption(
        f"{inputs}Model {escaped(what.model)} · asked for {what.begun:%Y-%m-%d %H:%M} UTC{size}{ended}"
    )
    if what.state == "finished" and what.audit is not None:
        figures(store().counts(what.id))
    else:
        audit_watch(what.id, what.state)
    if what.audit is None or what.audit.planned is None:
        return
    tabs = dict(
        zip(TABS, st.tabs(TABS, key="audit-tab", on_change="rerun", bind="query-params"), strict=True)
    )
    opened = next((name for name, tab in tabs.items() if tab.open), TABS[0])
    with tabs[opened]:
        match opened:
            case "Review queue":
                audit_queue(what.audit)
            case "All files":
                audit_table(what.audit)
            case "Distribution":
                distribution(what.audit)
            case _:
                downloads(what.audit)


return_to_what_was_left()
asked = st.query_params.get(AUDIT)
with errors_told():
    if asked is None:
        every_audit()
    elif (wanted := standing(asked)) is not None:
        one_audit(wanted)
    else:
        back_to_all()
        st.warning(f"There is no audit **{escaped(asked)}** on this computer.")
