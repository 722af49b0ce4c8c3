"""Lists of files: a text file with a path on each line, or a CSV with a column `path`."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TypeVar

from core.audit.inputs.address import MARK
from core.audit.inputs.files import Files, entry_of
from core.audit.inputs.listing import NO_SIZE, Entry
from core.audit.inputs.roots import Roots
from core.errors import ListError
from core.visible_text import printable

COLUMN = "path"
SUFFIXES = (".txt", ".csv", ".tsv")
LONGEST = 32_768
"""Characters of a line of a text file, which no path has."""
LONGEST_ROW = 1_000_000
"""Characters of a row of a CSV, which may have other columns, and lines in them."""
Row = TypeVar("Row")


class ListOfFiles(Files):
    """The files that a list names, in its order; relative paths start at the list's folder.

    Empty lines are passed over. A file may be named twice; one outside `roots` is refused by itself, and so is an address.
    """

    def __init__(self, path: Path, roots: Roots | None = None) -> None:
        super().__init__(path)
        self._roots = roots

    def entries(self) -> Iterator[Entry]:
        """List the files named.

        Raises:
            ListError: the list is no text in UTF-8, has a line or row longer than any path, or its CSV has no column `path`.
        """
        for named in self._named():
            if MARK in named:
                shown = _without_secrets(named)
                refused = (
                    f"'{shown}' is an address, which a list cannot hold: name it as an input of its own."
                )
                yield Entry(shown, shown.encode(), NO_SIZE, 0, refused)
                continue
            path = self.path.parent / named
            if self._roots is not None and not self._roots.hold(path):
                shown = printable(str(path))
                refused = f"'{shown}' lies outside the folders that may be read here: {self._roots}."
                yield Entry(shown, b"", NO_SIZE, 0, refused)
            else:
                yield entry_of(path)

    def _named(self) -> Iterator[str]:
        shown = printable(self.path.name)
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                if self.path.suffix.lower() == ".txt":
                    lines = _Lines(file, shown, LONGEST)
                    named = (line.rstrip("\r\n") for line in lines.told_apart(lines))
                else:
                    lines = _Lines(file, shown, LONGEST_ROW)
                    delimiter = "\t" if self.path.suffix.lower() == ".tsv" else ","
                    rows = csv.DictReader(lines, delimiter=delimiter, strict=True)
                    if COLUMN not in (rows.fieldnames or ()):
                        found = ", ".join(rows.fieldnames or ()) or "none"
                        raise ListError(
                            f"{shown} needs a column '{COLUMN}', found: {printable(found)}; name it so."
                        )
                    named = (row[COLUMN] or "" for row in lines.told_apart(rows))
                yield from (path for path in named if path.strip())
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise ListError(
                f"{shown} cannot be read as a list of files ({error}): save it as UTF-8, one path a line, or as CSV "
                f"with a column '{COLUMN}'."
            ) from error


class _Lines(Iterator[str]):
    """The lines of a file, of which those of one row have fewer than `longest` characters together.

    Raises:
        ListError: a row has more.
    """

    def __init__(self, file: IO[str], shown: str, longest: int) -> None:
        self._file, self._shown, self._longest = file, shown, longest
        self._of_this_row = 0

    def __next__(self) -> str:
        line = self._file.readline(self._longest - self._of_this_row)
        if not line:
            raise StopIteration
        part = "row" if self._of_this_row else "line"
        self._of_this_row += len(line)
        if self._of_this_row == self._longest:
            raise ListError(
                f"{self._shown} has a {part} of {self._longest:,} characters or more, which is no path: save it with one "
                "path a line."
            )
        return line

    def told_apart(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the rows that were made of these lines; with each, the next begins."""
        for row in rows:
            self._of_this_row = 0
            yield row


def _without_secrets(address: str) -> str:
    """Return what of an address may stand in a report: neither who asks for it nor its query."""
    protocol, _, rest = address.partition("?")[0].partition(MARK)
    host, slash, path = rest.partition("/")
    return printable(f"{protocol}{MARK}{host.rpartition('@')[2]}{slash}{path}")
