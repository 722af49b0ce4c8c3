"""Text of strangers, made fit to be shown: nothing in it can rearrange the page, and no control character is left."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Container
from pathlib import Path
from typing import Final

LAST_SHORT = 0xFFFF
"""Last code point whose escape has four digits."""
TURNING: Final = frozenset(map(chr, (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))))
"""Characters that turn the direction of writing (Unicode's Bidi_Control)."""


def visible(text: str, glyphs: Container[int] | None = None) -> str:
    r"""Return the text with what cannot be shown as its `\u` escape: control and bidi characters, surrogates.

    Args:
        text: any text.
        glyphs: the code points a font has; None for any.
    """
    return "".join(
        c if c.isprintable() and (glyphs is None or ord(c) in glyphs) else _escape(c) for c in text
    )


def printable(text: str) -> str:
    """Return a name without what a terminal, a log or a page could choke on.

    That are control characters, surrogates, ends of lines, and what turns the direction of writing. Spaces and joiners of
    all kinds stay, and letters this Python does not know: without them a name would not find its file.
    """
    return "".join("\N{REPLACEMENT CHARACTER}" if _chokes(c) else c for c in text)


def utf8_path(path: str | Path) -> str:
    r"""Return a path as text that any reader of UTF-8 takes: a byte that is none stands as its escape, such as `\xe9`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= LAST_SHORT else f"\\U{code:08x}"


def _chokes(character: str) -> bool:
    return character in TURNING or unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}
