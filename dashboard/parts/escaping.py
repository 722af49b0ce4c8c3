"""Text that is shown letter by letter where Streamlit reads Markdown."""

import re
import string
from typing import Final

MARKS: Final = re.compile(f"([{re.escape(string.punctuation)}])")
"""All that Markdown lets a backslash take its meaning from; before anything else it would show the backslash."""
SEAMS: Final = re.compile(
    r"(?<=www)(?=\.)|(?<=http)(?=s?://)|(?=@)"  # addresses
    r"|(?<=:)(?=[\w+-]+:)"  # names of pictures, such as :streamlit:
    r"|(?<=(?<!\S)[<>~-])(?=[-=]>?(?!\S)|>(?!\S))|(?<=(?<!\S)<-)(?=>(?!\S))",  # arrows, dashes and ≤ typed as two marks
    re.IGNORECASE,
)
"""Where a text is taken apart: Streamlit makes links and pictures of what it finds in a text without its backslashes."""
NOTHING: Final = ":color[]"
"""Markdown of Streamlit's that draws nothing, and is not copied; what stands on its two sides is not read as one text."""


def escaped(text: str) -> str:
    """Return a text as Markdown that shows it letter by letter, with no link in it."""
    return NOTHING.join(MARKS.sub(r"\\\1", part) for part in SEAMS.split(text))


def escaped_but_code(text: str) -> str:
    """Return a text as Markdown that shows it letter by letter, and what stands between two backticks as code."""
    parts = re.split(r"(`[^`\n]+`)", text)
    return "".join(part if number % 2 else escaped(part) for number, part in enumerate(parts))
