"""Writes the reports of an audit: `report.html`, `report.pdf` and `results.xlsx`, each whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Final

from core.audit.inputs.listing import Source
from core.audit.report.content import content_of
from core.audit.report.document import MOST_ROWS, write_document
from core.audit.report.facts import sections, title_of
from core.audit.report.page import write_page
from core.audit.report.thumbnails import thumbnails_of
from core.audit.report.workbook import write_workbook
from core.audit.results import cells_of, whole
from core.audit.store.audits import AuditStore
from core.audit.store.records import Audit, Row
from core.errors import OutputError
from core.verdict import Label

HTML_FILE = "report.html"
PDF_FILE = "report.pdf"
XLSX_FILE = "results.xlsx"
UNREADABLE: Final = "unreadable"
GRAVEST_FIRST: Final[tuple[str | None, ...]] = (Label.AI, Label.INCONCLUSIVE, UNREADABLE, Label.HUMAN, None)
"""Verdicts, or none, in the order in which the rows of the PDF stand."""


def write_reports(store: AuditStore, audit: Audit, folder: Path, sources: Sequence[Source]) -> None:
    """Write all reports of an audit, with the latest rulings, beside its results in `folder`.

    Args:
        store: keeps the audit.
        audit: the audit.
        folder: holds its results.
        sources: its inputs, for small pictures; none where they are out of reach.

    Raises:
        OutputError: they cannot be written, or `results.csv` is not there.
    """
    try:
        content = content_of(store, audit, folder)
        title, parts = title_of(content), sections(content)
        thumbnails = thumbnails_of(store.results(audit), sources)
        with whole(folder / HTML_FILE) as path:
            write_page(
                path,
                title,
                audit,
                parts,
                store.all_rows(audit.id),
                shots=content.shots,
                thumbnails=thumbnails,
            )
        with whole(folder / XLSX_FILE) as path:
            rows = (cells_of(audit, row) for row in store.all_rows(audit.id))
            write_workbook(path, title, audit.created, parts, rows)
        shown, total = _gravest_first(store.all_rows(audit.id))
        with whole(folder / PDF_FILE) as path:
            write_document(
                path, title, audit, parts, shown, total=total, shots=content.shots, thumbnails=thumbnails
            )
    except OSError as error:
        raise OutputError(
            f"The reports cannot be written to {folder} ({error.strerror}): make room or choose another --output."
        ) from error


def _gravest_first(rows: Iterable[Row]) -> tuple[list[Row], int]:
    """Return at most `MOST_ROWS` of the rows, those that weigh most before the others, and how many there are."""
    by_weight: list[list[Row]] = [[] for _ in GRAVEST_FIRST]
    total = 0
    for row in rows:
        total += 1
        alike = by_weight[GRAVEST_FIRST.index(UNREADABLE if row.error is not None else row.verdict)]
        if len(alike) < MOST_ROWS:
            alike.append(row)
    return list(chain.from_iterable(by_weight))[:MOST_ROWS], total
