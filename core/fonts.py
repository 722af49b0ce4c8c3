"""Typefaces of this computer, for letters that the ones Verso brings along lack."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Final

from matplotlib.ft2font import FT2Font

RESTRICTED: Final = 0x2
"""Bit of a typeface's `fsType` by which its maker forbids to embed it."""
STYLES: Final = frozenset({"Regular", "Book", "Medium", "Roman"})


def font_with(letter: str) -> Path | None:
    """Return the file of an installed typeface that has a letter and may be embedded, an upright sans serif if there is one."""
    return next((path for path in _installed() if _serves(path, letter)), None)


@cache
def _installed() -> tuple[Path, ...]:
    from matplotlib import font_manager

    found = {Path(named) for named in font_manager.findSystemFonts()}
    return tuple(sorted(found, key=lambda path: ("Sans" not in path.name, path.name, str(path))))


def _serves(path: Path, letter: str) -> bool:
    try:
        font = FT2Font(os.fspath(path))
        if not (font.scalable and font.style_name in STYLES and font.get_char_index(ord(letter))):
            return False
        facts = font.get_sfnt_table("OS/2")
    except (OSError, RuntimeError, ValueError):  # a damaged file, or one of another kind than its name says
        return False
    return facts is not None and not facts["fsType"] & RESTRICTED
