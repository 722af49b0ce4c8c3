"""The report as a PDF: its facts, and the rows in a compact table."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, cast

import matplotlib as mpl
from fontTools.ttLib import TTFont
from fpdf import FPDF
from fpdf.enums import WrapMode

from core.audit.report.facts import HEADINGS, P_AI, Section, cells
from core.audit.report.text import visible
from core.audit.report.thumbnails import WHICH
from core.audit.store.records import Audit, Row

MOST_ROWS: Final = 5_000
"""Rows in the PDF; the rest stands in the page and in the workbook."""
WIDTHS: Final = (68, 28, 14, 48, 36, 36, 46)
"""Of the columns, in mm; 276 fill an A4 page on its side."""
NAMES: Final = 92
"""Width of the names of facts, in mm."""
FONTS: Final = Path(mpl.get_data_path()) / "fonts" / "ttf"
LINE: Final = 3.4
PICTURE: Final = 12
"""Side of the square that a small picture fills, in mm."""
TOGETHER: Final = 35
"""A part begins on the next page where less than this is left, in mm: no heading stands alone."""


class _Document(FPDF):
    def footer(self) -> None:
        self.set_y(-10)
        self.set_font("DejaVu", size=7)
        self.cell(0, 5, f"Page {self.page_no()}", align="R")


def write_document(
    path: Path,
    audit: Audit,
    parts: tuple[Section, ...],
    rows: Iterable[Row],
    total: int,
    thumbnails: Mapping[int, bytes],
) -> None:
    """Write `report.pdf`.

    Args:
        path: of the file.
        audit: it is about.
        parts: its facts.
        rows: those to show, in order.
        total: how many rows the audit has.
        thumbnails: JPEGs by the position of their file.
    """
    regular = FONTS / "DejaVuSans.ttf"
    with TTFont(regular, lazy=True) as font:
        glyphs = frozenset(font.getBestCmap())
    pdf = _Document("L", "mm", "A4")
    pdf.set_creation_date(datetime.fromisoformat(audit.created))
    pdf.set_margins(10, 10)
    pdf.set_auto_page_break(auto=True, margin=14)
    pdf.set_draw_color(190)
    pdf.add_font("DejaVu", fname=regular)
    pdf.add_font("DejaVu", style="B", fname=FONTS / "DejaVuSans-Bold.ttf")
    pdf.add_page()
    _line(pdf, "Report of an audit", 16, bold=True)
    for part in parts:
        _heading(pdf, part.title)
        pdf.set_font("DejaVu", size=8)
        for name, said in part.pairs:
            _row(pdf, (visible(name, glyphs), visible(said, glyphs)), (NAMES, 276 - NAMES), 4)
        pdf.ln(1)
        for sentence in part.sentences:
            _line(pdf, visible(sentence, glyphs), 8)
    _heading(pdf, "Every image" if total <= MOST_ROWS else f"{MOST_ROWS} of {total} rows")
    _line(pdf, f"In this order: ai, inconclusive, not readable, human. {P_AI} {WHICH}", 8)
    if total > MOST_ROWS:
        _line(pdf, "The other rows stand in report.html, results.xlsx and results.csv.", 8)
    pdf.ln(1)
    _headings(pdf)
    for row in rows:
        shown = [visible(text, glyphs) for text in cells(audit, row)]
        _row(pdf, shown, WIDTHS, LINE, _headings, b"" if row.part else thumbnails.get(row.position, b""))
    pdf.output(str(path))


def _heading(pdf: FPDF, title: str) -> None:
    if pdf.will_page_break(TOGETHER):
        pdf.add_page()
    else:
        pdf.ln(2)
    _line(pdf, title, 11, bold=True)


def _line(pdf: FPDF, text: str, size: int, *, bold: bool = False) -> None:
    pdf.set_font("DejaVu", style="B" if bold else "", size=size)
    pdf.multi_cell(0, size * 0.55, text, align="L", wrapmode=_wrap(text), new_x="LMARGIN", new_y="NEXT")


def _headings(pdf: FPDF) -> None:
    pdf.set_font("DejaVu", style="B", size=7)
    _row(pdf, HEADINGS, WIDTHS, LINE)
    pdf.set_font("DejaVu", size=7)


def _row(
    pdf: FPDF,
    texts: Sequence[str],
    widths: Sequence[float],
    height: float,
    on_new_page: Callable[[FPDF], None] = lambda pdf: None,  # noqa: ARG005
    picture: bytes = b"",
) -> None:
    """Draw one row, its cells wrapped, a picture at its left; one longer than a page goes on on the next."""
    indent = PICTURE + 2 if picture else 0
    inside = [widths[0] - indent, *widths[1:]]
    wrapped = [_lines(pdf, text, width) for text, width in zip(texts, inside, strict=True)]
    if picture:
        if pdf.will_page_break(PICTURE + 1):
            pdf.add_page()
            on_new_page(pdf)
        box = pdf.get_x(), pdf.get_y() + 0.4, PICTURE, PICTURE
        pdf.image(io.BytesIO(picture), *box, keep_aspect_ratio=True)
    foot = pdf.get_y() + (PICTURE + 0.8 if picture else 0)
    for number in range(max(map(len, wrapped))):
        if pdf.will_page_break(height):
            pdf.add_page()
            on_new_page(pdf)
            foot = 0
        pdf.set_x(pdf.get_x() + indent)
        for width, lines in zip(inside, wrapped, strict=True):
            pdf.cell(width, height, lines[number] if number < len(lines) else "")
        pdf.ln(height)
    pdf.set_y(max(pdf.get_y(), foot))
    pdf.line(10, pdf.get_y(), 286, pdf.get_y())
    pdf.ln(0.6)


def _lines(pdf: FPDF, text: str, width: float) -> list[str]:
    if pdf.get_string_width(text) <= width - 3:
        return [text]
    found = pdf.multi_cell(width, LINE, text, dry_run=True, output="LINES", wrapmode=_wrap(text))
    return cast("list[str]", found)


def _wrap(text: str) -> WrapMode:
    return WrapMode.WORD if " " in text else WrapMode.CHAR
