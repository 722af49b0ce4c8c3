"""The analyst's own labelled images: where they lie, and the work of judging them, which outlives a rerun.

An uploaded zip is written to this server's own folder at once and goes with it, see `dashboard.upload_folder`; a folder
or zip of the server is read where it is, below the folders it was told to offer.
"""

import hashlib
import os
import re
import shutil
import threading
import uuid
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Final

import streamlit as st
from streamlit import runtime

from core.audit.inputs.roots import VARIABLE, Roots
from core.audit.queue import fitting
from core.detectors.card import identity
from core.detectors.store import load_card
from core.errors import EvaluationError, ImageError
from core.evaluation.model_names import told_apart
from core.evaluation.own_set import OwnSet, read_own, score_own
from core.named_paths import named_path
from core.visible_text import printable
from dashboard.comparison_shelf import Held
from dashboard.resources import detector_called
from dashboard.upload_folder import upload_folder

UPLOAD: Final = "upload:"
CHECKSUM: Final = re.compile(f"{UPLOAD}[0-9a-f]{{64}}")
KEPT: Final = 12
"""So many judged sets are kept; the oldest goes first."""
STOPS: Final = frozenset({runtime.RuntimeState.STOPPING, runtime.RuntimeState.STOPPED})
Key = tuple[str, str, tuple[str, ...]]
"""A place, what its files looked like and what decides what the models say, and the models."""


@dataclass(eq=False)
class Scoring:
    """One set being judged by some models: `done` of `total` files, and the outcome when it is there."""

    future: Future[OwnSet] = field(default_factory=Future)
    done: int = 0
    total: int = 0

    @property
    def finished(self) -> bool:
        """Whether there is an outcome."""
        return self.future.done()

    def outcome(self) -> OwnSet:
        """Return the judged set, or raise what stopped the work."""
        return self.future.result()

    @cached_property
    def held(self) -> Held:
        """The comparison on the judged set."""
        return Held(self.outcome().joined)

    def run(self, place: Path, models: Sequence[str]) -> OwnSet:
        """Judge every image of a place with every model.

        Raises what `score_own` raises, and EvaluationError if the server stops meanwhile.
        """
        _expect_server()
        return score_own(
            place,
            {called: detector_called(model) for called, model in told_apart(models).items()},
            self._progress,
        )

    def _progress(self, done: int, total: int) -> None:
        _expect_server()
        self.done, self.total = done, total


@dataclass(eq=False)
class _Workshop:
    """What all sessions of the server share: one worker, and the work."""

    worker: ThreadPoolExecutor
    work: dict[Key, Scoring] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


def keep_upload(file: BytesIO, name: str) -> str:
    """Write an uploaded zip to the server's folder of uploads and return the name of its place.

    Raises:
        EvaluationError: it cannot be written.
    """
    checksum = hashlib.file_digest(file, "sha256").hexdigest()
    if _files_of(checksum):
        return f"{UPLOAD}{checksum}"
    folder = upload_folder().path / checksum
    part = folder.with_name(f"{uuid.uuid4().hex}.part")
    file.seek(0)
    try:
        with part.open("xb") as written:
            shutil.copyfileobj(file, written)
        folder.mkdir(exist_ok=True)
        part.replace(folder / _safe(name))
    except OSError as error:
        part.unlink(missing_ok=True)
        raise EvaluationError(
            f"The zip cannot be kept in {part.parent} on the server ({error.strerror}): make room there, and drop it "
            "again."
        ) from error
    return f"{UPLOAD}{checksum}"


def _safe(name: str) -> str:
    """Return the name of an upload as one that any file system takes."""
    bare = printable(Path(name.replace("\\", "/")).name).lstrip(".")
    return fitting(bare) or "images.zip"


def _files_of(checksum: str) -> list[Path]:
    return sorted(upload_folder().path.glob(f"{checksum}/*"))


def path_of(place: str) -> Path:
    """Return where a place of the address lies.

    Raises:
        EvaluationError: the upload is gone, or the path does not exist or lies outside the offered folders.
    """
    if place.startswith(UPLOAD):
        kept = _files_of(place.removeprefix(UPLOAD)) if CHECKSUM.fullmatch(place) else []
        if not kept:
            raise EvaluationError("The uploaded zip is no longer on the server: drop it again.")
        return kept[0]
    path, roots = named_path(place), Roots.configured()
    if not roots.hold(path):
        raise EvaluationError(
            f"'{place}' lies outside the folders that may be read here: {roots}. Name one below them, drop a zip "
            f"instead, or set {VARIABLE} and start the dashboard again."
        )
    if not os.path.exists(path):  # noqa: PTH110 - Path.exists raises where the server may not look
        raise EvaluationError(
            f"'{place}' does not exist on the server, or may not be reached: correct the path, or drop a zip instead."
        )
    return path


def scoring(place: str, models: Sequence[str]) -> Scoring:
    """Return the work of judging a place with models, begun if it is not yet, or if a file there or one of the models has changed since.

    Raises what `path_of` raises, and ModelError if a model is gone or damaged.
    """
    path, shop = path_of(place), _workshop()
    judges = [identity(load_card(model)) for model in models]
    key = (place, f"{_look_of(path)} {judges}", tuple(models))
    with shop.lock:
        if key not in shop.work:
            for stale in [known for known in shop.work if (known[0], known[2]) == (key[0], key[2])]:
                if shop.work[stale].future.cancel():
                    del shop.work[stale]
            begun = Scoring()
            begun.future = shop.worker.submit(begun.run, path, key[2])
            shop.work[key] = begun
            for old in [known for known, work in shop.work.items() if work.finished][:-KEPT]:
                del shop.work[old]
        return shop.work[key]


def forget(work: Scoring) -> None:
    """Judge anew when the same work is next asked for."""
    shop = _workshop()
    with shop.lock:
        shop.work = {key: known for key, known in shop.work.items() if known is not work}


def _look_of(path: Path) -> str:
    """Digest what changes with the files of a folder or zip: their names, sizes and times."""
    files = (
        [path] if path.is_file() else [Path(top, name) for top, _, names in os.walk(path) for name in names]
    )
    seen = hashlib.sha256()
    for file in sorted(files):
        try:
            facts = file.lstat()
        except OSError:  # it went just now
            continue
        seen.update(os.fsencode(f"{file}\0{facts.st_size}\0{facts.st_mtime_ns}\0"))
    return seen.hexdigest()


def _expect_server() -> None:
    """Let no work keep a server alive that is told to stop: it ends when its last thread does."""
    if runtime.exists() and runtime.get_instance().state in STOPS:
        raise EvaluationError("The server is being stopped.")


def picture_bytes(place: str, path: str, sha256: str) -> bytes:
    """Read the file of one image of a place; `path` and `sha256` as in `joined.images`.

    Raises:
        EvaluationError: the place or the image is gone.
        ImageError: the file cannot be read, or is not the one that was judged.
    """
    data = read_own(path_of(place), path)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ImageError(
            f"'{path}' was changed since it was judged, and what lies there now is not shown: put the file back as it was, or "
            "compare the models on these images anew."
        )
    return data


@st.cache_resource(show_spinner=False)
def _workshop() -> _Workshop:
    return _Workshop(ThreadPoolExecutor(1, thread_name_prefix="own-images"))
