"""Audits that wait for their turn: what was asked of each, kept in a folder of its own.

Whoever asks writes a wish, the worker (`core.audit.worker`) reads it: neither needs the other to be alive.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import IO, Final

import platformdirs
from filelock import FileLock

from core import atomic
from core.audit.inputs.roots import Roots
from core.audit.inputs.sources import ZIP_START
from core.audit.store.records import Audit
from core.errors import AuditError, DamagedRequestError, OutputError
from core.named_paths import named_path
from core.visible_text import printable

VARIABLE: Final = "VERSO_AUDITS"
ID: Final = re.compile("[0-9a-f]{32}")
REQUEST: Final = "request.json"
PROGRESS: Final = "progress.json"
CURRENT: Final = "current"
UPLOADS: Final = "uploads"
PICTURES: Final = "pictures"
DRAFTS_KEPT: Final = 86_400.0
"""Seconds after which uploads that nobody made an audit of are removed."""
LONGEST_NAME: Final = 200
"""Bytes of a file's name; disks take 255, and a number may be added."""


class Wish(StrEnum):
    """What is asked of an audit."""

    RUN = "run"
    PAUSE = "pause"
    CANCEL = "cancel"


@dataclass(frozen=True)
class Request:
    """An audit as it was asked for; `asked` is when (seconds since 1970), `failure` a sentence if it could not go on.

    `output` is the folder of an audit begun on the command line, "" for one whose results lie with its request.
    `deaths` counts how often the worker died with it since `done` files were done. `name` is what to call it, or "".
    """

    id: str
    inputs: tuple[str, ...]
    model: str
    asked: float
    wish: Wish = Wish.RUN
    failure: str = ""
    output: str = ""
    deaths: int = 0
    done: int = 0
    name: str = ""


@dataclass(frozen=True)
class Moment:
    """How far the running audit is; see `core.audit.progress.Progress`."""

    planned: int = 0
    rate: float = 0.0
    seconds_left: float | None = None


class Queue:
    """The requests below one folder, safe to share between threads and processes.

    Raises:
        OutputError: the folder cannot be made.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        try:
            home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"{home} cannot be used for audits ({error.strerror or error}): make it writable, or set {VARIABLE} to "
                "another folder."
            ) from error

    @classmethod
    def of_this_computer(cls) -> Queue:
        """Return the queue below `VERSO_AUDITS`, else below the user's data folder."""
        named = os.environ.get(VARIABLE)
        return cls(named_path(named) if named else Path(platformdirs.user_data_dir("verso")) / "audits")

    def folder(self, audit_id: str) -> Path:
        """Return the folder of an audit: its request, uploads and results.

        Raises:
            AuditError: it is no id of an audit.
        """
        if ID.fullmatch(audit_id) is None:
            raise AuditError(f"'{audit_id}' is no id of an audit: choose one from the list of audits.")
        return self.home / audit_id

    def draft(self) -> str:
        """Make a folder for uploads that an audit may be made of, and return its id."""
        audit_id = uuid.uuid4().hex
        (self.home / audit_id / UPLOADS / PICTURES).mkdir(parents=True)
        return audit_id

    def spool(self, audit_id: str, name: str, file: IO[bytes]) -> None:
        """Write one upload into a draft. A zip or a list becomes an input of its own.

        Its name loses its folders, and its middle if it is too long for a disk; a name given twice gets a number.

        Raises:
            AuditError: the draft is gone.
            OutputError: the disk does not take the file, for example because it is full.
        """
        start = file.read(len(ZIP_START[0]))
        file.seek(0)
        bare = fitting(Path(name.replace("\\", "/")).name.lstrip(".").replace("\0", "")) or "file"
        apart = start in ZIP_START or bare.lower().endswith((".zip", ".txt", ".csv", ".tsv"))
        folder = self.folder(audit_id) / UPLOADS / ("" if apart else PICTURES)
        try:
            os.utime(self.folder(audit_id))  # a draft is as old as the last upload into it
            target, written = _new_file(folder, bare)
        except FileNotFoundError as error:
            raise AuditError(
                "What was dropped before is not on the server any more, for nothing was made of it within a day: open the "
                "list of audits and drop all files again."
            ) from error
        except OSError as error:
            raise _not_kept(bare, error) from error
        try:
            with written:
                shutil.copyfileobj(file, written)
        except OSError as error:
            target.unlink(missing_ok=True)
            raise _not_kept(bare, error) from error

    def uploads(self, audit_id: str) -> list[Path]:
        """Return the inputs a draft holds: its folder of single files, its archives and lists."""
        folder = self.folder(audit_id) / UPLOADS
        if not folder.is_dir():
            return []
        apart = sorted(path for path in folder.iterdir() if path.is_file())
        single = folder / PICTURES
        return [*([single] if any(single.iterdir()) else []), *apart]

    def discard(self, audit_id: str) -> None:
        """Remove a draft; an audit that was asked for stays."""
        folder = self.folder(audit_id)
        if not (folder / REQUEST).exists():
            shutil.rmtree(folder, ignore_errors=True)

    def remove_uploads(self, audit_id: str) -> None:
        """Remove the files that were uploaded for an audit; its request and results stay.

        Raises:
            OutputError: the disk does not let them go.
        """
        folder = self.folder(audit_id) / UPLOADS
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            return
        except OSError as error:
            raise OutputError(
                f"The uploads in {printable(str(folder))} cannot be removed ({error.strerror}): remove that folder yourself."
            ) from error

    def discard_old(self) -> None:
        """Remove drafts into which nothing was uploaded for `DRAFTS_KEPT`."""
        for folder in self.home.iterdir():
            with suppress(FileNotFoundError):  # the page removes drafts meanwhile
                if ID.fullmatch(folder.name) and time.time() - folder.stat().st_mtime > DRAFTS_KEPT:
                    self.discard(folder.name)

    def ask(self, inputs: tuple[Path, ...], model: str, audit_id: str = "", name: str = "") -> str:
        """Ask for an audit, of a draft if its id is given, call it `name`, and return its id.

        Raises:
            AuditError: nothing is named, or an audit of this draft was asked for before.
        """
        if not inputs:
            raise AuditError("There is nothing to audit: drop files, or name a folder of the server.")
        if audit_id and self.find(audit_id):
            raise AuditError(
                "These files are an audit already: open it from the list of audits, or drop the files again for another."
            )
        audit_id = audit_id or uuid.uuid4().hex
        paths = tuple(str(path.absolute()) for path in inputs)
        self._write(Request(audit_id, paths, model, time.time(), name=name))
        return audit_id

    def why_not_adopted(self, audit: Audit) -> str:
        """Say why an audit that was begun on the command line cannot go on here, or return "" if it can."""
        there = "resume it on the command line with --resume"
        if audit.output is None:
            return f"This audit was begun by an earlier Verso: {there}."
        if audit.planned is None:
            return f"This audit was stopped while its files were listed: {there}."
        roots = Roots.configured()
        out = next((path for path in (audit.output, *audit.inputs) if not roots.hold(path)), None)
        if out is not None:
            return f"{printable(str(out))} lies outside the folders that may be used here, {roots}: {there}."
        if not audit.output.is_dir():
            return f"Its folder {printable(str(audit.output))} is not on this computer: {there}."
        return ""

    def adopt(self, audit: Audit) -> None:
        """Ask for an audit to go on that was begun on the command line.

        Raises:
            AuditError: it cannot go on here.
        """
        if why := self.why_not_adopted(audit):
            raise AuditError(why)
        inputs = tuple(map(str, audit.inputs))
        self._write(Request(audit.id, inputs, audit.model, time.time(), output=str(audit.output)))

    def output(self, request: Request) -> Path:
        """Return the folder for the results of an audit.

        Raises:
            AuditError: it is not among the folders that may be used here any more.
        """
        if not request.output:
            return self.folder(request.id)
        if not Roots.configured().hold(Path(request.output)):
            raise AuditError(
                f"Its folder {printable(request.output)} lies outside the folders that may be used here, "
                f"{Roots.configured()}: resume it on the command line with --resume."
            )
        return Path(request.output)

    def find(self, audit_id: str) -> Request | None:
        """Return the request of this id, if there is one.

        Raises:
            DamagedRequestError: it cannot be read.
        """
        path = self.folder(audit_id) / REQUEST
        if not path.is_file():
            return None
        try:
            kept = json.loads(path.read_bytes())
            return Request(**kept | {"inputs": tuple(kept["inputs"]), "wish": Wish(kept["wish"])})
        except (ValueError, TypeError, KeyError) as error:
            raise DamagedRequestError(
                f"{printable(str(path))} is damaged, or of another version of Verso ({error}): restore it, or move its folder "
                "elsewhere."
            ) from error

    def all(self) -> list[Request]:
        """Return every request that can be read, oldest first."""
        folders = (path.parent.name for path in self.home.glob(f"*/{REQUEST}"))
        found = []
        for name in folders:
            with suppress(DamagedRequestError):
                found.append(self.find(name) if ID.fullmatch(name) else None)
        return sorted((one for one in found if one), key=lambda one: one.asked)

    def wish(self, audit_id: str, wish: Wish) -> None:
        """Ask something else of an audit; asking it to run again takes its failure away."""
        again = {"asked": time.time(), "deaths": 0} if wish is Wish.RUN else {}
        self._change(audit_id, wish=wish, failure="", **again)

    def rename(self, audit_id: str, name: str) -> None:
        """Call an audit something else, or nothing."""
        self._change(audit_id, name=name)

    def fail(self, audit_id: str, why: str) -> None:
        """Note why an audit cannot go on."""
        self._change(audit_id, failure=why)

    def died(self, audit_id: str, done: int) -> int:
        """Note that the worker died with an audit when `done` files were done; return how often it has there."""
        known = self.find(audit_id)
        if known is None:
            return 0
        deaths = known.deaths + 1 if known.done == done else 1
        self._change(audit_id, deaths=deaths, done=done)
        return deaths

    def hold_back(self, audit_id: str, why: str) -> None:
        """Pause an audit that had better not go on by itself, and note why."""
        self._change(audit_id, wish=Wish.PAUSE, failure=why)

    def roots(self, audit_id: str) -> Roots:
        """Return where the files of an audit may lie: its uploads, and the folders that are offered here."""
        return Roots.configured().and_below(self.folder(audit_id) / UPLOADS)

    def current(self) -> str:
        """Return the id of the audit that has its turn, or ""."""
        path = self.home / CURRENT
        return path.read_text("utf-8") if path.is_file() else ""

    def set_current(self, audit_id: str) -> None:
        """Say whose turn it is."""
        atomic.write(self.home / CURRENT, audit_id.encode())

    def moment(self, audit_id: str) -> Moment:
        """Return how fast an audit went when that was last noted."""
        path = self.folder(audit_id) / PROGRESS
        return Moment(**json.loads(path.read_bytes())) if path.is_file() else Moment()

    def set_moment(self, audit_id: str, moment: Moment) -> None:
        """Note how fast an audit goes."""
        atomic.write(self.folder(audit_id) / PROGRESS, json.dumps(asdict(moment)).encode())

    def _change(self, audit_id: str, **changes: object) -> None:
        with FileLock(self.home / ".requests.lock"):
            known = self.find(audit_id)
            if known is None:
                raise AuditError(f"There is no audit {audit_id} here: choose one from the list of audits.")
            self._replace(replace(known, **changes))  # type: ignore[arg-type]

    def _write(self, request: Request) -> None:
        self.folder(request.id).mkdir(exist_ok=True)
        with FileLock(self.home / ".requests.lock"):
            self._replace(request)

    def _replace(self, request: Request) -> None:
        atomic.write(self.folder(request.id) / REQUEST, json.dumps(asdict(request)).encode())


def _new_file(folder: Path, name: str) -> tuple[Path, IO[bytes]]:
    """Make a file in the folder that nobody else writes; a name that is taken gets a number."""
    target, number = folder / name, 1
    while True:
        try:
            return target, target.open("xb")
        except FileExistsError:
            number += 1
            target = folder / f"{Path(name).stem} ({number}){Path(name).suffix}"


def _not_kept(name: str, error: OSError) -> OutputError:
    return OutputError(
        f"'{printable(name)}' cannot be kept on the server ({error.strerror}): make room there and drop it again."
    )


def fitting(name: str) -> str:
    """Shorten the name of a file to `LONGEST_NAME` bytes, and leave it its extension."""
    ending = Path(name).suffix if len(Path(name).suffix) < len(".extension") else ""
    stem = os.fsencode(name.removesuffix(ending))[: LONGEST_NAME - len(os.fsencode(ending))]
    return stem.decode("utf-8", "ignore") + ending
