"""Uploaded files under the names they were uploaded with, not under the server's folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import IO

from core.audit.inputs.listing import Entry, Source
from core.images import Artwork


class Relative:
    """A source whose files are called without `prefix`."""

    def __init__(self, source: Source, prefix: str) -> None:
        self._source = source
        self._prefix = prefix

    def entries(self) -> Iterator[Entry]:
        """List the files of the source."""
        for entry in self._source.entries():
            yield replace(entry, path=entry.path.removeprefix(self._prefix))

    def stream(self, entry: Entry) -> AbstractContextManager[IO[bytes]]:
        """Open an entry of the source."""
        return self._source.stream(entry)

    def seekable(self, entry: Entry) -> AbstractContextManager[IO[bytes]]:
        """Open an entry of the source in any order."""
        return self._source.seekable(entry)

    def artwork(self, entry: Entry, enough: int | None = None) -> Artwork:
        """Open an entry of the source as a picture."""
        return self._source.artwork(entry, enough)
