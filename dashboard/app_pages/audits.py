"""Audits: the start of a new one, and the list of all."""

from zlib import crc32

import pandas as pd
import streamlit as st

from dashboard.audit_desk import AUDIT, ONE, keep_working, standing, standings
from dashboard.parts.audit_start import audit_start
from dashboard.parts.error_sentence import errors_told
from dashboard.parts.escaping import escaped


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


def way_to_one() -> None:
    """Draw the way to the audit that the address names, as those of earlier versions do.

    Nobody is taken there at once: what the browser's Back button leads to can be such an address, and would lead on.
    """
    asked = st.query_params.get(AUDIT)
    if asked is not None and (named := standing(asked)) is not None:
        st.page_link(
            ONE,
            label=f"To the audit {escaped(named.title)}",
            icon=":material/arrow_forward:",
            query_params=st.query_params.to_dict(),
        )


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
                "asked for (UTC)": each.begun,
            }
            for each in found
        ]
    )
    chosen = st.dataframe(
        frame,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key=f"audit-list-{crc32(repr([each.id for each in found]).encode())}",
        column_config={
            "asked for (UTC)": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
            "files": st.column_config.NumberColumn(format="localized"),
        },
        placeholder="not counted yet",
        alt="One row an audit, the newest first",
    )
    if chosen["selection"]["rows"]:
        st.switch_page(ONE, query_params={AUDIT: found[chosen["selection"]["rows"][0]].id})
    st.caption("Select an audit to open it.")


with errors_told():
    way_to_one()
with errors_told():
    every_audit()
