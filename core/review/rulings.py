"""Analysts' rulings on artworks that were reviewed one by one: added to, never changed."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Engine, and_, insert, select

from core.audit.configuration import Configuration
from core.audit.spreadsheet import neutral_in_csv
from core.audit.store.audits import ruled_now
from core.audit.store.database import reading, writing
from core.audit.store.records import Choice
from core.audit.store.tables import audits, items, reviews, rulings
from core.verdict import Verdict


@dataclass(frozen=True)
class Subject:
    """What is ruled on: an artwork, and what a model says of it.

    `sha256` is that of the artwork's file, `weights` that of the model's. `evidence` is what the file says of its
    provenance, as `core.provenance.evidence.summary` has it.
    """

    sha256: str
    name: str
    verdict: Verdict
    weights: str
    evidence: str


@dataclass(frozen=True)
class Ruling:
    """One ruling and all it was about; `ruled_at` is ISO 8601 in UTC."""

    name: str
    sha256: str
    verdict: str
    p_ai: float
    model: str
    weights: str
    human_below: float
    ai_above: float
    evidence: str
    ruling: str
    ruled_by: str
    ruled_at: str
    note: str


class Rulings:
    """The rulings kept in the database that keeps the audits."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, subject: Subject, choice: Choice, *, name: str, note: str = "") -> None:
        """Add a ruling; earlier ones stay.

        Args:
            subject: what is ruled on.
            choice: the ruling.
            name: who rules.
            note: why.

        Raises:
            RulingError: nobody is named.
            StoreError: the database cannot be written.
        """
        said = ruled_now(choice, name, note)
        verdict = subject.verdict
        with writing(self._engine) as connection:
            connection.execute(
                insert(reviews).values(
                    sha256=subject.sha256,
                    name=subject.name,
                    verdict=verdict.label,
                    p_ai=verdict.p_ai,
                    model=verdict.model,
                    weights=subject.weights,
                    human_below=verdict.thresholds.human_below,
                    ai_above=verdict.thresholds.ai_above,
                    evidence=subject.evidence,
                    **said,
                )
            )

    def of(self, sha256: str) -> list[Ruling]:
        """Return the rulings on one file, in reviews and in audits, whatever its name and its model, oldest first."""
        return sorted(
            [*self._found(reviews.c.sha256 == sha256), *self._in_audits(sha256)],
            key=lambda ruling: ruling.ruled_at,
        )

    def all(self) -> list[Ruling]:
        """Return all rulings, oldest first."""
        return self._found(True)

    def _in_audits(self, sha256: str) -> list[Ruling]:
        judged = and_(
            items.c.audit_id == rulings.c.audit_id,
            items.c.position == rulings.c.position,
            items.c.part == rulings.c.part,
        )
        of_item = (items.c[name] for name in ("path", "verdict", "p_ai", "model", "evidence"))
        of_ruling = (rulings.c[name] for name in ("ruling", "ruled_by", "ruled_at", "note"))
        found = (
            select(*of_item, *of_ruling, audits.c.configuration)
            .select_from(rulings.join(items, judged).join(audits, audits.c.id == rulings.c.audit_id))
            .where(items.c.sha256 == sha256, items.c.part == 0, items.c.verdict.is_not(None))
            .order_by(rulings.c.id)
        )
        with reading(self._engine) as connection:
            return [_of_audit(sha256, row) for row in connection.execute(found)]

    def _found(self, condition: Any) -> list[Ruling]:  # noqa: ANN401 - an SQL expression
        columns = [reviews.c[field.name] for field in fields(Ruling)]
        with reading(self._engine) as connection:
            rows = connection.execute(select(*columns).where(condition).order_by(reviews.c.id))
            return [Ruling(*row) for row in rows]


def _of_audit(sha256: str, row: Any) -> Ruling:  # noqa: ANN401 - a row of SQLAlchemy
    asked = Configuration.read(row.configuration)
    return Ruling(
        name=row.path,
        sha256=sha256,
        verdict=row.verdict,
        p_ai=row.p_ai,
        model=row.model or asked.model,
        weights=asked.weights,
        human_below=asked.human_below,
        ai_above=asked.ai_above,
        evidence=row.evidence or "",
        ruling=row.ruling,
        ruled_by=row.ruled_by,
        ruled_at=row.ruled_at,
        note=row.note,
    )


def as_csv(rulings: Sequence[Ruling]) -> bytes:
    """Return rulings as a table in UTF-8 whose cells no spreadsheet runs."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    names = [field.name for field in fields(Ruling)]
    writer.writerow(names)
    for ruling in rulings:
        cells = [getattr(ruling, name) for name in names]
        writer.writerow([neutral_in_csv(cell) if isinstance(cell, str) else cell for cell in cells])
    return file.getvalue().encode()
