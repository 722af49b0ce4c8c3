"""The results of one audit a page at a time: filtered, in an order, counted; never all of them at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Engine,
    FromClause,
    Integer,
    Select,
    and_,
    case,
    cast,
    distinct,
    func,
    or_,
    select,
    true,
)

from core.audit.store.database import reading
from core.audit.store.records import DECIDED, Choice, ItemState, Planned, Row, Ruled
from core.audit.store.tables import items, rulings
from core.provenance.evidence import Says
from core.verdict import Label

BINS: Final = 20
"""Bars of the distribution of `p_ai`, each 0.05 wide."""
_OF_THE_BYTES: Final = (
    "look_alike",
    "width",
    "height",
    "format",
    "verdict",
    "p_ai",
    "model",
    "evidence",
    "evidence_says",
    "error",
)
_OF_THE_RULING: Final = ("ruling", "ruled_by", "ruled_at", "note")


class Kind(StrEnum):
    """What a row of the results can be filtered by besides its verdict."""

    ERROR = "error"
    NO_PICTURE = "no picture"
    DUPLICATE = "exact duplicate"
    LOOK_ALIKE = "near-duplicate"
    RULED = "ruled"
    NOT_RULED = "not ruled"
    CONTESTED = "rulings differ"
    AI_EVIDENCE = "evidence of AI"
    EVIDENCE = "any evidence"
    NO_EVIDENCE = "no evidence"


ODDITIES: Final = (Kind.ERROR, Kind.NO_PICTURE, Kind.DUPLICATE, Kind.LOOK_ALIKE)
RULINGS: Final = (Kind.RULED, Kind.NOT_RULED, Kind.CONTESTED)
EVIDENCE: Final = (Kind.AI_EVIDENCE, Kind.EVIDENCE, Kind.NO_EVIDENCE)
ASPECTS: Final = (ODDITIES, RULINGS, EVIDENCE)
"""Kinds that answer the same question: a row is wanted if it is of any of those chosen of each aspect."""


class Sorting(StrEnum):
    """How rows follow each other: as planned, or by the probability of AI, exact duplicates and shots then left out."""

    PLANNED = "as in the results"
    UNCERTAIN = "most uncertain first"
    AI = "most like AI first"
    HUMAN = "most like human first"


@dataclass(frozen=True)
class Tally:
    """How many rows are files that differ in their bytes, exact duplicates of those, and shots of videos."""

    files: int
    duplicates: int
    shots: int

    @property
    def rows(self) -> int:
        """All of them."""
        return self.files + self.duplicates + self.shots


@dataclass(frozen=True)
class Wanted:
    """Which rows to show: of the verdicts, models and kinds named (none: any; see `ASPECTS`), with `text` in their path.

    Most uncertain is what lies nearest to the middle of the inconclusive band; what was not judged comes last.
    """

    verdicts: tuple[Label, ...] = ()
    kinds: tuple[Kind, ...] = ()
    models: tuple[str, ...] = ()
    text: str = ""
    sorting: Sorting = Sorting.PLANNED


QUEUE: Final = Wanted(tuple(Label), (Kind.NOT_RULED,), sorting=Sorting.UNCERTAIN)
"""What waits for a ruling."""


class ResultPages:
    """The results of the audit `audit_id`; `middle` is that of its inconclusive band.

    With `until`, they are as they were when the ruling of that number was the newest.
    """

    def __init__(self, engine: Engine, audit_id: str, middle: float, until: int | None = None) -> None:
        self._engine = engine
        self._audit_id = audit_id
        self._middle = middle
        self._until = until

    def page(self, wanted: Wanted, offset: int = 0, limit: int = 50) -> list[Row]:
        """Return at most `limit` of the wanted rows, from number `offset`, in order."""
        columns, results = result_columns(self._until)
        chosen = self._chosen(select(*columns.values()), results, columns, wanted)
        p_ai = columns["p_ai"]
        keys: dict[Sorting, list[ColumnElement[Any]]] = {
            Sorting.PLANNED: [],
            Sorting.UNCERTAIN: [func.coalesce(func.abs(p_ai - self._middle), 2)],
            Sorting.AI: [func.coalesce(1 - p_ai, 2)],
            Sorting.HUMAN: [func.coalesce(p_ai, 2)],
        }
        order = [*keys[wanted.sorting], items.c.position, items.c.part]
        with reading(self._engine) as connection:
            found = connection.execute(chosen.order_by(*order).limit(limit).offset(offset))
            return [Row(*row) for row in found]

    def count(self, wanted: Wanted) -> int:
        """Count the wanted rows."""
        columns, results = result_columns(self._until)
        chosen = self._chosen(select(func.count()), results, columns, wanted)
        with reading(self._engine) as connection:
            return int(connection.scalars(chosen).one())

    def tally(self, wanted: Wanted) -> Tally:
        """Count the wanted rows by what they are."""
        columns, results = result_columns(self._until)
        counted: list[ColumnElement[Any]] = [
            func.count(),
            func.count(items.c.original),
            func.count().filter(items.c.part > 0),
        ]
        chosen = self._chosen(select(*counted), results, columns, wanted)
        with reading(self._engine) as connection:
            rows, duplicates, of_videos = connection.execute(chosen).one()
        return Tally(rows - duplicates - of_videos, duplicates, of_videos)

    def row(self, position: int, part: int = 0) -> Row | None:
        """Return one row, if there is such."""
        columns, results = result_columns(self._until)
        found = (
            select(*columns.values())
            .select_from(results)
            .where(items.c.audit_id == self._audit_id, items.c.position == position, items.c.part == part)
        )
        with reading(self._engine) as connection:
            row = connection.execute(found).one_or_none()
        return None if row is None else Row(*row)

    def rulings_on(self, row: Row) -> list[Ruled]:
        """Return every ruling on a file, or on one with the same bytes, the newest first."""
        ruled = row.position if row.original is None else row.original
        found = (
            select(*(rulings.c[name] for name in _OF_THE_RULING))
            .where(
                rulings.c.audit_id == self._audit_id,
                rulings.c.position == ruled,
                rulings.c.part == row.part,
                _made_until(self._until),
            )
            .order_by(rulings.c.id.desc())
        )
        with reading(self._engine) as connection:
            return [Ruled(*each) for each in connection.execute(found)]

    def alike(self, row: Row, limit: int) -> tuple[list[str], int]:
        """Return the paths of at most `limit` other files that look like this one, and how many there are."""
        alike = and_(
            items.c.audit_id == self._audit_id,
            items.c.part == 0,
            items.c.look_alike == row.look_alike,
            items.c.position != row.position,
        )
        paths = select(items.c.path).where(alike).order_by(items.c.position).limit(limit)
        with reading(self._engine) as connection:
            count = connection.scalars(select(func.count()).where(alike)).one()
            return list(connection.scalars(paths)), int(count)

    def planned(self, position: int) -> Planned | None:
        """Return a file as it was planned, if there is such."""
        return self.all_planned([position]).get(position)

    def all_planned(self, positions: Collection[int]) -> dict[int, Planned]:
        """Return files as they were planned, by their position; those there are."""
        found = select(*(items.c[name] for name in Planned.__dataclass_fields__)).where(
            items.c.audit_id == self._audit_id, items.c.position.in_(positions), items.c.part == 0
        )
        with reading(self._engine) as connection:
            files = [Planned(*row) for row in connection.execute(found)]
        return {file.position: file for file in files}

    def histogram(self) -> dict[str, list[int]]:
        """Count the judged files, exact duplicates aside, by verdict in `BINS` equal bins of `p_ai` from 0 to 1."""
        number = case((items.c.p_ai >= 1, BINS - 1), else_=cast(func.floor(items.c.p_ai * BINS), Integer))
        grouped = (
            select(items.c.verdict, number.label("number"), func.count())
            .where(
                items.c.audit_id == self._audit_id,
                items.c.part == 0,
                items.c.state == ItemState.JUDGED,
            )
            .group_by(items.c.verdict, number)
        )
        counted: Counter[tuple[str, int]] = Counter()
        with reading(self._engine) as connection:
            for verdict, place, count in connection.execute(grouped):
                counted[verdict, place] = count
        return {label: [counted[label, place] for place in range(BINS)] for label in Label}

    def judges(self) -> dict[str, int]:
        """Count the judged files, exact duplicates aside, by the model that judged: of a cascade the stage, by name."""
        grouped = (
            select(items.c.model, func.count())
            .where(items.c.audit_id == self._audit_id, items.c.part == 0, items.c.model.is_not(None))
            .group_by(items.c.model)
            .order_by(items.c.model)
        )
        with reading(self._engine) as connection:
            return {row.model: row[1] for row in connection.execute(grouped)}

    def videos(self) -> dict[str, int]:
        """Count the judged videos, exact duplicates aside, by verdict."""
        grouped = (
            select(items.c.verdict, func.count())
            .where(
                items.c.audit_id == self._audit_id,
                items.c.part == 0,
                items.c.video != "",
                items.c.state == ItemState.JUDGED,
            )
            .group_by(items.c.verdict)
        )
        with reading(self._engine) as connection:
            return {row.verdict: row[1] for row in connection.execute(grouped)}

    def shots(self, positions: Collection[int] | None = None) -> dict[int, dict[str, int]]:
        """Count the shots of videos by verdict, for each video by its position; of those named, or of all."""
        grouped = (
            select(items.c.position, items.c.verdict, func.count())
            .where(items.c.audit_id == self._audit_id, items.c.part > 0)
            .group_by(items.c.position, items.c.verdict)
            .order_by(items.c.position, items.c.verdict)
        )
        if positions is not None:
            grouped = grouped.where(items.c.position.in_(positions))
        counted: dict[int, dict[str, int]] = {}
        with reading(self._engine) as connection:
            for position, verdict, count in connection.execute(grouped):
                counted.setdefault(position, {})[verdict] = count
        return counted

    def evidence(self) -> dict[str, int]:
        """Count the judged files with evidence, exact duplicates aside, by what it speaks for at most."""
        grouped = (
            select(items.c.evidence_says, func.count())
            .where(items.c.audit_id == self._audit_id, items.c.part == 0, items.c.evidence.is_not(None))
            .group_by(items.c.evidence_says)
        )
        with reading(self._engine) as connection:
            counted = {row.evidence_says: row[1] for row in connection.execute(grouped)}
        return {says: counted.get(says, 0) for says in Says}

    def last_ruled(self) -> str:
        """Return when the newest ruling was made, ISO 8601 in UTC, or ""."""
        newest = select(func.max(rulings.c.ruled_at)).where(
            rulings.c.audit_id == self._audit_id, _made_until(self._until)
        )
        with reading(self._engine) as connection:
            return connection.scalars(newest).one() or ""

    def newest_ruling(self) -> int:
        """Return a number that grows with every ruling, 0 if there is none."""
        newest = select(func.max(rulings.c.id)).where(rulings.c.audit_id == self._audit_id)
        with reading(self._engine) as connection:
            return connection.scalars(newest).one() or 0

    def _chosen(
        self, chosen: Select[Any], results: FromClause, columns: dict[str, ColumnElement[Any]], wanted: Wanted
    ) -> Select[Any]:
        kinds = {
            Kind.ERROR: columns["state"] == ItemState.REFUSED,
            Kind.NO_PICTURE: columns["state"] == ItemState.NO_PICTURE,
            Kind.DUPLICATE: columns["duplicate_of"].is_not(None),
            Kind.LOOK_ALIKE: columns["look_alike"].is_not(None),
            Kind.RULED: columns["ruling"].is_not(None),
            Kind.NOT_RULED: columns["ruling"].is_(None),
            Kind.CONTESTED: _outcomes(columns["verdict"], self._until) > 1,
            Kind.AI_EVIDENCE: columns["evidence_says"] == Says.AI,
            Kind.EVIDENCE: columns["evidence"].is_not(None),
            Kind.NO_EVIDENCE: and_(
                columns["evidence"].is_(None), columns["verdict"].is_not(None), items.c.part == 0
            ),
        }
        conditions: list[ColumnElement[bool]] = [items.c.audit_id == self._audit_id]
        chosen_of = ([kinds[kind] for kind in wanted.kinds if kind in aspect] for aspect in ASPECTS)
        conditions += [or_(*named) for named in chosen_of if named]
        if wanted.verdicts:
            conditions.append(columns["verdict"].in_(wanted.verdicts))
        if wanted.models:
            conditions.append(columns["model"].in_(wanted.models))
        if wanted.text:
            conditions.append(
                or_(
                    items.c.path.icontains(wanted.text, autoescape=True),
                    items.c.sha256.startswith(wanted.text.lower(), autoescape=True),
                )
            )
        if wanted.sorting is not Sorting.PLANNED:
            conditions += [items.c.part == 0, items.c.original.is_(None)]
        return chosen.select_from(results).where(*conditions)


def result_columns(until: int | None = None) -> tuple[dict[str, ColumnElement[Any]], FromClause]:
    """Return the columns of a `Row`, in order, and the tables they come from: duplicates joined, latest rulings joined.

    With `until`, later rulings than that of this number are passed over.
    """
    original, ruling = items.alias(), rulings.alias()
    newest = select(func.max(rulings.c.id)).where(_on_this_item(), _made_until(until))
    latest = newest.correlate(items).scalar_subquery()
    columns: dict[str, Any] = {
        name: items.c[name] for name in ("position", "part", "original", "path", "sha256")
    }
    columns |= {name: func.coalesce(items.c[name], original.c[name]) for name in _OF_THE_BYTES}
    columns |= {name: ruling.c[name] for name in _OF_THE_RULING} | {"duplicate_of": original.c.path}
    columns["state"] = func.coalesce(original.c.state, items.c.state)
    results = items.outerjoin(original, is_original(original)).outerjoin(ruling, ruling.c.id == latest)
    return {name: columns[name].label(name) for name in Row.__dataclass_fields__}, results


def _on_this_item() -> ColumnElement[bool]:
    """Join the rulings on an item, or on the first file with the same bytes."""
    return and_(
        rulings.c.audit_id == items.c.audit_id,
        rulings.c.position == func.coalesce(items.c.original, items.c.position),
        rulings.c.part == items.c.part,
    )


def _made_until(until: int | None) -> ColumnElement[bool]:
    return true() if until is None else rulings.c.id <= until


def _outcomes(verdict: ColumnElement[Any], until: int | None) -> ColumnElement[int]:
    """Count what the rulings on an item came to that differs, as `core.audit.choices.outcome` tells it."""
    came_to = case(
        (
            and_(
                verdict == Label.INCONCLUSIVE,
                rulings.c.ruling == Choice.OVERRIDE,
                func.substr(rulings.c.note, 1, len(DECIDED[Label.AI])) == DECIDED[Label.AI],
            ),
            DECIDED[Label.AI],
        ),
        else_=rulings.c.ruling,
    )
    return (
        select(func.count(distinct(came_to)))
        .where(_on_this_item(), _made_until(until))
        .correlate_except(rulings)
        .scalar_subquery()
    )


def is_original(original: FromClause) -> ColumnElement[bool]:
    """Join an item to the first file with the same bytes, if it is a duplicate."""
    return and_(
        original.c.audit_id == items.c.audit_id,
        original.c.position == items.c.original,
        original.c.part == 0,
    )
