"""Cells that a spreadsheet shows and never runs."""

from __future__ import annotations

STARTS = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""First characters of what a spreadsheet may run (OWASP, CSV Injection), full-width forms included."""


def neutral(text: str) -> str:
    """Return the text with an apostrophe before it if a spreadsheet would run it as a formula."""
    return f"'{text}" if text[:1] in STARTS or text.lstrip()[:1] in STARTS else text
