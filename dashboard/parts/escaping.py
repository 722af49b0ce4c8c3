"""Text that is shown letter by letter where Streamlit reads Markdown."""

import re


def escaped(text: str) -> str:
    """Return a text as Markdown that shows it letter by letter."""
    return re.sub(r"([^\w\s]|_)", r"\\\1", text)
