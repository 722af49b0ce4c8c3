"""A copy on disk of bytes that can be read only once from start to end."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from core import video_formats
from core.audit.inputs.listing import BLOCK, Entry, Source
from core.errors import AuditError, UnreadableVideoError


@contextmanager
def spooled(source: Source, entry: Entry) -> Iterator[IO[bytes]]:
    """Copy one entry, a video, into a temporary file that goes when it is closed.

    Raises:
        UnreadableVideoError: it has more bytes than a video may have.
        ImageError: it cannot be read.
        AuditError: its place does not answer, or this computer has no room for the copy; both may pass.
    """
    with _room_for(entry):
        copy = tempfile.TemporaryFile()  # noqa: SIM115  (closed below, where nothing can go wrong any more)
    try:
        _fill(copy, source, entry)
        yield copy
    finally:
        with suppress(OSError):  # bytes that found no room are tried again, and are not missed
            copy.close()


def _fill(copy: IO[bytes], source: Source, entry: Entry) -> None:
    left = video_formats.MAX_BYTES
    with source.stream(entry) as stream:
        while block := stream.read(BLOCK):
            left -= len(block)
            if left < 0:
                raise UnreadableVideoError(
                    f"'{entry.path}' has more than {video_formats.MAX_BYTES / 1e9:.0f} GB: cut it into parts."
                )
            with _room_for(entry):
                copy.write(block)
    with _room_for(entry):
        copy.seek(0)


@contextmanager
def _room_for(entry: Entry) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise AuditError(
            f"'{entry.path}' cannot be copied to the folder for temporary files ({error.strerror or error}): free space "
            "there, or name another by TMPDIR, then resume the audit."
        ) from error
