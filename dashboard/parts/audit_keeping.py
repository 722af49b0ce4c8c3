"""What an audit is called, and how long the server keeps what was uploaded for it."""

from collections.abc import Callable
from typing import Final

import streamlit as st

from core.audit.store.audits import LONGEST_NAME
from core.errors import VersoError
from dashboard.audit_desk import Standing, has_uploads, remove_uploads, rename
from dashboard.parts.error_sentence import error_sentence

ENDED: Final = ("finished", "cancelled")
NEW_NAME: Final = "audit-new-name"
MEANING: Final = "Shown in the list of audits and in report titles."


def new_name() -> str:
    """Draw the field for the name of an audit that is about to start, and return what stands in it."""
    name = st.text_input(
        "Name (optional)",
        key=NEW_NAME,
        persist_state="session",
        max_chars=LONGEST_NAME,
        placeholder="for example: Spring competition, first round",
        help=MEANING,
    )
    return (name or "").strip()


def audit_keeping(what: Standing) -> None:
    """Draw how to rename an audit, and how to remove its uploads once it has ended."""
    _name(what)
    if what.state in ENDED and has_uploads(what):
        _uploads(what)


def _name(what: Standing) -> None:
    with (
        st.popover("Rename", icon=":material/edit:", type="tertiary", key="audit-rename"),
        st.form("audit-name-form", border=False),
    ):
        name = st.text_input(
            "Name", value=what.name, max_chars=LONGEST_NAME, key=f"audit-name-{what.id}", help=MEANING
        )
        if st.form_submit_button("Save the name"):
            _do(lambda: rename(what, name.strip()))


def _uploads(what: Standing) -> None:
    with st.popover("Remove uploads", icon=":material/delete:", type="tertiary", key="audit-uploads"):
        st.markdown(
            "Removes the **files that were uploaded** for this audit from the server, for good. Verdicts, rulings and "
            "hashes stay. You will no longer be able to see its pictures, and reports written from then on show none."
        )
        if st.button("Remove the uploaded files", icon=":material/delete:", key="audit-uploads-gone"):
            _do(lambda: remove_uploads(what))


def _do(change: Callable[[], None]) -> None:
    try:
        change()
    except VersoError as error:
        error_sentence(error)
    else:
        st.rerun()
