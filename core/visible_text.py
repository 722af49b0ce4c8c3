"""Text of strangers, made visible: nothing is lost and nothing can rearrange the page."""

from __future__ import annotations

import os
from collections.abc import Container
from pathlib import Path

LAST_SHORT = 0xFFFF
"""Last code point whose escape has four digits."""


def visible(text: str, glyphs: Container[int] | None = None) -> str:
    r"""Return the text with what cannot be shown as its `\u` escape: control and bidi characters, surrogates.

    Args:
        text: any text.
        glyphs: the code points a font has; None for any.
    """
    return "".join(
        c if c.isprintable() and (glyphs is None or ord(c) in glyphs) else _escape(c) for c in text
    )


def utf8_path(path: str | Path) -> str:
    r"""Return a path as text that any reader of UTF-8 takes: a byte that is none stands as its escape, such as `\xe9`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= LAST_SHORT else f"\\U{code:08x}"
