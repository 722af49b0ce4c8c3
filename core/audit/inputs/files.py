"""Files on disk: one by one, or all of a folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO

from core import images
from core.audit.inputs.listing import LOWEST, NO_SIZE, Entry
from core.audit.own_files import own_files
from core.clutter import is_clutter
from core.errors import AuditError, UnreadableFileError
from core.images import Artwork
from core.visible_text import printable


class Files:
    """Files named one by one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self) -> Iterator[Entry]:
        """List the file itself."""
        yield entry_of(self.path)

    @contextmanager
    def stream(self, entry: Entry) -> Iterator[IO[bytes]]:
        """Open a file; a pipe or device is refused, for it may never end."""
        path = Path(os.fsdecode(entry.locator))
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                raise UnreadableFileError(f"'{entry.path}' is not a regular file: choose an image file.")
            file = path.open("rb")
        except (OSError, ValueError) as error:
            raise UnreadableFileError(
                f"'{entry.path}' cannot be read ({error}): check the path and the disk."
            ) from error
        with file:
            yield file

    def seekable(self, entry: Entry) -> AbstractContextManager[IO[bytes]]:
        """Open a file."""
        return self.stream(entry)

    def artwork(self, entry: Entry, enough: int | None = None) -> Artwork:
        """Open a file as a picture."""
        return images.open(Path(os.fsdecode(entry.locator)), enough=enough)


class Folder(Files):
    """All files below a folder, sorted by their path; hidden files, clutter and an audit's own files are left out.

    Links are listed but not followed: they may lead out of the folder, or round in circles. A folder inside that
    forbids to be listed stands as one entry that cannot be judged.
    """

    def entries(self) -> Iterator[Entry]:
        """List the files.

        Raises:
            AuditError: the folder forbids to be listed; or it, or one inside, fails to be in a way that may pass.
        """
        yield from _walk(self.path)


def _walk(folder: Path) -> Iterator[Entry]:
    left = [iter(_inside(folder))]
    while left:
        item = next(left[-1], None)
        if item is None:
            left.pop()
            continue
        path = Path(item.path)
        shown = printable(str(path))
        if item.is_symlink():
            refused = (
                f"'{shown}' is a link, which is not followed in a folder: name what it leads to instead."
            )
            yield Entry(shown, os.fsencode(path), NO_SIZE, 0, refused)
        elif item.is_dir():
            try:
                left.append(iter(_inside(path)))
            except AuditError as error:
                if not isinstance(error.__cause__, PermissionError):
                    raise
                refused = f"Nothing in this folder was judged. {error}"
                yield Entry(shown, os.fsencode(path), NO_SIZE, 0, refused)
        else:
            yield entry_of(path)


def _inside(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            inside = sorted(found, key=lambda item: os.fsencode(item.name))
    except OSError as error:
        raise AuditError(
            f"The folder {printable(str(folder))} cannot be listed ({error.strerror}): change its permissions, or "
            "move it out of the input."
        ) from error
    own = own_files(folder)
    return [item for item in inside if not is_clutter(item.name) and item.name not in own]


def entry_of(path: Path) -> Entry:
    """Return the entry of one file, which need not exist."""
    shown = printable(str(path))
    locator = os.fsencode(path.absolute())
    try:
        facts = path.stat()
    except (OSError, ValueError):  # opening it will tell
        return Entry(shown, locator, NO_SIZE, 0)
    return Entry(shown, locator, facts.st_size, _stamp(facts.st_mtime_ns))


def _stamp(nanoseconds: int) -> int:
    """Wrap a time into 64 bits, for some file systems go on beyond the year 2262."""
    return (nanoseconds - LOWEST) % 2**64 + LOWEST
