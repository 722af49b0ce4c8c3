"""Opens in Review the image that the address names, as another page's link does, and leads back."""

import re
import time
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs

import streamlit as st

from core.errors import CorpusError, VersoError
from dashboard.audit_desk import AUDIT, POSITION, file_of
from dashboard.comparison_pictures import named_bytes
from dashboard.review_desk import CAPACITY, Desk, Item, Reviewed, desk

IMAGE: Final = "image"
OWN: Final = "own"
PATH: Final = "path"
BACK: Final = "back"
LOOKED_AGAIN: Final = 10.0
"""Seconds after which a picture that could not be read is looked for again."""
SHA256: Final = re.compile("[0-9a-f]{64}")


class DeskFullError(VersoError):
    """There is no room on the desk for what the address names."""


def lay_what_is_asked_for(on_desk: Desk, address: Mapping[str, str], model: str) -> None:
    """Put the image that the address names on top of the desk, judged by `model`; once, however often the page is drawn.

    Raises:
        VersoError: it is not on this computer, or cannot be read any more, or there is no room for it.
    """
    asked = address.get(IMAGE, "")
    if asked in {"", on_desk.asked}:
        return
    why, of, since = on_desk.not_laid or (None, "", 0.0)
    if why and of == asked and time.monotonic() - since < LOOKED_AGAIN:
        raise why
    known = next((item for item in on_desk.items if item.id == asked and _judged_by(item, model)), None)
    if known is not None:
        on_desk.items = [known, *(item for item in on_desk.items if item is not known)]
        on_desk.asked = asked
        return
    if not on_desk.room:
        raise DeskFullError(
            f"The desk is full with {CAPACITY} pictures: take one off, and the picture that the link names is laid on it."
        )
    try:
        on_desk.receive([_file_named(asked, address)])
    except VersoError as error:
        on_desk.not_laid = error, asked, time.monotonic()
        raise
    on_desk.asked, on_desk.not_laid = asked, None


def _file_named(asked: str, address: Mapping[str, str]) -> tuple[str, bytes]:
    if not SHA256.fullmatch(asked):
        raise CorpusError(
            f"The address asks for the image '{asked}', which is no sha256: follow the link again."
        )
    if AUDIT in address:
        return file_of(address[AUDIT], address.get(POSITION, ""))
    return named_bytes(asked, address.get(OWN, ""), address.get(PATH, ""))


def left_review() -> None:
    """Let a link into Review be followed that was followed before, and let go of what was cleared and not put back."""
    desk().asked, desk().not_laid, desk().cleared = "", None, []


def return_to_what_was_left() -> None:
    """Put a page's own address in the place of Review's, under which the browser's Back button finds it."""
    if BACK in st.query_params:
        st.query_params.from_dict(parse_qs(st.query_params[BACK]))
        st.rerun()


def _judged_by(item: Item, model: str) -> bool:
    return not isinstance(item, Reviewed) or item.model == model
