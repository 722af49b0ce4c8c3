"""What every kind of input offers an audit: its entries, their bytes, their pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO, Protocol

from core import video_formats
from core.errors import ImageError
from core.image_headers import NO_PICTURES, describe_stranger, recognise
from core.images import DEFAULT_LIMITS, Artwork, read_at_most

BLOCK = 1 << 20
NO_SIZE = -1
LOWEST, HIGHEST = -(2**63), 2**63 - 1
"""The numbers of 64 bits, which databases can keep."""


@dataclass(frozen=True)
class Entry:
    """One file of an input, not yet opened.

    `path` is how it is called in the results, printable. `locator` tells its source where it lies. `size`
    (bytes, `NO_SIZE` if unknown) and `stamp` (modification time in ns, or CRC-32 in an archive), both numbers of 64
    bits as databases keep them, tell whether it changed. `refused` is a sentence where the listing already shows that it cannot be judged.
    """

    path: str
    locator: bytes
    size: int
    stamp: int
    refused: str = ""


@dataclass(frozen=True)
class Identity:
    """What the bytes of an entry are: their hex sha256 and, for a video, its format ("" for all else).

    `stranger` says that they are text or a document: whether that should have been a picture, its name tells.
    """

    sha256: str
    video: str
    stranger: bool = False


class Source(Protocol):
    """One input of an audit."""

    def entries(self) -> Iterator[Entry]:
        """List the files in an order that is the same on every run.

        Raises:
            AuditError: the input as a whole cannot be used.
        """
        ...

    def stream(self, entry: Entry) -> AbstractContextManager[IO[bytes]]:
        """Open the bytes of an entry for reading once from start to end.

        Raises:
            ImageError: it cannot be read.
            AuditError: its place does not answer; it may do so later.
        """
        ...

    def seekable(self, entry: Entry) -> AbstractContextManager[IO[bytes]]:
        """Open the bytes of an entry for reading in any order; they lie on disk, not in memory.

        Raises:
            ImageError: it cannot be read.
            AuditError: its place does not answer, or this computer has no room for a copy; both may pass.
        """
        ...

    def artwork(self, entry: Entry, enough: int | None = None) -> Artwork:
        """Open an entry as a picture; `enough` is that of `images.open`.

        Raises:
            ImageError: it is no picture that Verso reads.
            AuditError: its place does not answer; it may do so later.
        """
        ...


def identify(source: Source, entry: Entry) -> Identity | None:
    """Hash an entry, or return None where opening it will tell what is wrong: refused, unreadable, too large.

    Raises:
        AuditError: its place does not answer.
    """
    if entry.refused:
        return None
    try:
        with source.stream(entry) as stream:
            start = read_at_most(stream, video_formats.SIGNATURE_BYTES)
            video = video_formats.recognise(start)
            limit = video_formats.MAX_BYTES if video else DEFAULT_LIMITS.max_bytes
            if entry.size > limit:
                return Identity("", video) if video else None
            digest = hashlib.sha256(start)
            left = limit - len(start)
            while block := stream.read(min(BLOCK, left + 1)):
                left -= len(block)
                if left < 0:
                    return None
                digest.update(block)
    except (ImageError, OSError):  # opening it again for judging gives the sentence
        return None
    stranger = not (video or recognise(start)) and describe_stranger(start) in NO_PICTURES
    return Identity(digest.hexdigest(), video, stranger)
