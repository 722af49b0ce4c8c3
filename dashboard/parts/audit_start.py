"""Starts an audit: of dropped files, or of a folder of the server."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core.audit.inputs.roots import VARIABLE, Roots
from core.audit.inputs.sources import sources_of
from core.audit.queue import ID
from core.audit.worker import TURN
from core.errors import OutputError
from dashboard.audit_desk import AUDIT, ONE, queue
from dashboard.parts.audit_keeping import NEW_NAME, new_name
from dashboard.parts.counting import counted
from dashboard.parts.model_choice import model_choice

DRAFT: Final = "draft"
DRAFT_KEPT: Final = "audit-draft-kept"
"""In the session: the draft that the address names, which loses it where another page is visited."""
FOLDER: Final = "audit-folder"
LARGEST_MB: Final = 4000
MEANING: Final = "It judges the whole audit. The page Models says how good each is."
DROPS: Final = "audit-drops"


def audit_start() -> None:
    """Draw the choice of files and model, and begin when asked to."""
    model = model_choice(MEANING)
    draft = _draft()
    dropped = st.file_uploader(
        "Drop pictures, videos, a zip or a list of files",
        accept_multiple_files=True,
        max_upload_size=LARGEST_MB,
        key=f"audit-files-{st.session_state.get(DROPS, 0)}",
        help="For more than a thousand files a zip is quicker. A list is a text file with a path of the server on each "
        "line, or a CSV with a column `path`. The files stay in this server's audit folder with the results.",
    )
    if dropped:
        _keep(dropped, draft)
        st.rerun()  # with an emptied uploader: the files are on the disk now
    inputs = queue().uploads(draft) if draft and not queue().find(draft) else []
    named = _folder()
    if inputs:
        _ready(draft, inputs)
    name = new_name()
    line = st.container(horizontal=True, vertical_alignment="center")
    chosen = [*inputs, *([Path(named)] if named else [])]
    if line.button(
        "Start the audit", type="primary", icon=":material/play_arrow:", disabled=not (chosen and model)
    ):
        sources_of([Path(named)] if named else [], Roots.configured())  # says now what would be refused later
        started = queue().ask(tuple(chosen), model, draft if inputs else "", name)
        for key in (DRAFT_KEPT, FOLDER, NEW_NAME):
            st.session_state.pop(key, None)
        st.switch_page(ONE, query_params={AUDIT: started})
    line.caption(
        f"Audits take turns of {TURN / 60:.0f} minute, the one that has waited longest first, so that a small one does not "
        "wait for a large one to end. Listing the files of an audit is part of its first turn and is not cut short.",
        width="stretch",
    )


def _draft() -> str:
    """Return the draft that the address names, else the last one of this session if its files are there yet, else ""."""
    named, kept = st.query_params.get(DRAFT, ""), st.session_state.get(DRAFT_KEPT, "")
    if ID.fullmatch(named):
        st.session_state[DRAFT_KEPT] = named
        return named
    if not kept or queue().find(kept) or not queue().uploads(kept):
        return ""
    st.query_params[DRAFT] = kept
    return str(kept)


def _keep(dropped: Sequence[UploadedFile], draft: str) -> None:
    """Write dropped files into a draft, a new one unless there is one; where they do not fit, a new one goes again."""
    st.session_state[DROPS] = st.session_state.get(DROPS, 0) + 1  # whatever comes of it, it is tried once
    known = draft and not queue().find(draft)
    draft = draft if known else queue().draft()
    try:
        for file in dropped:
            queue().spool(draft, file.name, file)
    except OutputError:
        if not known:
            queue().discard(draft)
        raise
    st.query_params[DRAFT] = draft


def _folder() -> str:
    roots = Roots.configured()
    named = st.text_input(
        "Or a folder, zip or list on the server",
        key=FOLDER,
        persist_state="session",
        placeholder=str(roots),
        disabled=str(roots).startswith("none"),
        help=f"Below: {roots}. The server offers the folders that `{VARIABLE}` names.",
    )
    return (named or "").strip()


def _ready(draft: str, inputs: list[Path]) -> None:
    found = [path for each in inputs for path in (each.iterdir() if each.is_dir() else [each])]
    size = sum(path.stat().st_size for path in found) / 1e6
    line = st.container(horizontal=True, vertical_alignment="center")
    line.success(
        f"Ready: {counted(len(found), 'file')}, {size:,.1f} MB. Drop more, or start.",
        icon=":material/check:",
    )
    if line.button("Discard them", icon=":material/delete:"):
        queue().discard(draft)
        del st.query_params[DRAFT], st.session_state[DRAFT_KEPT]
        st.rerun()
