"""The report as one page that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core.audit.report.facts import HEADINGS, P_AI, Section, cells
from core.audit.report.text import visible
from core.audit.store.records import Row


def write_page(path: Path, audit_id: str, parts: tuple[Section, ...], rows: Iterable[Row]) -> None:
    """Write `report.html`, a row at a time."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters["visible"] = visible
    stream = environment.get_template("page.html").stream(
        audit=audit_id, parts=parts, headings=HEADINGS, p_ai=P_AI, rows=map(cells, rows)
    )
    stream.enable_buffering(200)
    with path.open("wb") as file:
        stream.dump(file, encoding="utf-8")
