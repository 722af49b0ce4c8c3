"""Text of strangers, made visible: nothing is lost and nothing can rearrange the page."""

from __future__ import annotations

from collections.abc import Container

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


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= LAST_SHORT else f"\\U{code:08x}"
