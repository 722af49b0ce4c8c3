"""A copy on disk of bytes that can be read only once from start to end."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from core import video_formats
from core.audit.inputs.listing import BLOCK, Entry, Source
from core.errors import UnreadableVideoError


@contextmanager
def spooled(source: Source, entry: Entry) -> Iterator[IO[bytes]]:
    """Copy one entry, a video, into a temporary file that goes when it is closed.

    Raises:
        UnreadableVideoError: it has more bytes than a video may have.
        ImageError: it cannot be read.
    """
    with tempfile.TemporaryFile() as copy:
        left = video_formats.MAX_BYTES
        with source.stream(entry) as stream:
            while block := stream.read(BLOCK):
                left -= len(block)
                if left < 0:
                    raise UnreadableVideoError(
                        f"'{entry.path}' has more than {video_formats.MAX_BYTES / 1e9:.0f} GB: cut it into parts."
                    )
                copy.write(block)
        copy.seek(0)
        yield copy
