"""The report as a workbook: its facts, and every row of the results as text that no spreadsheet runs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import xlsxwriter

from core.audit.report.facts import Section
from core.audit.results import COLUMNS, Cells
from core.audit.spreadsheet import neutral

ROWS_A_SHEET = 1_000_000
LONGEST = 32_767
"""Characters of one cell, a limit of the format; a longer text is cut and says so."""
CUT = " [cut here; whole in results.csv]"


def write_workbook(
    path: Path, title: str, created: str, parts: tuple[Section, ...], rows: Iterable[Cells]
) -> None:
    """Write `results.xlsx` in constant memory."""
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(str(path), options) as book:
        book.set_properties({"created": datetime.fromisoformat(created)})
        sheet = book.add_worksheet("report")
        sheet.set_column(0, 1, 60)
        lines = [(title,), (), *(line for part in parts for line in _lines(part))]
        for number, line in enumerate(lines):
            sheet.write_row(number, 0, [_cell(text) for text in line])
        sheet = _results(book, 1)
        for number, row in enumerate(rows):
            if number and number % ROWS_A_SHEET == 0:
                sheet = _results(book, number // ROWS_A_SHEET + 1)
            sheet.write_row(number % ROWS_A_SHEET + 1, 0, [_cell(row[name]) for name in COLUMNS])


def _results(book: xlsxwriter.Workbook, number: int) -> xlsxwriter.workbook.Worksheet:
    sheet = book.add_worksheet("results" if number == 1 else f"results {number}")
    sheet.set_column(0, 1, 50)
    sheet.freeze_panes(1, 0)
    sheet.write_row(0, 0, COLUMNS)
    return sheet


def _lines(part: Section) -> list[tuple[str, ...]]:
    return [(part.title,), *part.pairs, *((sentence,) for sentence in part.sentences), ()]


def _cell(value: str | float | None) -> str | float | None:
    if not isinstance(value, str):
        return value
    text = neutral(value).encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= LONGEST else text[: LONGEST - len(CUT)] + CUT
