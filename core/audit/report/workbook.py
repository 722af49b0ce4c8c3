"""The report as a workbook: its facts, and every row of the results as text that no spreadsheet runs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Final

import xlsxwriter
from xlsxwriter.exceptions import XlsxFileError

from core.audit.examination import DECIMALS
from core.audit.report.facts import Section
from core.audit.results import COLUMNS, Cells
from core.audit.spreadsheet import neutral

ROWS_A_SHEET = 1_000_000
LONGEST = 32_767
"""Characters of one cell, a limit of the format; a longer text is cut and says so."""
CUT = " [cut here; whole in results.csv]"
WIDTHS: Final = {
    "path": 60,
    "sha256": 18,
    "width": 8,
    "height": 8,
    "format": 9,
    "verdict": 13,
    "p_ai": 8,
    "model": 14,
    "evidence": 40,
    "duplicate_of": 40,
    "error": 40,
    "ruling": 10,
    "ruled_by": 18,
    "ruled_at": 24,
    "note": 40,
}
"""Of the columns of the results, in characters."""
RICH: Final = "<r>"
"""How the library tells text that is XML of its own making, and writes it as it is."""
MOMENT: Final = 'yyyy-mm-dd hh:mm:ss "UTC"'


def write_workbook(
    path: Path, title: str, created: str, parts: tuple[Section, ...], rows: Iterable[Cells]
) -> None:
    """Write `results.xlsx` in constant memory.

    Raises:
        OSError: it cannot be written.
    """
    try:
        _write(path, title, created, parts, rows)
    except XlsxFileError as error:  # the library's own name for what the disk said
        cause = error.args[0] if error.args else error
        raise (cause if isinstance(cause, OSError) else OSError(str(error))) from error


def _write(path: Path, title: str, created: str, parts: tuple[Section, ...], rows: Iterable[Cells]) -> None:
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(str(path), options) as book:
        book.use_zip64()
        book.set_properties({"created": datetime.fromisoformat(created)})
        wrapped, bold = book.add_format({"text_wrap": True, "valign": "top"}), book.add_format({"bold": True})
        sheet = book.add_worksheet("report")
        sheet.set_column(0, 0, 60, wrapped)
        sheet.set_column(1, 1, 100, wrapped)
        titles = {title, *(part.title for part in parts)}
        lines = [(title,), (), *(line for part in parts for line in _lines(part))]
        for number, line in enumerate(lines):
            sheet.write_row(
                number, 0, [_cell(text) for text in line], bold if line[:1] and line[0] in titles else wrapped
            )
        results = _Results(book)
        for row in rows:
            results.add(row)
        results.end()


class _Results:
    """The sheets of the rows, as many as it takes."""

    def __init__(self, book: xlsxwriter.Workbook) -> None:
        self._book = book
        self._bold = book.add_format({"bold": True})
        self._formats = {
            "p_ai": book.add_format({"num_format": f"0.{'0' * DECIMALS}"}),
            "ruled_at": book.add_format({"num_format": MOMENT}),
        }
        self._sheets = 0
        self._begin()

    def _begin(self) -> None:
        self._sheets += 1
        name = "results" if self._sheets == 1 else f"results {self._sheets}"
        self._sheet, self._rows = self._book.add_worksheet(name), 0
        for number, column in enumerate(COLUMNS):
            self._sheet.set_column(number, number, WIDTHS[column], self._formats.get(column))
        self._sheet.freeze_panes(1, 1)
        self._sheet.write_row(0, 0, COLUMNS, self._bold)

    def add(self, row: Cells) -> None:
        """Write one row."""
        if self._rows == ROWS_A_SHEET:
            self.end()
            self._begin()
        self._rows += 1
        for number, column in enumerate(COLUMNS):
            value = row[column]
            if column == "ruled_at" and isinstance(value, str):
                moment = datetime.fromisoformat(value).replace(tzinfo=None)
                self._sheet.write_datetime(self._rows, number, moment, self._formats[column])
            elif value is not None:
                self._sheet.write(self._rows, number, _cell(value), self._formats.get(column))

    def end(self) -> None:
        """Let the rows of the sheet be filtered."""
        self._sheet.autofilter(0, 0, self._rows, len(COLUMNS) - 1)


def _lines(part: Section) -> list[tuple[str, ...]]:
    return [(part.title,), *part.pairs, *((sentence,) for sentence in part.sentences), ()]


def _cell(value: str | float | None) -> str | float | None:
    if not isinstance(value, str):
        return value
    text = neutral(value).encode("utf-8", "backslashreplace").decode()
    if text.startswith(RICH):
        text = f"'{text}"
    units = text.encode("utf-16-le")
    if len(units) <= 2 * LONGEST:
        return text
    return units[: 2 * (LONGEST - len(CUT))].decode("utf-16-le", "ignore") + CUT
