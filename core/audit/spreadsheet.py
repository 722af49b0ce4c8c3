"""Cells that a spreadsheet shows and never runs."""

from __future__ import annotations

import re
from typing import Final

STARTS = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""First characters of what a spreadsheet may run (OWASP, CSV Injection), full-width forms included."""
_LATER_START: Final = re.compile(r"(?<=[;\t\r\n])(?=(?:[^\S\t\r\n]|\")*[=+\-@\uff1d\uff0b\uff0d\uff20])")


def neutral(text: str) -> str:
    """Return the text with an apostrophe before it if a spreadsheet would run it as a formula."""
    return f"'{text}" if text[:1] in STARTS or text.lstrip()[:1] in STARTS else text


def neutral_in_csv(text: str) -> str:
    """Return the text neutral wherever a spreadsheet may begin a cell.

    Where the decimal mark is a comma, spreadsheets end a cell of a CSV at each semicolon; the quotes around a cell that is
    not the first of its line mean nothing to them then, so that its line breaks and tabs may end one too.
    """
    return _LATER_START.sub("'", neutral(text))
