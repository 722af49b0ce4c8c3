"""Writes the reports of an audit: `report.html`, `report.pdf` and `results.xlsx`, each whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from core import atomic
from core.audit.inputs.listing import Source
from core.audit.report.content import content_of
from core.audit.report.document import MOST_ROWS, write_document
from core.audit.report.facts import sections, title_of
from core.audit.report.page import write_page
from core.audit.report.thumbnails import thumbnails_of
from core.audit.report.workbook import write_workbook
from core.audit.results import cells_of
from core.audit.store.audits import AuditStore
from core.audit.store.pages import Kind, Wanted
from core.audit.store.records import Audit, Row
from core.errors import OutputError
from core.verdict import Label

HTML_FILE = "report.html"
PDF_FILE = "report.pdf"
XLSX_FILE = "results.xlsx"
PDF_ORDER: Final = (
    Wanted((Label.AI,)),
    Wanted((Label.INCONCLUSIVE,)),
    Wanted(kinds=(Kind.ERROR, Kind.NO_PICTURE)),
    Wanted((Label.HUMAN,)),
)
"""Rows in the PDF, before those that were not judged."""


def write_reports(
    store: AuditStore, audit: Audit, folder: Path, sources: Sequence[Source], newest: int
) -> None:
    """Write all reports of an audit beside its results in `folder`.

    Args:
        store: keeps the audit.
        audit: the audit.
        folder: holds its results.
        sources: its inputs, for small pictures; none where they are out of reach.
        newest: number of the newest ruling that they hold, as the results do.

    Raises:
        OutputError: they cannot be written, or `results.csv` is not there.
    """
    try:
        content = content_of(store, audit, folder, newest)
        title, parts = title_of(content), sections(content)
        thumbnails = thumbnails_of(store.results(audit, newest), sources)
        with atomic.whole(folder / HTML_FILE) as path:
            write_page(
                path,
                title,
                audit,
                parts,
                store.all_rows(audit.id, newest),
                shots=content.shots,
                thumbnails=thumbnails,
            )
        with atomic.whole(folder / XLSX_FILE) as path:
            rows = (cells_of(audit, row) for row in store.all_rows(audit.id, newest))
            write_workbook(path, title, audit.created, parts, rows)
        total = store.results(audit, newest).count(Wanted())
        with atomic.whole(folder / PDF_FILE) as path:
            shown = islice(_gravest_first(store, audit, newest), MOST_ROWS)
            write_document(
                path, title, audit, parts, shown, total=total, shots=content.shots, thumbnails=thumbnails
            )
    except OSError as error:
        raise OutputError(
            f"The reports cannot be written to {folder} ({error.strerror}): make room or choose another --output."
        ) from error


def _gravest_first(store: AuditStore, audit: Audit, newest: int) -> Iterator[Row]:
    """Yield at most `MOST_ROWS` of each kind."""
    pages = store.results(audit, newest)
    for wanted in PDF_ORDER:
        yield from pages.page(wanted, limit=MOST_ROWS)
    yield from (row for row in store.all_rows(audit.id, newest) if row.verdict is None and row.error is None)
