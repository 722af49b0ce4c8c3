"""A journal: what has happened, one JSON object a line, each on disk before anything builds on it."""

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from core.errors import SourceError

Entry = dict[str, Any]


class Journal:
    """An append-only file of entries that survives the death of its writer at any moment.

    An entry is there once `append` has returned. A last line without its end, left by a writer that was
    killed while writing, never happened: opening the journal cuts it off. Appending is safe from several
    threads; two processes must not append at the same time.
    """

    def __init__(self, path: Path) -> None:
        """Open the journal, or start an empty one.

        Raises:
            SourceError: the file holds a line that is not an entry.
        """
        self.path = path
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab+")
        whole = _whole_lines(path.read_bytes())
        self._file.truncate(len(whole))
        self.entries: list[Entry] = list(_parse(whole, path))

    def append(self, entry: Entry) -> None:
        """Add one entry and return when it is on disk."""
        line = json.dumps(entry, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        with self._lock:
            self._file.write(line)
            self._file.flush()
            os.fsync(self._file.fileno())
            self.entries.append(entry)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _whole_lines(data: bytes) -> bytes:
    return data[: data.rfind(b"\n") + 1]


def _parse(data: bytes, path: Path) -> Iterator[Entry]:
    for number, line in enumerate(data.splitlines(), start=1):
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        if not isinstance(entry, dict):
            raise SourceError(
                f"{path}, line {number}: expected a JSON object, found {line[:40]!r}. The journal was "
                "changed by hand or by a failing disk: remove that line, or begin anew in another folder."
            )
        yield entry
