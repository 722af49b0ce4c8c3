"""Is the corpus on this computer the corpus of the manifest, and does nothing in it sit on both sides?"""

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core import images
from core.corpus import duplicates
from core.corpus.cache import ImageCache
from core.corpus.manifest import Manifest
from core.errors import ImageError

Severity = Literal["problem", "warning"]
Kind = Literal["missing", "unreadable", "undecodable", "altered", "wrong size", "look-alike", "same original"]

FIRST_ROW = 2
"""The spreadsheet row of the first image, below the header."""


@dataclass(frozen=True)
class Finding:
    """One thing wrong with one image; `row` counts as a spreadsheet does, the header being row 1."""

    severity: Severity
    kind: Kind
    row: int
    sha256: str
    message: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.kind}: row {self.row}, {self.sha256}: {self.message}"


@dataclass(frozen=True)
class IntegrityReport:
    """What `verify` found among `checked` images; warnings do not make a corpus unclean."""

    checked: int
    findings: tuple[Finding, ...]

    @property
    def problems(self) -> tuple[Finding, ...]:
        """The findings that make figures measured on this corpus wrong."""
        return tuple(finding for finding in self.findings if finding.severity == "problem")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings to look at."""
        return tuple(finding for finding in self.findings if finding.severity == "warning")

    @property
    def clean(self) -> bool:
        """Whether no image is missing, altered, unreadable or of another size than recorded."""
        return not self.problems


@dataclass(frozen=True)
class _Seen:
    finding: Finding | None
    hash: np.uint64 | None


def verify(
    manifest: Manifest,
    cache: ImageCache,
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
) -> IntegrityReport:
    """Check every image of a manifest.

    Problems: a file that is missing, cannot be read, has other bytes than its name says, does not decode, or
    has another width or height than recorded. Warnings: two images that look alike (`duplicates.NEAR`), or
    that were cut from one original, in different splits or under different labels. An image listed twice is
    refused when the manifest is read.

    Args:
        manifest: the manifest.
        cache: where its images lie.
        workers: threads that read and decode; by default one per core.
        progress: told (images done, images in all).
    """
    frame = manifest.frame
    rows = range(FIRST_ROW, FIRST_ROW + len(frame))
    seen: list[_Seen] = []
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        for one in pool.map(partial(_look, cache), rows, frame["sha256"], frame["width"], frame["height"]):
            seen.append(one)
            progress(len(seen), len(frame))
    hashed = {index: one.hash for index, one in enumerate(seen) if one.hash is not None}
    findings = [one.finding for one in seen if one.finding is not None]
    findings += _look_alikes(frame, np.fromiter(hashed, np.intp), np.fromiter(hashed.values(), np.uint64))
    findings += _same_originals(frame)
    return IntegrityReport(checked=len(frame), findings=tuple(findings))


def _look(cache: ImageCache, row: int, sha256: str, width: int, height: int) -> _Seen:
    def problem(kind: Kind, message: str) -> Finding:
        return Finding("problem", kind, row, sha256, message)

    path = cache.find(sha256)
    if path is None:
        places = ", ".join(str(root / "images") for root in cache.roots)
        return _Seen(problem("missing", f"expected a file of that name in {places}, found none."), None)
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return _Seen(problem("unreadable", f"{path} cannot be read ({error.strerror})."), None)
    if found != sha256:
        return _Seen(problem("altered", f"{path} has other bytes, of sha256 {found}: remove it."), None)
    try:
        artwork = images.open(path)
    except ImageError as error:
        return _Seen(problem("undecodable", f"{path}: {error}"), None)
    size = None
    if (artwork.width, artwork.height) != (width, height):
        found = f"found {artwork.width} x {artwork.height}"
        size = problem("wrong size", f"expected {width} x {height} pixels as recorded, {found}.")
    return _Seen(size, duplicates.perceptual_hash(artwork))


def _look_alikes(
    frame: pd.DataFrame, indices: NDArray[np.intp], hashes: duplicates.Hashes
) -> Iterator[Finding]:
    pairs, distances = duplicates.near_pairs(hashes)
    for (first, second), distance in zip(indices[pairs].tolist(), distances, strict=True):
        how = f"is {distance} of 64 bits from"
        yield from _on_two_sides(frame, "look-alike", how, first, second)


def _same_originals(frame: pd.DataFrame) -> Iterator[Finding]:
    known = frame[frame["original_sha256"] != ""]
    for _, alike in known.groupby("original_sha256", sort=False):
        first, *others = alike.index.tolist()
        for second in others:
            yield from _on_two_sides(
                frame, "same original", "is cut from the same original as", first, second
            )


def _on_two_sides(frame: pd.DataFrame, kind: Kind, how: str, first: int, second: int) -> Iterator[Finding]:
    """A warning on the second of two images that belong together, if their splits or labels differ."""
    one, other = frame.iloc[first], frame.iloc[second]
    apart = [
        f"whose {column} is {one[column]}, not {other[column]}"
        for column in ("split", "label")
        if one[column] != other[column] and one[column] and other[column]
    ]
    if apart:
        message = f"{how} {one['sha256']} of row {first + FIRST_ROW}, {' and '.join(apart)}."
        yield Finding("warning", kind, second + FIRST_ROW, other["sha256"], message)
