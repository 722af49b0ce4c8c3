"""Where zips dropped on Compare lie: a folder that goes with the server.

A server that is stopped removes its own. What one that was killed left behind goes when the next one starts.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Final

import streamlit as st
from filelock import FileLock, Timeout

PREFIX: Final = "verso-own-"
LOCK: Final = ".lock"
"""Held by the server that the folder belongs to, for as long as it lives."""


class UploadFolder:
    """A temporary folder, at `path`, which is removed when the process ends."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True)
        self.path = Path(self._folder.name)
        self._lock = FileLock(self.path / LOCK, thread_local=False)
        self._lock.acquire()


@st.cache_resource(show_spinner=False)
def upload_folder() -> UploadFolder:
    """Return the folder of this server; the first call also removes those of servers that were killed."""
    _sweep(Path(tempfile.gettempdir()))
    return UploadFolder()


def _sweep(where: Path) -> None:
    for lock in where.glob(f"{PREFIX}*/{LOCK}"):
        try:
            with FileLock(lock, timeout=0):
                shutil.rmtree(lock.parent, ignore_errors=True)
        except (OSError, Timeout):  # another user's, or of a server that runs
            continue
