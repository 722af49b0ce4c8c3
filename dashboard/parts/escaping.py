"""Text that is shown letter by letter where Streamlit reads Markdown."""

import re
import string
from typing import Final

MARKS: Final = re.compile(f"([{re.escape(string.punctuation)}])")
"""All that Markdown lets a backslash take its meaning from; before anything else it would show the backslash."""


def escaped(text: str) -> str:
    """Return a text as Markdown that shows it letter by letter."""
    return MARKS.sub(r"\\\1", text)


def escaped_but_code(text: str) -> str:
    """Return a text as Markdown that shows it letter by letter, and what stands between two backticks as code."""
    parts = re.split(r"(`[^`\n]+`)", text)
    return "".join(part if number % 2 else escaped(part) for number, part in enumerate(parts))
