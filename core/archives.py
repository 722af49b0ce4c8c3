"""The only door for archives: zip files of pictures, read member by member and never unpacked in full."""

from __future__ import annotations

import io
import re
import stat
import struct
import sys
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Final, Self, cast

from core import images
from core.errors import ArchiveError, CorruptImageError, ImageTooLargeError, UnreadableFileError
from core.images import DEFAULT_LIMITS, Artwork
from core.limits import of_environment
from core.visible_text import printable


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


USUAL_ARCHIVE_LIMITS: Final = ArchiveLimits()
DEFAULT_ARCHIVE_LIMITS: Final = of_environment(USUAL_ARCHIVE_LIMITS)
"""Those of this computer, see `core.limits`."""

_NESTED_NAME: Final = re.compile(r"\.(zip|jar|tar|tgz|gz|bz2|xz|zst|7z|rar|cab|iso)\Z", re.IGNORECASE)
_ENCRYPTED: Final = 0x1
_METHODS: Final = {
    zipfile.ZIP_STORED,
    zipfile.ZIP_DEFLATED,
}  # of the others Python unpacks more than was asked for

# What zipfile and its decompressors raise on a damaged archive or member.
_FAILURES: Final = (
    zipfile.BadZipFile,
    NotImplementedError,
    zlib.error,
    EOFError,
    OSError,
    OverflowError,
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


class _Member(io.BufferedIOBase):
    """The bytes of a member, read inside `clear_errors`: damage shows only then."""

    def __init__(self, opened: IO[bytes], clear_errors: Callable[[], AbstractContextManager[None]]) -> None:
        self._opened = opened
        self._clear_errors = clear_errors

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        with self._clear_errors():
            return self._opened.read(-1 if size is None else size)


class Archive:
    """The members of a zip archive, in its own order, folders included; a context manager that closes it.

    The table of contents is checked against the limits before any member is read; a member can never give more
    bytes than it announces there. An archive in it is a file like others and is never unpacked. Safe to share between
    threads.

    Raises:
        ArchiveError: it is no zip archive, is over a limit, or holds a link, an absolute or parent path, or two files
            of one name.
    """

    def __init__(self, path: Path, limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS) -> None:
        self.path = path
        self._name = printable(path.name)
        self._file = self._opened(limits)
        try:
            self.members = tuple(self._file.infolist())
            self._check_limits(limits)
            for member in self.members:
                self._check_member(member)
            self._check_names()
        except ArchiveError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; nothing can be read any more."""
        self._file.close()
        self._bytes.close()

    def refusal(self, member: zipfile.ZipInfo) -> str:
        """Say why a member cannot be read, where the table of contents shows it; else return ""."""
        if member.flag_bits & _ENCRYPTED:
            return f"{self._called(member)} is encrypted in its archive: pack it anew without a password."
        if member.compress_type not in _METHODS:
            return f"{self._called(member)} is packed by a method other than Deflate: pack the archive anew."
        if _NESTED_NAME.search(member.filename):
            return (
                f"{self._called(member)} is an archive in an archive, which is not opened: unpack it first."
            )
        return ""

    @contextmanager
    def stream(self, member: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
        """Open a member for reading once from start to end; its checksum is checked at the end.

        Raises:
            UnreadableFileError: it is an archive by its name, encrypted, or packed in a way that is not read here.
            CorruptImageError: it is damaged.
        """
        if refusal := self.refusal(member):
            raise UnreadableFileError(refusal)
        with self._clear_errors(member):
            opened = self._file.open(member)
        with opened:
            yield cast("IO[bytes]", _Member(opened, partial(self._clear_errors, member)))

    def read(self, member: zipfile.ZipInfo) -> bytes:
        """Return the bytes of a member that is a picture.

        Raises what `stream` raises, and ImageTooLargeError: it has more bytes than a picture may have.
        """
        if member.file_size > DEFAULT_LIMITS.max_bytes:
            raise ImageTooLargeError(
                f"{self._called(member)} has {member.file_size / 1e6:,.1f} MB, over the limit of "
                f"{DEFAULT_LIMITS.max_bytes / 1e6:,.1f} MB a file: save a smaller copy and try that."
            )
        with self.stream(member) as stream:
            return stream.read(DEFAULT_LIMITS.max_bytes + 1)

    def artwork(self, member: zipfile.ZipInfo, enough: int | None = None) -> Artwork:
        """Open a member as a picture; `enough` is that of `images.open`.

        Raises what `read` raises, and ImageError: it is no picture that Verso reads.
        """
        return images.open(self.read(member), name=PurePosixPath(member.filename).name, enough=enough)

    @contextmanager
    def _clear_errors(self, member: zipfile.ZipInfo) -> Iterator[None]:
        try:
            yield
        except _FAILURES as error:
            raise CorruptImageError(
                f"{self._called(member)} is damaged in its archive ({error}): pack the archive anew."
            ) from error

    def _called(self, member: zipfile.ZipInfo) -> str:
        return f"'{self._name}/{printable(member.filename)}'"

    def _opened(self, limits: ArchiveLimits) -> zipfile.ZipFile:
        try:
            self._bytes = _Guarded(self.path)
        except OSError as error:
            raise ArchiveError(
                f"{self._name} cannot be read ({error.strerror}): check the path and its permissions."
            ) from error
        self._bytes.most = limits.max_directory
        try:
            archive = zipfile.ZipFile(self._bytes)
        except _DirectoryTooLongError as error:
            self._bytes.close()
            raise ArchiveError(
                f"{self._name} has a table of contents of more than {limits.max_directory / 1e6:.0f} MB, too many or "
                f"too long entries for {limits.max_members:,} members: split the archive."
            ) from error
        except _FAILURES as error:
            self._bytes.close()
            raise ArchiveError(
                f"{self._name} cannot be read as a zip archive ({error}): pack it anew as .zip."
            ) from error
        self._bytes.most = sys.maxsize
        return archive

    def _check_limits(self, limits: ArchiveLimits) -> None:
        if len(self.members) > limits.max_members:
            raise ArchiveError(
                f"{self._name} has {len(self.members):,} members, over the limit of {limits.max_members:,}: split the "
                "archive, or unpack it and name the folder."
            )
        unpacked = sum(member.file_size for member in self.members)
        if unpacked > limits.max_unpacked:
            raise ArchiveError(
                f"{self._name} unpacks to {unpacked / 1e9:,.1f} GB, over the limit of {limits.max_unpacked / 1e9:,.1f} "
                "GB: split the archive, or unpack it and name the folder."
            )
        size = self.path.stat().st_size
        if unpacked > limits.max_ratio * size:
            raise ArchiveError(
                f"{self._name} unpacks to {unpacked / size:,.0f} times its own size, over the limit of "
                f"{limits.max_ratio}, as archives made to fill a disk do: unpack it yourself and name the folder."
            )

    def _check_member(self, member: zipfile.ZipInfo) -> None:
        if not member.filename:
            raise ArchiveError(f"{self._name} holds a member without a name: pack it anew.")
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

    def _check_names(self) -> None:
        """Refuse two files of one name: unpacking keeps one of them, and programs differ in which."""
        names = Counter(PurePosixPath(member.filename) for member in self.members if not member.is_dir())
        for name, count in names.most_common(1):
            if count > 1:
                raise ArchiveError(
                    f"{self._name} holds {count} files of the name '{printable(str(name))}': pack it anew with each "
                    "name once."
                )
