"""An analyst's own images, labelled by the folders they lie in or by a CSV file.

By folder: `human/...` and `ai/<generator>/...`, with any nesting below. By CSV: a `path` (relative to the
folder), a `label`, and, if known, `generator`, `family`, `medium` and `source`.
"""

import csv
import hashlib
import io
import os
import time
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from core import images
from core.corpus.manifest import LABELS
from core.corpus.sources.base import Original, Piece, piece
from core.errors import ImageError, ItemRefusedError, SourceError
from core.visible_text import utf8_path

UNKNOWN = "unknown"
REQUIRED = ("path", "label")
OPTIONAL = ("generator", "family", "medium", "source")


@dataclass(frozen=True)
class OwnFile:
    """One file. `facts` is what its place or its CSV row says, `refused` why that is not enough."""

    key: str
    path: Path
    stamp: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    refused: str = ""


@dataclass(frozen=True)
class Labelled:
    """What is known of a file without looking into it."""

    facts: Mapping[str, str] = field(default_factory=dict)
    refused: str = ""


class Folder:
    """Takes in the files of a folder; every file that is no usable image is listed with its reason.

    Args:
        root: the folder.
        labels: the CSV file that labels the files; by default their places do.
        source: what the manifest calls where the files come from; by default `folder:<name of the folder>`.
        as_uniform: keep uniform copies instead of the files as they are.

    Raises:
        SourceError: the folder or the CSV file cannot be used.
    """

    refusals = "rejected.csv"
    item_is = "path"

    def __init__(
        self, root: Path, *, labels: Path | None = None, source: str = "", as_uniform: bool = False
    ) -> None:
        if not root.is_dir():
            raise SourceError(f"{root} is not a folder: expected one with images.")
        self._root = root.resolve()
        self.name = f"folder {self._root} ({'uniform copies' if as_uniform else 'files as they are'})"
        self._labels = labels
        self._source = source or f"folder:{self._root.name}"
        self._as_uniform = as_uniform

    def items(self) -> Sequence[OwnFile]:
        """Every file of the folder, and every file that only the CSV names, sorted by path."""
        files = {_text(path.relative_to(self._root)): path for path in _walk(self._root)}
        if self._labels is None:
            self._expect_labelled_folders()
            labelled = {key: _by_place(key) for key in files}
        else:
            files = {key: path for key, path in files.items() if path.resolve() != self._labels.resolve()}
            rows = _read_labels(self._labels, self._root)
            files |= {key: self._root / key for key in rows.keys() - {_composed(key) for key in files}}
            labelled = {key: _by_rows(rows.get(_composed(key), [])) for key in files}
        return [self._item(key, files[key], labelled[key]) for key in sorted(files)]

    def fetch(self, item: OwnFile) -> Piece:
        """Read one file."""
        refused = item.refused or _outside(item.path, self._root)
        if refused:
            raise ItemRefusedError(refused, final=True)
        return piece(_read(item.path), item.facts, as_uniform=self._as_uniform)

    def stop(self) -> None:
        """Nothing here is ever tried again."""

    def _expect_labelled_folders(self) -> None:
        found = sorted(entry.name for entry in self._root.iterdir() if entry.is_dir())
        if not {name.lower() for name in found} & set(LABELS):
            raise SourceError(
                f"{self._root} has no folder human and no folder ai (found: "
                f"{', '.join(found) or 'no folders'}): make these, or label them by a CSV file."
            )

    def _item(self, key: str, path: Path, labelled: Labelled) -> OwnFile:
        facts = {
            "source": self._source,
            "attestation": f"labelled by its owner {'in a CSV file' if self._labels else 'by its folder'}",
            **labelled.facts,
            "source_path": key,
        }
        stamp = f"{_state(path)} {sorted(facts.items())} {labelled.refused}"
        return OwnFile(key, path, stamp, facts, labelled.refused)


def _walk(root: Path) -> Iterator[Path]:
    """Every file, every link to a folder and every folder that cannot be listed; no link is followed."""
    unlisted: list[Path] = []

    def note(error: OSError) -> None:
        unlisted.append(Path(error.filename))

    for place, folders, files in os.walk(root, onerror=note):
        for name in (*files, *folders):
            path = Path(place, name)
            if name in files or path.is_symlink():
                yield path
    yield from unlisted


def _text(path: Path) -> str:
    """A path for a manifest; bytes that are not UTF-8 are spelt out."""
    return utf8_path(path).replace(os.sep, "/")


def _composed(key: str) -> str:
    """The one spelling of a path whose accents may be composed or not."""
    return unicodedata.normalize("NFC", key)


def _state(path: Path) -> str:
    """Size and time of the last change; an unreadable file is looked at again on every run."""
    try:
        facts = path.stat()
    except (OSError, ValueError, RuntimeError) as error:  # a null character, a circle of links
        return f"{error} {time.time_ns()}"
    return f"{facts.st_size} {facts.st_mtime_ns}"


def _outside(path: Path, root: Path) -> str:
    """Why a path may not be read, if it may not."""
    try:
        if path.is_symlink() and path.is_dir():
            return "It is a link to a folder, and links to folders are not followed: copy the images in."
        if not path.resolve().is_relative_to(root):
            return f"It leads out of the folder, to {path.resolve()}: copy the image in."
    except (OSError, ValueError, RuntimeError) as error:
        return f"It leads nowhere ({error}): copy the image in."
    return ""


def _read(path: Path) -> Original:
    try:
        artwork = images.open(path)
        data = path.read_bytes()
    except ImageError as error:
        raise ItemRefusedError(str(error), final=True) from error
    except OSError as error:
        raise ItemRefusedError(f"It cannot be read ({error.strerror}).", final=False) from error
    if hashlib.sha256(data).hexdigest() != artwork.sha256:
        raise ItemRefusedError("It was changed while it was read: run again.", final=False)
    return Original(data, artwork)


def _by_place(key: str) -> Labelled:
    label, *below = key.split("/")
    if label.lower() == "human" and below:
        return Labelled({"label": "human"})
    if label.lower() == "ai" and below:
        generator = below[0] if len(below) > 1 else UNKNOWN
        return Labelled({"label": "ai", "generator": generator, "family": generator})
    return Labelled(refused="It lies neither in human/ nor in ai/, so its label is not known: move it there.")


def _by_rows(rows: Sequence[tuple[int, Mapping[str, str]]]) -> Labelled:
    if not rows:
        return Labelled(refused="The CSV file does not list it: add a row with its label.")
    line, row = rows[0]
    if any(other != row for _, other in rows):
        lines = ", ".join(str(line) for line, _ in rows)
        return Labelled(refused=f"Lines {lines} of the CSV file label it differently: keep one of them.")
    label = row["label"].lower()
    if label not in LABELS:
        return Labelled(refused=f"Line {line} of the CSV file: expected human or ai, found {row['label']!r}.")
    facts = {name: row[name] for name in OPTIONAL if row[name]} | {"label": label}
    if label == "ai":
        facts = {"generator": UNKNOWN} | facts
        facts = {"family": facts["generator"]} | facts
    return Labelled(facts)


def _read_labels(path: Path, root: Path) -> dict[str, list[tuple[int, Mapping[str, str]]]]:
    """The rows of the CSV file with their line numbers, by the path they are about."""
    try:
        reader = csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""))
        header = {name.strip().lower(): name for name in reader.fieldnames or []}
        if missing := [name for name in REQUIRED if name not in header]:
            raise SourceError(
                f"{path} has no column {' and no column '.join(missing)}: expected path, label and, if "
                f"known, {', '.join(OPTIONAL)}; found {', '.join(header) or 'nothing'}."
            )
        rows: dict[str, list[tuple[int, Mapping[str, str]]]] = {}
        for cells in reader:
            row = {name: (cells.get(header.get(name, "")) or "").strip() for name in (*REQUIRED, *OPTIONAL)}
            rows.setdefault(_key(row.pop("path"), root), []).append((reader.line_num, row))
    except OSError as error:
        raise SourceError(
            f"The labels {path} cannot be read ({error.strerror}): expected a CSV file."
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path} is not CSV in UTF-8 ({error}): save it as such.") from error
    return rows


def _key(path: str, root: Path) -> str:
    """The path of a CSV row as the files' own keys are spelt."""
    spelt = PurePosixPath(path.replace("\\", "/"))
    if spelt.is_relative_to(root.as_posix()):
        spelt = spelt.relative_to(root.as_posix())
    return _composed(spelt.as_posix())
