"""The store of audits: every question asked of the database, and every change to it."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, Self
from urllib.parse import quote, unquote_to_bytes

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    URL,
    Engine,
    bindparam,
    func,
    insert,
    make_url,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy import delete as delete_from
from sqlalchemy.exc import ArgumentError

from core.audit.configuration import Configuration
from core.audit.inputs.address import Input, input_of
from core.audit.store.database import absolute, open_database, reading, writing
from core.audit.store.pages import ResultPages, is_original, result_columns
from core.audit.store.records import (
    Audit,
    Choice,
    Counts,
    Finding,
    ItemState,
    Planned,
    Row,
    State,
)
from core.audit.store.tables import audits, items, rulings
from core.errors import AuditError, RulingError
from core.visible_text import printable

PAGE = 1_000
"""Rows fetched at once; no more are ever in memory."""
LONGEST_NAME: Final = 120
PLAN_COLUMNS = tuple(items.c[name] for name in Planned.__dataclass_fields__)


_CHANGES: Final = {
    State.PAUSING: dict.fromkeys((State.PLANNING, State.RUNNING), State.PAUSING),
    State.CANCELLING: dict.fromkeys((State.PLANNING, State.RUNNING, State.PAUSING), State.CANCELLING)
    | {State.PAUSED: State.CANCELLED},
}


class AuditStore:
    """Audits, their items and rulings in one database; safe to share between threads and processes.

    Every method that changes something returns only when the change is durable.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.address = engine.url.render_as_string(hide_password=True)

    def is_at(self, address: str) -> bool:
        """Whether an address, as `address` is or was by an earlier Verso, which kept relative paths, is that of this database."""
        try:
            return self.address in {address, absolute(make_url(address)).render_as_string(hide_password=True)}
        except ArgumentError:
            return False

    @classmethod
    @contextmanager
    def open(cls, url: URL | None = None) -> Iterator[Self]:
        """Open the database of this computer, or of `url`, and close it when the block ends.

        Raises:
            StoreError: see `open_database`.
        """
        engine = open_database(url)
        try:
            yield cls(engine)
        finally:
            engine.dispose()

    def add(self, audit: Audit) -> None:
        """Keep a new audit."""
        row = {
            "id": audit.id,
            "created": audit.created,
            "state": audit.state,
            "inputs": json.dumps([_written(each) for each in audit.inputs]),
            "model": audit.model,
            "configuration": audit.configuration.write(),
            "output": _written(audit.output) if audit.output else None,
            "name": _one_line(audit.name),
        }
        with writing(self._engine) as connection:
            connection.execute(insert(audits).values(row))

    def find(self, audit_id: str) -> Audit | None:
        """Return the audit of this id, if there is one."""
        return next(iter(self._audits(audits.c.id == audit_id)), None)

    def all(self) -> list[Audit]:
        """Return every audit, newest first."""
        return self._audits(true())

    def state(self, audit_id: str) -> State:
        """Return how far an audit is."""
        with reading(self._engine) as connection:
            return State(connection.scalars(select(audits.c.state).where(audits.c.id == audit_id)).one())

    def set_state(self, audit_id: str, state: State) -> None:
        """Note how far an audit is."""
        with writing(self._engine) as connection:
            connection.execute(update(audits).where(audits.c.id == audit_id).values(state=state))

    def cancel(self, audit_id: str) -> None:
        """Note that an audit is cancelled, unless it is finished."""
        chosen = (audits.c.id == audit_id, audits.c.state != State.FINISHED)
        with writing(self._engine) as connection:
            connection.execute(update(audits).where(*chosen).values(state=State.CANCELLED))

    def advance(self, audit_id: str, before: State, after: State) -> bool:
        """Note that an audit is `after` now, unless it is not `before` any more; return whether it was."""
        chosen = (audits.c.id == audit_id, audits.c.state == before)
        with writing(self._engine) as connection:
            return bool(connection.execute(update(audits).where(*chosen).values(state=after)).rowcount)

    def rename(self, audit_id: str, name: str) -> None:
        """Note what an audit is called from now on, on one line of at most `LONGEST_NAME` characters; "" takes its name away."""
        with writing(self._engine) as connection:
            connection.execute(update(audits).where(audits.c.id == audit_id).values(name=_one_line(name)))

    def ask(self, audit_id: str, wish: Literal[State.PAUSING, State.CANCELLING]) -> None:
        """Ask whoever runs an audit to pause or to cancel it; it does so after what it has at hand.

        Raises:
            AuditError: nothing is left to pause or cancel.
        """
        changes = _CHANGES[wish]
        with writing(self._engine) as connection:
            found = select(audits.c.state).where(audits.c.id == audit_id).with_for_update()
            before = connection.scalars(found).one_or_none()
            if before in changes:
                chosen = update(audits).where(audits.c.id == audit_id)
                connection.execute(chosen.values(state=changes[State(before)]))
                return
        raise AuditError(
            f"{'Pausing' if wish is State.PAUSING else 'Cancelling'} needs an audit that is {', '.join(changes)}; "
            f"audit {audit_id} is {before or 'not in this database'}: reload the list of audits."
        )

    def set_planned(self, audit_id: str, count: int) -> None:
        """Note that the plan is complete and has `count` files."""
        with writing(self._engine) as connection:
            connection.execute(update(audits).where(audits.c.id == audit_id).values(planned=count))

    def forget_plan(self, audit_id: str) -> None:
        """Drop the items of an audit whose planning was interrupted."""
        with writing(self._engine) as connection:
            connection.execute(delete_from(items).where(items.c.audit_id == audit_id))

    def add_items(self, audit_id: str, planned: Sequence[Planned]) -> None:
        """Add files to the plan."""
        rows = [
            _planned(item)
            | {
                "audit_id": audit_id,
                "part": 0,
                "state": ItemState.WAITING if item.original is None else ItemState.DUPLICATE,
            }
            for item in planned
        ]
        with writing(self._engine) as connection:
            connection.execute(insert(items), rows)

    def first_of(self, audit_id: str, hashes: Collection[str]) -> dict[str, int]:
        """Return the position of the first planned file with each sha256 that the plan already has."""
        found = (
            select(items.c.sha256, func.min(items.c.position).label("position"))
            .where(items.c.audit_id == audit_id, items.c.part == 0, items.c.sha256.in_(hashes))
            .group_by(items.c.sha256)
        )
        with reading(self._engine) as connection:
            return {row.sha256: row.position for row in connection.execute(found)}

    def planned(self, audit_id: str) -> Iterator[Planned]:
        """Yield the whole plan in order, a page at a time."""
        last = -1
        while True:
            page = (
                select(*PLAN_COLUMNS)
                .where(items.c.audit_id == audit_id, items.c.part == 0, items.c.position > last)
                .order_by(items.c.position)
                .limit(PAGE)
            )
            with reading(self._engine) as connection:
                found = [Planned(*row) for row in connection.execute(page)]
            if not found:
                return
            yield from found
            last = found[-1].position

    def waiting_chunks(self, audit_id: str) -> range:
        """Return the numbers of the chunks not examined yet: chunks are recorded whole and in order."""
        bounds = select(func.min(items.c.chunk), func.max(items.c.chunk)).where(
            items.c.audit_id == audit_id, items.c.state == ItemState.WAITING
        )
        with reading(self._engine) as connection:
            first, last = connection.execute(bounds).one()
        return range(0) if first is None else range(first, last + 1)

    def chunk(self, audit_id: str, number: int) -> list[Planned]:
        """Return the files of one chunk, in order."""
        found = (
            select(*PLAN_COLUMNS)
            .where(items.c.audit_id == audit_id, items.c.chunk == number, items.c.part == 0)
            .order_by(items.c.position)
        )
        with reading(self._engine) as connection:
            return [Planned(*row) for row in connection.execute(found)]

    def record(self, audit_id: str, chunk: Sequence[Planned], findings: Sequence[Finding]) -> None:
        """Keep what was found in one chunk, the files and the shots: all of it or, if interrupted, nothing."""
        files = [_found(finding) | {"key": finding.position} for finding in findings if not finding.part]
        planned = {item.position: item for item in chunk}
        shots = [
            _planned(planned[finding.position])
            | _found(finding)
            | {"audit_id": audit_id, "part": finding.part, "path": finding.path, "chunk": None}
            for finding in findings
            if finding.part
        ]
        chosen = (items.c.audit_id == audit_id, items.c.position == bindparam("key"), items.c.part == 0)
        with writing(self._engine) as connection:
            connection.execute(update(items).where(*chosen), files)
            if shots:
                connection.execute(insert(items), shots)

    def counts(self, audit_id: str) -> Counts:
        """Count the files of an audit; shots of videos are not counted."""
        grouped = (
            select(items.c.state, items.c.verdict, func.count())
            .where(items.c.audit_id == audit_id, items.c.part == 0)
            .group_by(items.c.state, items.c.verdict)
        )
        by_state: dict[str, int] = dict.fromkeys(ItemState, 0)
        verdicts: dict[str, int] = {}
        with reading(self._engine) as connection:
            for state, verdict, count in connection.execute(grouped):
                by_state[state] += count
                if state == ItemState.JUDGED:
                    verdicts[verdict] = count
        return Counts(
            waiting=by_state[ItemState.WAITING],
            refused=by_state[ItemState.REFUSED] + by_state[ItemState.NO_PICTURE],
            duplicates=by_state[ItemState.DUPLICATE],
            verdicts=verdicts,
            no_picture=by_state[ItemState.NO_PICTURE],
        )

    def unreadable(self, audit_id: str) -> int:
        """Count the files that have an error instead of a verdict, duplicates of such files included."""
        return self._in_state(audit_id, ItemState.REFUSED) + self.no_picture(audit_id)

    def no_picture(self, audit_id: str) -> int:
        """Count those of the `unreadable` files that are text or documents, duplicates included."""
        return self._in_state(audit_id, ItemState.NO_PICTURE)

    def _in_state(self, audit_id: str, state: ItemState) -> int:
        original = items.alias()
        counted = (
            select(func.count())
            .select_from(items.outerjoin(original, is_original(original)))
            .where(
                items.c.audit_id == audit_id,
                items.c.part == 0,
                func.coalesce(original.c.state, items.c.state) == state,
            )
        )
        with reading(self._engine) as connection:
            return connection.scalars(counted).one()

    def looks(self, audit_id: str) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        """Return the positions of the judged pictures, int64 `[N]`, and their perceptual hashes, uint64 `[N]`."""
        found = (
            select(items.c.position, items.c.look)
            .where(items.c.audit_id == audit_id, items.c.part == 0, items.c.look.is_not(None))
            .order_by(items.c.position)
        )
        with reading(self._engine) as connection:
            pairs = np.array(connection.execute(found).fetchall(), np.int64).reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1].astype(np.uint64)

    def set_look_alikes(self, audit_id: str, groups: Mapping[int, int]) -> None:
        """Note the group of each picture that has look-alikes: the position of the group's first picture."""
        chosen = (items.c.audit_id == audit_id, items.c.part == 0)
        rows = [{"key": position, "group": group} for position, group in groups.items()]
        with writing(self._engine) as connection:
            connection.execute(update(items).where(*chosen).values(look_alike=None))
            if rows:
                connection.execute(
                    update(items)
                    .where(*chosen, items.c.position == bindparam("key"))
                    .values(look_alike=bindparam("group")),
                    rows,
                )

    def rule(
        self, audit_id: str, position: int, choice: Choice, *, name: str, note: str = "", part: int = 0
    ) -> None:
        """Add an analyst's ruling; earlier ones stay. It holds for every exact duplicate of the file as well.

        Args:
            audit_id: the audit.
            position: of the file.
            choice: the ruling.
            name: who rules.
            note: why.
            part: the number of a shot, or 0 for the file itself.

        Raises:
            AuditError: the audit has no such file.
            RulingError: nobody is named.
        """
        said = ruled_now(choice, name, note)
        original = select(func.coalesce(items.c.original, items.c.position)).where(
            items.c.audit_id == audit_id, items.c.position == position, items.c.part == part
        )
        in_turn = select(audits.c.id).where(audits.c.id == audit_id).with_for_update(key_share=True)
        with writing(self._engine) as connection:
            connection.execute(in_turn)  # so that rulings are seen in the order of their numbers
            ruled = connection.scalars(original).one_or_none()
            if ruled is None:
                raise AuditError(
                    f"Audit {audit_id} has no file {position} with a part {part}: reload its results."
                )
            connection.execute(insert(rulings).values(audit_id=audit_id, position=ruled, part=part, **said))

    def rows(
        self, audit_id: str, after: tuple[int, int] = (-1, 0), limit: int = PAGE, until: int | None = None
    ) -> list[Row]:
        """Return a page of the results: at most `limit` rows after a (position, part), in order; see `all_rows`."""
        columns, results = result_columns(until)
        page = (
            select(*columns.values())
            .select_from(results)
            .where(items.c.audit_id == audit_id, tuple_(items.c.position, items.c.part) > after)
            .order_by(items.c.position, items.c.part)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return [Row(*row) for row in connection.execute(page)]

    def results(self, audit: Audit, until: int | None = None) -> ResultPages:
        """Return the results of an audit, to be read by the page; see `all_rows`."""
        band = audit.configuration
        return ResultPages(self._engine, audit.id, (band.human_below + band.ai_above) / 2, until)

    def all_rows(self, audit_id: str, until: int | None = None) -> Iterator[Row]:
        """Yield all results in order, a page at a time; with `until`, as when the ruling of that number was the newest."""
        after = (-1, 0)
        while page := self.rows(audit_id, after, until=until):
            yield from page
            after = (page[-1].position, page[-1].part)

    def _audits(self, condition: Any) -> list[Audit]:  # noqa: ANN401 - an SQL expression
        found = select(audits).where(condition).order_by(audits.c.created.desc(), audits.c.id)
        with reading(self._engine) as connection:
            return [
                Audit(
                    id=row.id,
                    created=row.created,
                    state=State(row.state),
                    inputs=tuple(input_of(_read(text)) for text in json.loads(row.inputs)),
                    model=row.model,
                    configuration=Configuration.read(row.configuration),
                    planned=row.planned,
                    output=Path(_read(row.output)) if row.output else None,
                    name=row.name,
                )
                for row in connection.execute(found)
            ]


def now() -> str:
    """Return the time as the store keeps it: ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def ruled_now(choice: Choice, name: str, note: str) -> dict[str, str]:
    """Return the columns that rulings of every kind have, without the zeros that a database refuses.

    Raises:
        RulingError: nobody is named.
    """
    ruled_by = name.replace("\0", "").strip()
    if not ruled_by:
        raise RulingError("A ruling needs the name of who rules: enter one.")
    return {"ruling": choice, "note": note.replace("\0", ""), "ruled_by": ruled_by, "ruled_at": now()}


def _one_line(name: str) -> str:
    return printable(" ".join(name.split()))[:LONGEST_NAME]


def _written(place: Input) -> str:
    return quote(os.fsencode(str(place)))


def _read(text: str) -> str:
    return os.fsdecode(unquote_to_bytes(text))


def _planned(item: Planned) -> dict[str, Any]:
    return {name: getattr(item, name) for name in Planned.__dataclass_fields__}


def _state_of(finding: Finding) -> ItemState:
    if not finding.error:
        return ItemState.JUDGED
    return ItemState.REFUSED if finding.picture else ItemState.NO_PICTURE


def _found(finding: Finding) -> dict[str, Any]:
    return {
        "state": _state_of(finding),
        "width": finding.width,
        "height": finding.height,
        "format": finding.format,
        "verdict": finding.verdict,
        "p_ai": finding.p_ai,
        "model": finding.model,
        "evidence": finding.evidence,
        "evidence_says": finding.evidence_says,
        "error": finding.error,
        "look": None if finding.look is None else int(np.uint64(finding.look).astype(np.int64)),
    }
