"""Audits as the page holds them: what is asked of each, how far it is, its pictures; and the process that runs them."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import streamlit as st
from filelock import FileLock

from core import images
from core.audit.inputs.address import Input
from core.audit.inputs.listing import Source
from core.audit.inputs.roots import Roots
from core.audit.inputs.sources import sources_of
from core.audit.lifecycle import LOCK, are_up_to_date, is_run, write_files
from core.audit.model import load_card
from core.audit.own_files import holds
from core.audit.pictures import input_sources, picture_bytes
from core.audit.queue import PICTURES, UPLOADS, Queue, Request, Wish
from core.audit.store.audits import AuditStore
from core.audit.store.database import open_database
from core.audit.store.pages import ResultPages
from core.audit.store.records import Audit, State
from core.detectors.card import Card
from core.errors import AuditError, ModelError, VersoError
from core.locks import alone
from dashboard.corpus_shelf import JPEG_QUALITY

AUDIT: Final = "audit"
ONE: Final = "app_pages/audit.py"
"""The page of one audit, which its address names."""
POSITION: Final = "position"
DIGITS: Final = 18
"""More than any position has, and no more than the database takes."""
ROOT: Final = Path(__file__).resolve().parents[1]
MOVING: Final = ("waiting", "planning", "running", "pausing", "cancelling")
"""States in which an audit changes by itself."""
INTERRUPTED: Final = "interrupted"
PARTIAL: Final = "partial-"
"""How the folders are called that hold what an audit stopped before its end has to show."""
_RUNS: Final = {Wish.PAUSE: "pausing", Wish.CANCEL: "cancelling"}
_RESTS: Final = {Wish.RUN: "waiting", Wish.PAUSE: "paused", Wish.CANCEL: "cancelled"}


@dataclass(frozen=True)
class Standing:
    """One audit: as it was asked for here, as the store knows it (one of the two may be missing), and its state in a word.

    The state is that of the store, or "waiting" (for its turn), "failed", or "interrupted" where the process of an audit
    begun on the command line is gone.
    """

    id: str
    state: str
    request: Request | None
    audit: Audit | None

    @property
    def name(self) -> str:
        """What its owner calls it, or ""."""
        return self.audit.name if self.audit else self.request.name if self.request else ""

    @property
    def title(self) -> str:
        """What it is called, or else what was put in."""
        return self.name or self.put_in

    @property
    def put_in(self) -> str:
        """What was put in, in a few words."""
        inputs = [Path(path) for path in self.request.inputs] if self.request else self.audit_inputs
        names = ["uploaded files" if _is_of_uploads(path) else path.name for path in inputs]
        more = f" and {len(names) - 2} more" if len(names) > 2 else ""  # noqa: PLR2004  (two are named)
        return ", ".join(names[:2]) + more

    @property
    def audit_inputs(self) -> Sequence[Input]:
        """The inputs that the store knows."""
        return self.audit.inputs if self.audit else ()

    @property
    def model(self) -> str:
        """The model that judges."""
        return self.audit.model if self.audit else self.request.model if self.request else ""

    @property
    def planned(self) -> int | None:
        """How many files it has, None until all are listed."""
        return self.audit.planned if self.audit else None

    @property
    def begun(self) -> datetime:
        """When it was asked for."""
        if self.audit:
            return datetime.fromisoformat(self.audit.created)
        return datetime.fromtimestamp(self.request.asked if self.request else 0, UTC)


def _is_of_uploads(path: Input) -> bool:
    return isinstance(path, Path) and path.parts[-2:] == (UPLOADS, PICTURES)


def queue() -> Queue:
    """Return the queue of this computer."""
    return Queue.of_this_computer()


@st.cache_resource(show_spinner=False)
def store() -> AuditStore:
    """Return the database of audits.

    Raises:
        StoreError: it cannot be opened.
    """
    return AuditStore(open_database())


def of_audit(name: str, audit: Audit) -> str:
    """Return the key of what a session remembers of one audit, and of no other."""
    return f"{name}-{audit.id}"


def standings() -> list[Standing]:
    """Return every audit, newest first."""
    requests = {request.id: request for request in queue().all()}
    known = {audit.id: audit for audit in store().all()}
    current = queue().current()
    found = [_standing(one, requests.get(one), known.get(one), current) for one in {**requests, **known}]
    return sorted(found, key=lambda each: each.begun, reverse=True)


def standing(audit_id: str) -> Standing | None:
    """Return one audit, if there is such.

    Raises:
        AuditError: it is no id of an audit.
    """
    request, audit = queue().find(audit_id), store().find(audit_id)
    if request is None and audit is None:
        return None
    return _standing(audit_id, request, audit, queue().current())


def _standing(audit_id: str, request: Request | None, audit: Audit | None, current: str) -> Standing:
    return Standing(audit_id, _state(request, audit, current), request, audit)


def _state(request: Request | None, audit: Audit | None, current: str) -> str:
    kept = audit.state if audit else None
    if request is None:
        return INTERRUPTED if audit and _was_left(audit) else str(kept)
    if kept in {State.FINISHED, State.CANCELLED}:
        return str(kept)
    if request.failure and request.wish is not Wish.PAUSE:
        return "failed"
    if request.id == current and request.wish is Wish.RUN:
        return "running" if audit and audit.planned is not None else "planning"
    return (_RUNS if request.id == current else _RESTS)[request.wish]


def _was_left(audit: Audit) -> bool:
    """Whether an audit of the command line should be running and is not; False where its folder is out of reach.

    Whether that folder is offered here does not matter: nothing that lies in it is shown.
    """
    if audit.state not in MOVING or audit.output is None:
        return False
    return holds(audit.output, audit.id) and not is_run(audit.output)


def why_not_resumed(what: Standing) -> str:
    """Say why an audit that rests cannot go on here, or return "" if it can."""
    return queue().why_not_adopted(what.audit) if what.request is None and what.audit else ""


def ask(what: Standing, wish: Wish) -> None:
    """Ask an audit to pause, to go on or to be cancelled.

    Raises:
        AuditError: it cannot be asked that any more.
    """
    if what.request is None and what.audit is not None and wish is Wish.RUN:
        queue().adopt(what.audit)
        return
    if what.request is None and what.state == INTERRUPTED:
        store().cancel(what.id)
        return
    if what.request is None:
        wanted: dict[Wish, Literal[State.PAUSING, State.CANCELLING]] = {
            Wish.PAUSE: State.PAUSING,
            Wish.CANCEL: State.CANCELLING,
        }
        store().ask(what.id, wanted[wish])
        return
    queue().wish(what.id, wish)
    if wish is Wish.CANCEL and queue().current() != what.id:
        store().cancel(what.id)


def rename(what: Standing, name: str) -> None:
    """Call an audit `name`, or nothing.

    Raises:
        StoreError: the database does not take it.
    """
    if what.request is not None:
        queue().rename(what.id, name)
    if what.audit is not None:
        store().rename(what.id, name)


def has_uploads(what: Standing) -> bool:
    """Whether files lie on this server that were uploaded for an audit."""
    return what.request is not None and bool(queue().uploads(what.id))


def remove_uploads(what: Standing) -> None:
    """Remove the files that were uploaded for an audit which has ended; everything found about them stays.

    Raises:
        OutputError: the disk does not let them go.
    """
    queue().remove_uploads(what.id)
    _sources.clear()
    thumbnail.clear()


def results(audit: Audit) -> ResultPages:
    """Return the results of an audit, a page at a time."""
    return store().results(audit)


def card_of(audit: Audit) -> Card | None:
    """Return the card of the model that judged, or None where it is gone."""
    try:
        return load_card(audit.model)
    except ModelError:  # what it would say of a file is then left out
        return None


def kept_file(audit: Audit, name: str) -> Path:
    """Return where a file of results or a report lies for the page, whether it was written yet or not.

    What an audit stopped before its end has to show lies apart, by how far it came: nobody takes it for the whole.
    """
    folder, counts = queue().folder(audit.id), store().counts(audit.id)
    return (folder / f"{PARTIAL}{counts.done}" if counts.waiting else folder) / name


def fresh_bytes(audit: Audit, name: str) -> bytes:
    """Read a file of results or a report of an audit that does not run; if it is missing or a ruling is newer, all are written.

    What an earlier stop left for the page is removed: nobody is offered it again. Who else asks for them meanwhile waits;
    whoever runs the audit finds its folder in use.

    Raises:
        AuditError: it runs, or waits to.
        OutputError: they cannot be written.
    """
    home = queue().folder(audit.id)
    home.mkdir(parents=True, exist_ok=True)
    moves = AuditError("This audit runs again since this page was drawn: pause it, or wait for its end.")
    with FileLock(home / ".files.lock"), alone(home / LOCK, moves):
        now = standing(audit.id)
        if now is not None and now.state in MOVING:
            raise moves
        path = kept_file(audit, name)
        path.parent.mkdir(exist_ok=True)
        if not path.is_file() or not are_up_to_date(store(), audit, path.parent):
            write_files(store(), audit, path.parent, _reachable(audit.id))
        for earlier in set(home.glob(f"{PARTIAL}*")) - {path.parent}:
            shutil.rmtree(earlier, ignore_errors=True)
        return path.read_bytes()


def _reachable(audit_id: str) -> list[Source]:
    try:
        return _sources(audit_id)
    except AuditError:  # gone, or not offered here: the reports say that they have no small pictures
        return []


def file_of(audit_id: str, position: str) -> tuple[str, bytes]:
    """Read a picture of an audit: its name and its bytes.

    Raises:
        AuditError: there is no such audit or file, or its input is gone.
        ImageError: it cannot be read.
    """
    audit = store().find(audit_id)
    named = position.isdecimal() and len(position) <= DIGITS
    item = results(audit).planned(int(position)) if audit and named else None
    if item is None:
        raise AuditError(f"Audit {audit_id} has no file {position}: choose one from its results.")
    return item.path.rsplit("/", 1)[-1], picture_bytes(_sources(audit_id), item)


@st.cache_data(max_entries=3000, show_spinner=False)
def thumbnail(audit_id: str, position: int, max_side: int) -> bytes:
    """Return a small JPEG of a picture of an audit, at most `max_side` pixels on its longer side.

    Raises as `file_of`.
    """
    name, data = file_of(audit_id, str(position))
    return images.encode_jpeg(images.open(data, name=name).preview(max_side), JPEG_QUALITY)


@st.cache_resource(max_entries=20, show_spinner=False)
def _sources(audit_id: str) -> list[Source]:
    request, audit = queue().find(audit_id), store().find(audit_id)
    if request is not None:
        return input_sources(queue(), request)
    return sources_of(audit.inputs, Roots.configured()) if audit else []


class _Hired:
    """The one process of this server that runs audits."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def work(self) -> None:
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                return
            # it stays in this process's folder, where relative settings start; -P: a folder `core` there is not ours
            paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
            with (queue().home / "worker.log").open("ab") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "core.audit.worker"],
                    env=os.environ | {"PYTHONPATH": paths},
                    stdin=subprocess.PIPE,  # it ends when this server does
                    stdout=log,
                    stderr=log,
                )


@st.cache_resource(show_spinner=False)
def _hired() -> _Hired:
    return _Hired()


@st.cache_resource(show_spinner=False)
def go_on_after_a_restart() -> None:
    """Let audits that waited when the server ended go on with the first page of the next one, whichever it is."""
    with suppress(VersoError):  # the page of the audits says so
        keep_working(standings())


def keep_working(found: Sequence[Standing]) -> None:
    """See to it that a process runs if an audit waits to be run."""
    if any(each.request and each.state in MOVING for each in found):
        _hired().work()
