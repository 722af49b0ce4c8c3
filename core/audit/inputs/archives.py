"""The members of a zip archive as files of an audit."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

from core.archives import DEFAULT_ARCHIVE_LIMITS, Archive, ArchiveLimits
from core.audit.inputs.listing import Entry
from core.audit.inputs.spooled import spooled
from core.clutter import is_clutter
from core.errors import UnreadableFileError
from core.images import Artwork
from core.visible_text import printable


class ArchivedFiles:
    """The files of a zip archive, in its own order. Folders, hidden files and clutter are left out.

    Raises:
        ArchiveError: see `Archive`.
    """

    def __init__(self, path: Path, limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS) -> None:
        self.path = path
        self._limits = limits
        self._archive = Archive(path, limits)

    def __reduce__(self) -> tuple[type[ArchivedFiles], tuple[Path, ArchiveLimits]]:
        """Another process opens the archive anew."""
        return ArchivedFiles, (self.path, self._limits)

    def entries(self) -> Iterator[Entry]:
        """List the members that are files."""
        shown = printable(str(self.path))
        for number, member in enumerate(self._archive.members):
            if member.is_dir() or any(map(is_clutter, member.filename.split("/"))):
                continue
            locator = f"{number} {member.filename}".encode(errors="surrogatepass")
            yield Entry(
                f"{shown}/{printable(member.filename)}",
                locator,
                member.file_size,
                member.CRC,
                self._archive.refusal(member),
            )

    def stream(self, entry: Entry) -> AbstractContextManager[IO[bytes]]:
        """Open a member; see `Archive.stream`."""
        return self._archive.stream(self._member(entry))

    def seekable(self, entry: Entry) -> AbstractContextManager[IO[bytes]]:
        """Unpack one member, a video, into a temporary file that goes when it is closed."""
        return spooled(self, entry)

    def artwork(self, entry: Entry, enough: int | None = None) -> Artwork:
        """Open a member as a picture; see `Archive.artwork`."""
        return self._archive.artwork(self._member(entry), enough)

    def _member(self, entry: Entry) -> zipfile.ZipInfo:
        """Return the member an entry was made of, unless another archive, or none, lies there now."""
        number, _, name = entry.locator.partition(b" ")
        members = self._archive.members
        if number.isdigit() and int(number) < len(members):
            member = members[int(number)]
            if member.filename.encode(errors="surrogatepass") == name:
                return member
        raise UnreadableFileError(
            f"'{entry.path}' is not in its archive any more: put the archive back as it was, or audit it anew."
        )
