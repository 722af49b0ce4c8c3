"""The report as one page that needs nothing but itself."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core.audit.report.facts import HEADINGS, P_AI, Section, cells
from core.audit.report.thumbnails import WHICH
from core.audit.shots import Shots
from core.audit.store.records import Audit, Row
from core.visible_text import visible


def write_page(
    path: Path,
    title: str,
    audit: Audit,
    parts: tuple[Section, ...],
    rows: Iterable[Row],
    *,
    shots: Shots,
    thumbnails: Mapping[int, bytes],
) -> None:
    """Write `report.html` under a title, a row at a time; `shots` are those of its videos, `thumbnails` JPEGs by the position of their file."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters["visible"] = visible
    stream = environment.get_template("page.html").stream(
        title=title,
        audit=audit.id,
        parts=parts,
        headings=HEADINGS,
        notes=(P_AI, WHICH),
        rows=_drawn(audit, rows, shots, thumbnails),
    )
    stream.enable_buffering(200)
    with path.open("wb") as file:
        stream.dump(file, encoding="utf-8")


def _drawn(
    audit: Audit, rows: Iterable[Row], shots: Shots, thumbnails: Mapping[int, bytes]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    for row in rows:
        picture = b"" if row.part else thumbnails.get(row.position, b"")
        yield base64.b64encode(picture).decode(), cells(audit, row, shots)
