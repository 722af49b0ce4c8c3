"""Zip archives, read member by member and never unpacked in full."""

from __future__ import annotations

import io
import re
import stat
import struct
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from core import images
from core.audit.inputs import video_formats
from core.audit.inputs.files import CLUTTER
from core.audit.inputs.listing import BLOCK, Entry, printable
from core.errors import (
    ArchiveError,
    CorruptImageError,
    ImageError,
    ImageTooLargeError,
    UnreadableVideoError,
)
from core.images import DEFAULT_LIMITS, Artwork


@dataclass(frozen=True)
class ArchiveLimits:
    """What an archive may be.

    `max_members` bounds the files and folders in it, `max_unpacked` their bytes in all, `max_ratio` those bytes
    over the bytes of the archive's file, `max_directory` the bytes of its table of contents.
    """

    max_members: int = 20_000
    max_unpacked: int = 4_000_000_000
    max_ratio: int = 100
    max_directory: int = 8_000_000


DEFAULT_ARCHIVE_LIMITS: Final = ArchiveLimits()

_NESTED_NAME: Final = re.compile(r"\.(zip|jar|tar|tgz|gz|bz2|xz|zst|7z|rar|cab|iso)\Z", re.IGNORECASE)
_NESTED_BYTES: Final = re.compile(
    rb"PK(?:\x03\x04|\x05\x06)|7z\xbc\xaf'\x1c|Rar!\x1a\x07|\x1f\x8b|BZh[1-9]|\xfd7zXZ\0|\(\xb5/\xfd|.{257}ustar",
    re.DOTALL,
)
_NESTED_START: Final = 262
_ENCRYPTED: Final = 0x1
_METHODS: Final = {
    zipfile.ZIP_STORED,
    zipfile.ZIP_DEFLATED,
}  # of the others Python unpacks more than was asked for

# What zipfile and its decompressors raise on a damaged member.
_MEMBER_FAILURES: Final = (
    zipfile.BadZipFile,
    NotImplementedError,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    struct.error,
)


class _Guarded(io.FileIO):
    """A file from which no more than `most` bytes are read at once.

    zipfile reads the table of contents in one go, however long the archive says it is.
    """

    most: int

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > self.most:
            raise _DirectoryTooLongError
        return super().read(-1 if size is None else size) or b""


class _DirectoryTooLongError(Exception):
    pass


class Archive:
    """The members of a zip archive, in its own order. Folders, hidden files and clutter are left out.

    The table of contents is checked against the limits before any member is read; a member can never give more
    bytes than it announces there. Safe to share between threads.

    Raises:
        ArchiveError: it is no zip archive, is over a limit, or holds a link, an absolute or parent path or
            another archive.
    """

    def __init__(self, path: Path, limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS) -> None:
        self.path = path
        self._name = printable(path.name)
        self._file = self._opened(limits)
        self._members = self._file.infolist()
        self._check_limits(limits)
        for member in self._members:
            self._check_member(member)

    def entries(self) -> Iterator[Entry]:
        """List the members that are files."""
        shown = printable(str(self.path))
        for number, member in enumerate(self._members):
            parts = member.filename.split("/")
            hidden = any((part.startswith(".") and part != ".") or part.lower() in CLUTTER for part in parts)
            if member.is_dir() or hidden:
                continue
            path = f"{shown}/{printable(member.filename)}"
            locator = f"{number} {member.filename}".encode(errors="surrogatepass")
            yield Entry(path, locator, member.file_size, member.CRC, self._refusal(member, path))

    @contextmanager
    def stream(self, entry: Entry) -> Iterator[IO[bytes]]:
        """Open a member.

        Raises:
            ArchiveError: the member is itself an archive.
            CorruptImageError: it is damaged, or packed in a way that Python does not read.
        """
        member = self._members[int(entry.locator.split(b" ", 1)[0])]
        try:
            with self._file.open(member) as start:
                if _NESTED_BYTES.match(start.read(_NESTED_START)):
                    raise self._nested(member)
            with self._file.open(member) as stream:
                yield stream
        except (ArchiveError, ImageError):
            raise
        except _MEMBER_FAILURES as error:
            raise CorruptImageError(
                f"'{entry.path}' is damaged in its archive ({error}): pack the archive anew."
            ) from error

    @contextmanager
    def seekable(self, entry: Entry) -> Iterator[IO[bytes]]:
        """Unpack one member, a video, into a temporary file that goes when it is closed."""
        with tempfile.TemporaryFile() as copy:
            left = video_formats.MAX_BYTES
            with self.stream(entry) as stream:
                while block := stream.read(BLOCK):
                    left -= len(block)
                    if left < 0:
                        raise UnreadableVideoError(
                            f"'{entry.path}' has more than {video_formats.MAX_BYTES / 1e9:.0f} GB: cut it into parts."
                        )
                    copy.write(block)
            copy.seek(0)
            yield copy

    def artwork(self, entry: Entry) -> Artwork:
        """Open a member as a picture."""
        name = entry.path.rsplit("/", 1)[-1]
        if entry.size > DEFAULT_LIMITS.max_bytes:
            raise ImageTooLargeError(
                f"'{name}' has {entry.size / 1e6:,.1f} MB, over the limit of {DEFAULT_LIMITS.max_bytes / 1e6:,.1f} "
                "MB a file: save a smaller copy and try that."
            )
        with self.stream(entry) as stream:
            data = stream.read(DEFAULT_LIMITS.max_bytes + 1)
        return images.open(data, name=name)

    def _opened(self, limits: ArchiveLimits) -> zipfile.ZipFile:
        try:
            file = _Guarded(self.path)
            file.most = limits.max_directory
            archive = zipfile.ZipFile(file)
            file.most = sys.maxsize
        except _DirectoryTooLongError as error:
            raise ArchiveError(
                f"{self._name} has a table of contents of more than {limits.max_directory / 1e6:.0f} MB, too many or "
                f"too long entries for {limits.max_members:,} members: split the archive."
            ) from error
        except _MEMBER_FAILURES as error:
            raise ArchiveError(
                f"{self._name} cannot be read as a zip archive ({error}): pack it anew as .zip."
            ) from error
        return archive

    def _check_limits(self, limits: ArchiveLimits) -> None:
        if len(self._members) > limits.max_members:
            raise ArchiveError(
                f"{self._name} has {len(self._members):,} members, over the limit of {limits.max_members:,}: split the "
                "archive, or unpack it and audit the folder."
            )
        unpacked = sum(member.file_size for member in self._members)
        if unpacked > limits.max_unpacked:
            raise ArchiveError(
                f"{self._name} unpacks to {unpacked / 1e9:,.1f} GB, over the limit of {limits.max_unpacked / 1e9:,.1f} "
                "GB: split the archive, or unpack it and audit the folder."
            )
        size = self.path.stat().st_size
        if unpacked > limits.max_ratio * size:
            raise ArchiveError(
                f"{self._name} unpacks to {unpacked / size:,.0f} times its own size, over the limit of "
                f"{limits.max_ratio}, as archives made to fill a disk do: unpack it yourself and audit the folder."
            )

    def _check_member(self, member: zipfile.ZipInfo) -> None:
        name = printable(member.orig_filename)
        parts = re.split(r"[/\\]", member.orig_filename)
        if parts[0] == "" or re.match(r"[A-Za-z]:", parts[0]):
            raise ArchiveError(
                f"{self._name} holds the absolute path '{name}': pack it anew with relative paths."
            )
        if ".." in parts:
            raise ArchiveError(
                f"{self._name} holds '{name}', a path that leads out of the archive: pack it anew without '..'."
            )
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
            what = "a link" if kind == stat.S_IFLNK else "a device or pipe"
            raise ArchiveError(
                f"{self._name} holds {what} ('{name}'): pack it anew with files and folders only."
            )
        if _NESTED_NAME.search(name):
            raise self._nested(member)

    def _nested(self, member: zipfile.ZipInfo) -> ArchiveError:
        return ArchiveError(
            f"{self._name} holds another archive ('{printable(member.filename)}'): unpack that one first."
        )

    def _refusal(self, member: zipfile.ZipInfo, path: str) -> str:
        if member.flag_bits & _ENCRYPTED:
            return f"'{path}' is encrypted in its archive: pack it anew without a password."
        if member.compress_type not in _METHODS:
            return f"'{path}' is packed by a method other than Deflate: pack the archive anew."
        return ""
