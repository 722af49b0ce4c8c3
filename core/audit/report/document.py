"""The report as a PDF: its facts, and the rows in a compact table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from core.audit.report.facts import HEADINGS, P_AI, Section, cells
from core.audit.report.thumbnails import WHICH
from core.audit.shots import Shots
from core.audit.store.records import Audit, Row
from core.pdf import FAMILY, LINE, Paper

MOST_ROWS: Final = 5_000
"""Rows in the PDF; the rest stands in the page and in the workbook."""
WIDTHS: Final = (68, 28, 14, 48, 36, 36, 46)
"""Of the columns, in mm; 276 fill an A4 page on its side."""
NAMES: Final = 92
"""Width of the names of facts, in mm."""


def write_document(
    path: Path,
    title: str,
    audit: Audit,
    parts: tuple[Section, ...],
    rows: Iterable[Row],
    *,
    total: int,
    shots: Shots,
    thumbnails: Mapping[int, bytes],
) -> None:
    """Write `report.pdf`.

    Args:
        path: of the file.
        title: of the document.
        audit: it is about.
        parts: its facts.
        rows: those to show, in order.
        total: how many rows the audit has.
        shots: of its videos.
        thumbnails: JPEGs by the position of their file.
    """
    paper = Paper("landscape", datetime.fromisoformat(audit.created))
    paper.say(paper.shown(title), 16, bold=True)
    for part in parts:
        paper.part(part.title)
        paper.set_font(FAMILY, size=8)
        for name, said in part.pairs:
            paper.row((paper.shown(name), paper.shown(said)), (NAMES, sum(WIDTHS) - NAMES), 4)
        paper.ln(1)
        for sentence in part.sentences:
            paper.say(paper.shown(sentence), 8)
    paper.part("Every image" if total <= MOST_ROWS else f"{MOST_ROWS} of {total} rows")
    paper.say(
        f"In this order: ai, inconclusive, not readable or no picture, human, not judged. {P_AI} {WHICH}", 8
    )
    if total > MOST_ROWS:
        paper.say("The other rows stand in report.html, results.xlsx and results.csv.", 8)
    paper.ln(1)

    def headings() -> None:
        paper.set_font(FAMILY, style="B", size=7)
        paper.row(HEADINGS, WIDTHS)
        paper.set_font(FAMILY, size=7)

    headings()
    for row in rows:
        shown = [paper.shown(text) for text in cells(audit, row, shots)]
        paper.row(shown, WIDTHS, LINE, headings, b"" if row.part else thumbnails.get(row.position, b""))
    paper.explain_codes()
    paper.output(str(path))
