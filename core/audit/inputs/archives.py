"""The members of a zip archive as files of an audit."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO

from core.archives import DEFAULT_ARCHIVE_LIMITS, Archive, ArchiveLimits
from core.audit.inputs import video_formats
from core.audit.inputs.files import CLUTTER
from core.audit.inputs.listing import BLOCK, Entry
from core.errors import UnreadableVideoError
from core.images import Artwork, printable


class ArchivedFiles:
    """The files of a zip archive, in its own order. Folders, hidden files and clutter are left out.

    Raises:
        ArchiveError: see `Archive`.
    """

    def __init__(self, path: Path, limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS) -> None:
        self.path = path
        self._archive = Archive(path, limits)

    def entries(self) -> Iterator[Entry]:
        """List the members that are files."""
        shown = printable(str(self.path))
        for number, member in enumerate(self._archive.members):
            parts = member.filename.split("/")
            hidden = any((part.startswith(".") and part != ".") or part.lower() in CLUTTER for part in parts)
            if member.is_dir() or hidden:
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
        """Open a member as a picture; see `Archive.artwork`."""
        return self._archive.artwork(self._member(entry))

    def _member(self, entry: Entry) -> zipfile.ZipInfo:
        return self._archive.members[int(entry.locator.split(b" ", 1)[0])]
