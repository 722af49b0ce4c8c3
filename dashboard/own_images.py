"""The analyst's own labelled images: where they lie, and the work of judging them, which outlives a rerun.

An uploaded zip is written to a temporary folder of this server at once and goes with it; a folder or zip of the
server is read where it is, below the folders it was told to offer.
"""

import hashlib
import re
import shutil
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Final

import streamlit as st

from core.audit.inputs.roots import VARIABLE, Roots
from core.errors import EvaluationError
from core.evaluation.own_set import OwnSet, read_own, score_own
from dashboard.comparison_shelf import Held
from dashboard.resources import detector_called

UPLOAD: Final = "upload:"
CHECKSUM: Final = re.compile(f"{UPLOAD}[0-9a-f]{{64}}")
KEPT: Final = 12
"""So many judged sets are kept; the oldest goes first."""


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
        """Judge every image of a place with every model."""
        return score_own(place, [detector_called(model) for model in models], self._progress)

    def _progress(self, done: int, total: int) -> None:
        self.done, self.total = done, total


@dataclass(eq=False)
class _Workshop:
    """What all sessions of the server share: one worker, the work by place and models, the uploads' folder."""

    worker: ThreadPoolExecutor
    uploads: Path
    work: dict[tuple[str, tuple[str, ...]], Scoring] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


def keep_upload(file: BytesIO, name: str) -> str:
    """Write an uploaded zip to the server's temporary folder and return the name of its place."""
    checksum = hashlib.file_digest(file, "sha256").hexdigest()
    folder = _workshop().uploads / checksum
    if not folder.is_dir():
        folder.mkdir()
        file.seek(0)
        with (folder / (Path(name).name or "images.zip")).open("wb") as written:
            shutil.copyfileobj(file, written)
    return f"{UPLOAD}{checksum}"


def path_of(place: str) -> Path:
    """Return where a place of the address lies.

    Raises:
        EvaluationError: the upload is gone, or the path does not exist or lies outside the offered folders.
    """
    if place.startswith(UPLOAD):
        kept = (
            []
            if CHECKSUM.fullmatch(place) is None
            else list(_workshop().uploads.glob(f"{place.removeprefix(UPLOAD)}/*"))
        )
        if not kept:
            raise EvaluationError("The uploaded zip is no longer on the server: drop it again.")
        return kept[0]
    path, roots = Path(place).expanduser(), Roots.configured()
    if not roots.hold(path):
        raise EvaluationError(
            f"'{place}' lies outside the folders that may be read here: {roots}. Name one below them, drop a zip "
            f"instead, or set {VARIABLE} and start the dashboard again."
        )
    if not path.exists():
        raise EvaluationError(
            f"'{place}' does not exist on the server: correct the path, or drop a zip instead."
        )
    return path


def scoring(place: str, models: Sequence[str]) -> Scoring:
    """Return the work of judging a place with models, begun if it is not yet.

    Raises what `path_of` raises.
    """
    path, shop, key = path_of(place), _workshop(), (place, tuple(models))
    with shop.lock:
        if key not in shop.work:
            begun = Scoring()
            begun.future = shop.worker.submit(begun.run, path, key[1])
            shop.work[key] = begun
            for old in [known for known, work in shop.work.items() if work.finished][:-KEPT]:
                del shop.work[old]
        return shop.work[key]


def forget(place: str, models: Sequence[str]) -> None:
    """Judge a place anew when it is next asked for."""
    shop = _workshop()
    with shop.lock:
        shop.work.pop((place, tuple(models)), None)


def picture_bytes(place: str, path: str) -> bytes:
    """Read the file of one image of a place; `path` as in `joined.images`.

    Raises:
        EvaluationError: the place or the image is gone.
        ImageError: the file cannot be read.
    """
    return read_own(path_of(place), path)


@st.cache_resource(show_spinner=False)
def _workshop() -> _Workshop:
    return _Workshop(
        worker=ThreadPoolExecutor(1, thread_name_prefix="own-images"),
        uploads=Path(tempfile.mkdtemp(prefix="verso-own-")),
    )
