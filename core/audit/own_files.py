"""The files that an audit leaves in its folder: no works, so another audit of that folder passes them over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

NOTE: Final = "audit.json"
LONGEST_NOTE: Final = 10_000
"""Bytes of the note: it holds two short texts."""
RESULTS: Final = (
    "results.csv",
    "results.parquet",
    "results.xlsx",
    "near_duplicates.csv",
    "report.html",
    "report.pdf",
)
"""What is written at the end, beside the note; all else that an audit writes is hidden."""


def own_files(folder: Path) -> frozenset[str]:
    """Return the names of an audit's own files in a folder: none where it holds no audit."""
    return frozenset((NOTE, *RESULTS)) if _noted(folder) else frozenset()


def holds(folder: Path, audit_id: str) -> bool:
    """Whether a folder, if it is here and within reach, is that of this audit, not of one with the same path elsewhere."""
    return _noted(folder).get("audit") == audit_id


def would_replace(folder: Path) -> list[str]:
    """Return the names of files in a folder that an audit would write anew, in their order."""
    return [name for name in RESULTS if (folder / name).exists()]


def _noted(folder: Path) -> dict[str, object]:
    """Return what the note of an audit in a folder says, nothing if there is none; other programs write an `audit.json` too."""
    note = folder / NOTE
    try:
        if not note.is_file() or note.stat().st_size > LONGEST_NOTE:
            return {}
        noted = json.loads(note.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return noted if isinstance(noted, dict) and noted.keys() == {"audit", "database"} else {}
