"""One audit from its start to its results, through any number of interruptions.

The output folder holds a note of which audit of which database it belongs to. The note is the first thing
written, so that whenever an audit is killed, resuming finds it, or finds that nothing was begun.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from core import atomic
from core.audit import local, own_files
from core.audit.configuration import Configuration
from core.audit.engine import Engine
from core.audit.inputs.address import Input
from core.audit.inputs.listing import Source
from core.audit.inputs.sources import sources_of
from core.audit.look_alikes import groups_of
from core.audit.model import load_model, whole_name
from core.audit.plan import check_unchanged, make_plan
from core.audit.progress import Progress, Watcher
from core.audit.results import CSV_FILE, write_results
from core.audit.store.audits import AuditStore, now
from core.audit.store.records import Audit, Counts, State
from core.detectors.protocol import Detector
from core.errors import AuditError, FolderInUseError, OutputError, StoreError, VersoError
from core.locks import alone
from core.visible_text import printable

NOTE = own_files.NOTE
LOCK = ".audit.lock"
STAMP = ".written-of"
"""What the audit was called and which ruling was the newest when the files beside it were written."""
WISHES = (State.PAUSING, State.CANCELLING)


@dataclass(frozen=True)
class Order:
    """What a user asks for: the inputs, the folder for the results, the model (None: the default, or the resumed one's).

    `workers` is how many threads, or processes of a Ray cluster, read and judge; None is one a core. `audit_id` is for
    a new audit; None makes one. `name` is what to call it, "" leaves its name. An audit may be resumed by another engine
    than the one it was begun with. `next_turn` says that it only made way for others since its inputs were compared with
    the plan: they are not listed again, and each file's bytes are compared when it is judged, as always.
    """

    inputs: tuple[Input, ...]
    output: Path
    model: str | None = None
    resume: bool = False
    workers: int | None = None
    audit_id: str | None = None
    engine: Engine = Engine.LOCAL
    name: str = ""
    next_turn: bool = False


@dataclass(frozen=True)
class Outcome:
    """How an audit ended for now. `unreadable` counts the files without a verdict, duplicates included."""

    audit_id: str
    state: State
    counts: Counts
    unreadable: int


def carry_out(
    order: Order,
    store: AuditStore,
    sources: Sequence[Source] | None = None,
    watcher: Watcher = lambda progress: None,  # noqa: ARG005
) -> Outcome:
    """Plan and run an audit, or go on with one, and write its results.

    Args:
        order: what is asked for.
        store: the database that keeps it.
        sources: those of `order.inputs`, where they were restricted to some folders; by default anywhere.
        watcher: told how far it is, after each step.

    Returns:
        The outcome: `FINISHED`, or `PAUSED` or `CANCELLED` if the store was asked for that meanwhile; once everything is
            judged there is nothing left to pause.

    Raises:
        AuditError: the folder holds an audit and `resume` is not set, or files of others under the names of results; the
            model, the configuration or the inputs
            are not those it was begun with; it was cancelled; another process runs it; there is nothing to audit; an
            address does not answer, or there is no room for a copy of a video, and it can go on later.
        OutputError: the folder cannot be written.
        ModelError: the model cannot be loaded.
        EncoderError: the model needs the encoder, which cannot be loaded.
        TrustListError: the list of trusted signers cannot be read.
    """
    sources = sources_of(order.inputs) if sources is None else sources
    with _alone(order.output):
        audit_id, known = _found(order, store)
        name = order.model or (known.model if known else None)
        detector, configuration = load_model(name)
        audit = known or _begun(order, store, audit_id, name, configuration)
        if known:
            _check_same(known, order, configuration)
            if order.name:
                store.rename(audit.id, order.name)
        if not _prepare(order, store, audit, sources, watcher):
            return _stopped(store, audit)
        try:
            if not _run(order, store, audit, sources, detector, watcher):
                return _stopped(store, audit)
            write_files(store, audit, order.output, sources)
        except (VersoError, OSError, KeyboardInterrupt):
            if not order.audit_id:  # whoever asked for it by its id notes why it stopped
                with suppress(StoreError):
                    _settle(store, audit, State.PAUSED)
            raise
        _settle(store, audit, State.FINISHED)
        return _outcome(store, audit)


def write_again(output: Path, store: AuditStore) -> None:
    """Write the results and reports of the audit in `output` again, with the latest rulings.

    It is finished, or cancelled: then they hold what was judged before.

    Raises:
        AuditError: the folder holds no such audit of this database, or another process runs it.
        OutputError: the folder cannot be written.
    """
    if not (output / NOTE).exists():
        raise AuditError(f"{output} holds no audit: name the --output of one.")
    with _alone(output):
        _, known = _found(Order((), output, resume=True), store)
        if known is None or known.state not in {State.FINISHED, State.CANCELLED}:
            raise AuditError(f"The audit in {output} is not finished: go on with it by --resume first.")
        if known.planned is None:
            raise AuditError(
                f"The audit in {output} was cancelled while its files were listed, and judged none: there is nothing to report."
            )
        write_files(store, known, output, _sources_left(known))


def is_run(output: Path) -> bool:
    """Whether a process runs the audit in `output` right now, on this computer."""
    if not (output / LOCK).exists():
        return False
    try:
        with FileLock(output / LOCK, timeout=0):
            return False
    except (Timeout, OSError):
        return True


def write_files(store: AuditStore, audit: Audit, folder: Path, sources: Sequence[Source]) -> None:
    """Write the results and reports of an audit, with the latest rulings, into `folder`.

    Where files still wait to be judged, their rows hold no verdict and the reports say that they are partial.

    Args:
        store: keeps the audit.
        audit: the audit; its plan is complete.
        folder: exists; what was written there before is replaced.
        sources: the audit's inputs, for small pictures in the reports; none where they are out of reach.

    Raises:
        OutputError: they cannot be written.
    """
    from core.audit.report.reports import write_reports  # noqa: PLC0415  (its libraries: only at the end)

    audit = store.find(audit.id) or audit
    newest = store.results(audit).newest_ruling()  # what is ruled from now on stands in none of the files
    _remove(folder / STAMP)
    if audit.state is not State.FINISHED:
        store.set_look_alikes(audit.id, groups_of(*store.looks(audit.id)))
    write_results(store, audit, folder, newest)
    write_reports(store, audit, folder, sources, newest)
    _put(folder / STAMP, _state(audit, newest))


def are_up_to_date(store: AuditStore, audit: Audit, folder: Path) -> bool:
    """Whether the files that `write_files` left in `folder` are whole, hold every ruling made until now, and the audit's name."""
    try:
        return (folder / STAMP).read_bytes() == _state(audit, store.results(audit).newest_ruling())
    except FileNotFoundError:
        return False


def _state(audit: Audit, newest: int) -> bytes:
    return f"{newest} {audit.name}".encode()


def _sources_left(audit: Audit) -> Sequence[Source]:
    try:
        return sources_of(audit.inputs)
    except AuditError:  # moved or removed since: the reports have no small pictures
        return ()


def _prepare(
    order: Order, store: AuditStore, audit: Audit, sources: Sequence[Source], watcher: Watcher
) -> bool:
    """Plan the audit, or compare its inputs with the plan; return whether it runs now, which a wish made meanwhile forbids."""
    if audit.planned is not None:
        return _compare(order, store, audit, sources)
    if not store.advance(audit.id, audit.state, State.PLANNING):
        return False

    def on_planned(count: int) -> bool:
        watcher(Progress(State.PLANNING, count))
        return store.state(audit.id) not in WISHES

    try:
        made = make_plan(store, audit.id, sources, _workers(order), on_planned)
    except AuditError:
        store.forget_plan(audit.id)
        if order.audit_id:  # whoever asked for it knows its id, and goes on with it
            _settle(store, audit, State.PAUSED)
        else:
            store.set_state(audit.id, State.CANCELLED)
            (order.output / NOTE).unlink()
        raise
    return made and store.advance(audit.id, State.PLANNING, State.RUNNING)


def _compare(order: Order, store: AuditStore, audit: Audit, sources: Sequence[Source]) -> bool:
    if not store.advance(audit.id, audit.state, State.RUNNING):
        return False
    try:
        if not order.next_turn:
            check_unchanged(store, audit.id, sources)
    except AuditError:
        _settle(store, audit, State.FINISHED if audit.state is State.FINISHED else State.PAUSED)
        raise
    return store.state(audit.id) is State.RUNNING


def _run(
    order: Order,
    store: AuditStore,
    audit: Audit,
    sources: Sequence[Source],
    detector: Detector,
    watcher: Watcher,
) -> bool:
    if order.engine is Engine.RAY:
        from core.audit import ray_engine  # noqa: PLC0415  (the model is loaded by others)

        return ray_engine.run(store, audit, sources, order.workers, watcher)
    return local.run(store, audit.id, sources, detector, _workers(order), watcher)


def _stopped(store: AuditStore, audit: Audit) -> Outcome:
    _settle(store, audit, State.PAUSED)
    return _outcome(store, audit)


def _settle(store: AuditStore, audit: Audit, otherwise: State) -> None:
    """Cancel an audit if that was asked for, else note that it is `otherwise`."""
    cancelled = store.state(audit.id) in {State.CANCELLING, State.CANCELLED}
    store.set_state(audit.id, State.CANCELLED if cancelled else otherwise)


def _outcome(store: AuditStore, audit: Audit) -> Outcome:
    return Outcome(audit.id, store.state(audit.id), store.counts(audit.id), store.unreadable(audit.id))


def _workers(order: Order) -> int:
    return order.workers or os.cpu_count() or 1


@contextmanager
def _alone(output: Path) -> Iterator[None]:
    by_another = FolderInUseError(
        f"The audit in {output} is being run by another process: wait for it, or choose another --output."
    )
    with ExitStack() as held:
        try:
            output.mkdir(parents=True, exist_ok=True)
            held.enter_context(alone(output / LOCK, by_another))
        except OSError as error:
            raise OutputError(
                f"{output} cannot be used as a folder for results ({error.strerror or error}): choose another --output."
            ) from error
        yield


def _found(order: Order, store: AuditStore) -> tuple[str, Audit | None]:
    """Return the id of the folder's audit, which nobody runs, and what the store knows of it, or a new id and None."""
    note = order.output / NOTE
    if not note.exists():
        _expect_nothing_to_lose(order.output)
        return order.audit_id or uuid.uuid4().hex, None
    if not order.resume:
        raise AuditError(
            f"{order.output} holds an audit already: add --resume to go on with it, or choose another --output."
        )
    try:
        noted = json.loads(note.read_bytes())
        audit_id, database = noted["audit"], noted["database"]
    except (ValueError, KeyError, TypeError) as error:
        raise AuditError(
            f"{note} is damaged ({error}): start the audit again in another --output."
        ) from error
    if not store.is_at(database):
        raise AuditError(
            f"The audit in {order.output} is kept in the database {database}, not in {store.address}: set "
            "VERSO_DATABASE_URL as it was when the audit began."
        )
    store.advance(audit_id, State.CANCELLING, State.CANCELLED)  # whoever was to cancel it was killed before
    known = store.find(audit_id)
    if known is None and (order.output / CSV_FILE).exists():
        raise AuditError(
            f"{order.output} holds the results of an audit that is not in the database {database} any more: restore the "
            "database from a copy, or choose another --output for a new audit."
        )
    return audit_id, known


def _expect_nothing_to_lose(output: Path) -> None:
    """Refuse a folder that holds files which are no audit's, under the names that results get."""
    if lost := own_files.would_replace(output):
        raise AuditError(
            f"{output} holds no audit but files that its results would replace ({', '.join(lost)}): move them, or choose "
            "another --output."
        )


def _begun(
    order: Order, store: AuditStore, audit_id: str, model: str | None, configuration: Configuration
) -> Audit:
    model = whole_name(model) if model else configuration.model
    if printable(model) != model:
        raise AuditError(
            f"The model's folder '{printable(model)}' has a name that cannot be kept: rename it."
        )
    audit = Audit(
        id=audit_id,
        created=now(),
        state=State.PLANNING,
        inputs=_absolute(order),
        model=model,
        configuration=configuration,
        output=order.output.absolute(),
        name=order.name,
    )
    note = json.dumps({"audit": audit_id, "database": store.address})
    _put(order.output / NOTE, note.encode())
    store.add(audit)
    return audit


def _put(path: Path, data: bytes) -> None:
    try:
        atomic.write(path, data)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror}): make room or choose another --output."
        ) from error


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be replaced ({error.strerror}): see to the permissions of its folder, or choose another --output."
        ) from error


def _check_same(known: Audit, order: Order, configuration: Configuration) -> None:
    if known.state is State.CANCELLED:
        raise AuditError(
            f"The audit in {order.output} was cancelled and cannot go on: start a new one in another --output."
        )
    if known.inputs != _absolute(order):
        raise AuditError(
            f"The audit in {order.output} is of other inputs ({', '.join(map(str, known.inputs))}): name the same in the "
            "same order to resume it, or choose another --output."
        )
    if differences := known.configuration.differs(configuration):
        raise AuditError(
            f"The audit in {order.output} was begun with another model or on another kind of machine: {differences}. "
            "Resume it with what it was begun with, or start a new one in another --output."
        )


def _absolute(order: Order) -> tuple[Input, ...]:
    return tuple(each.absolute() if isinstance(each, Path) else each for each in order.inputs)
