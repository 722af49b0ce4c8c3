"""The analyst's own labelled images, a folder or zip with `human` and `ai` in it, judged on the spot.

What lies below those two counts, at any depth; a subfolder is a generator (of ai) and a source of its own. The two
may lie in one folder more, as in a zip that a file manager makes of a folder. A zip is read in place and never
unpacked to disk, within `ArchiveLimits`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core import images
from core.archives import DEFAULT_ARCHIVE_LIMITS, Archive, ArchiveLimits
from core.clutter import is_clutter
from core.corpus.manifest import LABELS
from core.corpus.sources.folder import UNKNOWN
from core.detectors.protocol import Detector
from core.errors import ArchiveError, EvaluationError, ImageError, UnreadableFileError
from core.evaluation.predictions import BATCH
from core.evaluation.selection import FACTS, NOT_STATED, Joined
from core.images import Artwork
from core.visible_text import printable

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class OwnSet:
    """The images that could be read, joined, and those that could not: columns `path`, `reason`.

    `joined.images` has the column `path`: where an image lies in the folder or zip.
    """

    joined: Joined
    refused: pd.DataFrame


@dataclass(frozen=True, eq=False)
class Looked:
    """What was found in an own set.

    `images` has the columns `FACTS` and `path`, `refused` the columns `path`, `reason`; `found` is float32 `[N, k]`,
    in the order of `images`.
    """

    images: pd.DataFrame
    refused: pd.DataFrame
    found: NDArray[np.float32]


@dataclass(frozen=True)
class _File:
    path: str
    label: str
    below: tuple[str, ...]
    open: Callable[[], Artwork]
    read: Callable[[], bytes]


def score_own(
    place: Path,
    detectors: Mapping[str, Detector],
    progress: Progress = lambda done, total: None,  # noqa: ARG005
    limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS,
) -> OwnSet:
    """Judge every image of an own set with every detector; an image that lies there twice counts once.

    Args:
        place: a folder or a zip that holds the folders `human` and `ai` (or one of the two).
        detectors: the models, one or more, by what they are called.
        progress: told (files done, files in all).
        limits: what a zip may hold.

    Raises:
        EvaluationError: as `look_at_own`.
    """

    def judged(batch: Sequence[Artwork]) -> NDArray[np.float32]:
        return np.stack([detector.predict(batch) for detector in detectors.values()], axis=1)

    looked = look_at_own(place, judged, progress, limits)
    p_ai = pd.DataFrame(looked.found.astype(np.float64), columns=list(detectors))
    return OwnSet(joined_of_own(place, looked.images, p_ai), looked.refused)


def look_at_own(
    place: Path,
    look: Callable[[Sequence[Artwork]], NDArray[np.float32]],
    progress: Progress = lambda done, total: None,  # noqa: ARG005
    limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS,
    expect: Callable[[pd.DataFrame], None] = lambda listed: None,  # noqa: ARG005
) -> Looked:
    """Show `look` every image of an own set, some at a time; one that lies there twice is shown once.

    Args:
        place: a folder or a zip that holds the folders `human` and `ai` (or one of the two).
        look: returns float32 `[n, k]` for n artworks.
        progress: told (files done, files in all).
        limits: what a zip may hold.
        expect: given before the first is shown all that may be images, as in `Looked.images`; raises if it needs others.

    Raises:
        EvaluationError: if `place` is neither, has no such folders, breaks a limit, or holds no readable image;
            if the same image lies in `human` and in `ai`.
    """
    facts: list[dict[str, str]] = []
    refused: list[dict[str, str]] = []
    found: list[NDArray[np.float32]] = []
    shown: dict[str, _File] = {}
    with _files(place, limits) as files:
        expect(_listed(files, place, progress))
        for start in range(0, len(files), BATCH):
            batch = []
            for file in files[start : start + BATCH]:
                try:
                    artwork = file.open()
                except ImageError as error:
                    refused.append({"path": file.path, "reason": str(error)})
                    continue
                other = shown.setdefault(artwork.sha256, file)
                if other is not file:
                    refused.append({"path": file.path, "reason": f"It is the same file as {other.path}."})
                    continue
                batch.append(artwork)
                facts.append(_facts(file, artwork.sha256))
            if batch:
                found.append(look(batch))
            progress(min(start + BATCH, len(files)), len(files))
    if not facts:
        raise EvaluationError(f"None of the {len(files)} files in {place} is an image that Verso reads.")
    return Looked(
        pd.DataFrame(facts)[[*FACTS, "path"]],
        pd.DataFrame(refused, columns=["path", "reason"]),
        np.concatenate(found),
    )


def _listed(files: Sequence[_File], place: Path, progress: Progress) -> pd.DataFrame:
    """Return the facts of all distinct files that can be read, none of them decoded.

    Raises:
        EvaluationError: if the same image lies in `human` and in `ai`.
    """
    first: dict[str, _File] = {}
    for file in files:
        progress(0, len(files))
        try:
            sha256 = hashlib.sha256(file.read()).hexdigest()
        except ImageError:
            continue  # is refused when it is opened
        other = first.setdefault(sha256, file)
        if other.label != file.label and _is_image(file):
            raise EvaluationError(
                f"{file.path} in {place.name} is the same file as {other.path}; keep it in one of the two folders."
            )
    facts = [_facts(file, sha256) for sha256, file in first.items()]
    return pd.DataFrame(facts, columns=[*FACTS, "path"])


def _is_image(file: _File) -> bool:
    try:
        file.open()
    except ImageError:
        return False
    return True


def joined_of_own(place: Path, frame: pd.DataFrame, p_ai: pd.DataFrame) -> Joined:
    """Join the images of an own set to what models say of them: a float64 column per model."""
    human = int((frame["label"] == "human").sum())
    title = f"your images in {place.name} ({human} human, {len(frame) - human} AI)"
    return Joined(title, "your images", frame, p_ai)


def read_own(place: Path, path: str, limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS) -> bytes:
    """Read the file of one image of an own set again; `path` as in the column of that name.

    Raises:
        EvaluationError: if there is no such file, or `place` cannot be read any more.
        ImageError: if the file cannot be read any more.
    """
    with _files(place, limits) as files:
        for file in files:
            if file.path == path:
                return file.read()
    raise EvaluationError(f"{place.name} has no image {path} any more; judge the folder or zip again.")


def _facts(file: _File, sha256: str) -> dict[str, str]:
    generator = (file.below[0] if file.below else UNKNOWN) if file.label == "ai" else ""
    return {
        "sha256": sha256,
        "label": file.label,
        "generator": generator,
        "family": generator,
        "medium": NOT_STATED if file.label == "human" else "",
        "source": "/".join((file.label, *file.below)),
        "path": file.path,
    }


@contextmanager
def _files(place: Path, limits: ArchiveLimits) -> Iterator[list[_File]]:
    if place.is_dir():
        yield _expect_labelled(_of_folder(place), place)
        return
    try:
        with Archive(place, limits) as archive:
            yield _expect_labelled(_of_zip(archive), place)
    except ArchiveError as error:
        raise EvaluationError(str(error)) from error


def _expect_labelled(files: list[_File], place: Path) -> list[_File]:
    if not files:
        raise EvaluationError(
            f"{place} holds no files in a folder human or ai: put the images into two folders of these names."
        )
    return files


def _of_folder(root: Path) -> list[_File]:
    """Every file below human and ai in path order; links are refused one by one, as the files they are.

    Raises:
        EvaluationError: a folder that counts cannot be listed.
    """

    def unlisted(error: OSError) -> None:
        below = Path(error.filename).relative_to(root).parts
        if below and not set(below) & set(LABELS):
            return  # nothing in it would count
        raise EvaluationError(
            f"The folder {printable(str(error.filename))} cannot be listed ({error.strerror}): change its permissions, or "
            "move it away."
        )

    found = [
        Path(top, name)
        for top, folders, names in os.walk(root, onerror=unlisted)
        for name in (*names, *(folder for folder in folders if Path(top, folder).is_symlink()))
    ]
    paths = {path.relative_to(root).as_posix(): path for path in sorted(found)}
    return [
        _File(inside, label, below, partial(_open_file, paths[inside]), partial(_read_file, paths[inside]))
        for inside, label, below in _labelled(list(paths))
    ]


def _open_file(path: Path) -> Artwork:
    return images.open(_expect_no_link(path))


def _read_file(path: Path) -> bytes:
    return images.read_file(_expect_no_link(path), printable(path.name))


def _expect_no_link(path: Path) -> Path:
    if path.is_symlink():
        raise UnreadableFileError(f"'{path.name}' is a link, and links are not followed: copy the image in.")
    return path


def _of_zip(archive: Archive) -> list[_File]:
    members = {
        member.filename: member
        for member in sorted(archive.members, key=lambda member: member.filename)
        if not member.is_dir()
    }
    return [
        _File(
            inside,
            label,
            below,
            partial(archive.artwork, members[inside]),
            partial(archive.read, members[inside]),
        )
        for inside, label, below in _labelled(list(members))
    ]


def _labelled(paths: Sequence[str]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield path, label, and the folders below that of the label, of each file that lies in human or ai; no clutter."""
    split = {path: parts for path in paths if not any(map(is_clutter, parts := PurePosixPath(path).parts))}
    tops = {parts[0] for parts in split.values() if len(parts) > 1}
    wrapped = len(tops) == 1 and not {top.lower() for top in tops} & set(LABELS)
    for path, parts in split.items():
        inner = parts[1:] if wrapped and parts[0] in tops else parts
        if len(inner) > 1 and inner[0].lower() in LABELS:
            yield path, inner[0].lower(), inner[1:-1]
