"""The results of an audit as files: `results.csv`, `results.parquet` and `near_duplicates.csv`.

Rows are written as they are read from the store; a file appears whole or not at all.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

import pyarrow as pa
from pyarrow import parquet

from core import atomic
from core.audit.examination import DECIMALS
from core.audit.spreadsheet import neutral_in_csv
from core.audit.store.audits import AuditStore
from core.audit.store.records import Audit, Row
from core.errors import OutputError

CSV_FILE = "results.csv"
PARQUET_FILE = "results.parquet"
NEAR_DUPLICATES_FILE = "near_duplicates.csv"
ROW_GROUP = 10_000

SCHEMA: Final = pa.schema(
    [
        ("path", pa.string()),
        ("sha256", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("format", pa.string()),
        ("verdict", pa.string()),
        ("p_ai", pa.float64()),
        ("model", pa.string()),
        ("evidence", pa.string()),
        ("duplicate_of", pa.string()),
        ("error", pa.string()),
        ("ruling", pa.string()),
        ("ruled_by", pa.string()),
        ("ruled_at", pa.string()),
        ("note", pa.string()),
    ]
)
"""Columns of the results: width and height in pixels, `p_ai` in [0, 1] with 6 decimals, `ruled_at` ISO 8601 in UTC.

What is not known is null, in CSV empty: a file with neither verdict nor error was not judged, because the audit was
stopped before. A shot of a video has its own row below the video's.
"""
COLUMNS: Final = tuple(SCHEMA.names)

Cells = dict[str, str | int | float | None]


def write_results(store: AuditStore, audit: Audit, folder: Path, newest: int | None = None) -> None:
    """Write all result files of an audit, with the rulings up to number `newest` or all, into `folder`, in place of earlier ones.

    Raises:
        OutputError: they cannot be written.
    """
    try:
        with atomic.whole(folder / CSV_FILE) as path:
            _write_csv(path, COLUMNS, (cells_of(audit, row) for row in store.all_rows(audit.id, newest)))
        with atomic.whole(folder / PARQUET_FILE) as path:
            _write_parquet(path, (cells_of(audit, row) for row in store.all_rows(audit.id, newest)))
        with atomic.whole(folder / NEAR_DUPLICATES_FILE) as path:
            _write_csv(path, ("group", "path", "sha256"), _look_alikes(store, audit))
    except OSError as error:
        raise OutputError(
            f"The results cannot be written to {folder} ({error.strerror}): make room or choose another --output."
        ) from error


def cells_of(audit: Audit, row: Row) -> Cells:
    """Return one row of the results under its columns."""
    cells: Cells = {name: getattr(row, name) for name in COLUMNS}
    return cells | {"sha256": row.sha256 or None, "model": row.model or audit.configuration.model}


def _look_alikes(store: AuditStore, audit: Audit) -> Iterator[Cells]:
    for row in store.all_rows(audit.id):
        if row.look_alike is not None:
            yield {"group": row.look_alike, "path": row.path, "sha256": row.sha256}


def _write_csv(path: Path, columns: Iterable[str], rows: Iterable[Cells]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_text(value) for value in row.values()] for row in rows)


def _text(value: str | float | None) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.{DECIMALS}f}"
    return neutral_in_csv(value) if isinstance(value, str) else str(value)


def _write_parquet(path: Path, rows: Iterator[Cells]) -> None:
    with path.open("wb") as file, parquet.ParquetWriter(file, SCHEMA) as writer:
        while group := list(islice(rows, ROW_GROUP)):
            writer.write_table(pa.Table.from_pylist(group, SCHEMA))
