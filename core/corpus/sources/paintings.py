"""The VGG Paintings Dataset (Crowley and Zisserman 2014), or any CSV that lists addresses of paintings.

E. J. Crowley and A. Zisserman, "In Search of Art", Workshop on Computer Vision for Art Analysis, ECCV 2014:
photographs of oil paintings in British public collections, published as a list of addresses.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from core.corpus.sources.base import Piece, piece
from core.corpus.sources.download import Downloader, is_address
from core.errors import SourceError
from core.images import EXTENSIONS

SAMPLE = 200
ONE_COLUMN = "\x1f"  # occurs nowhere, so that commas in the addresses of a plain list divide nothing


@dataclass(frozen=True)
class Painting:
    """One address of the list."""

    key: str
    stamp: str = ""


class Paintings:
    """Downloads every address of a list; all of them are human works.

    Args:
        listing: the CSV file, with or without a header.
        downloader: fetches the files.
        source: whose list it is.
        attestation: why its paintings are known to be by people.
        column: the name of the column with the addresses, or its number from 1; found if not given.
        medium: the technique of all paintings of the list.
        as_uniform: keep uniform copies instead of the files as they come.
    """

    refusals = "failures.csv"
    item_is = "address"

    def __init__(
        self,
        listing: Path,
        downloader: Downloader,
        *,
        source: str,
        attestation: str,
        column: str | None = None,
        medium: str = "oil",
        as_uniform: bool = False,
    ) -> None:
        self.name = f"paintings ({source}: {attestation}; {medium}, {'uniform copies' if as_uniform else 'files as they come'})"
        self._source = source
        self._attestation = attestation
        self._listing = listing
        self._downloader = downloader
        self._column = column
        self._medium = medium
        self._as_uniform = as_uniform

    def items(self) -> Sequence[Painting]:
        """The distinct addresses in file order; cells that are none are kept, to be refused by name."""
        return [Painting(address) for address in dict.fromkeys(addresses(self._listing, self._column))]

    def fetch(self, item: Painting) -> Piece:
        """Download one painting."""
        image = self._downloader.image(item.key)
        facts = {
            "label": "human",
            "medium": self._medium,
            "source": self._source,
            "source_path": urlsplit(item.key).path.lstrip("/") or item.key,
            "attestation": self._attestation,
            "source_url": item.key,
        }
        return piece(image, facts, as_uniform=self._as_uniform)

    def stop(self) -> None:
        """Repeat no request any more."""
        self._downloader.stop()


def addresses(listing: Path, column: str | None = None) -> list[str]:
    """The cells of the address column of a CSV file, without the header and without empty cells.

    Args:
        listing: the file; UTF-8, separated by commas, semicolons or tabs, with or without a header.
        column: the header of the column or its number from 1. Without it the column with the most
            addresses is taken; among equals, the one whose addresses end like image files.

    Raises:
        SourceError: the file cannot be read, the column is not there, or no column is the clear choice.
    """
    rows = _rows(listing)
    width = max((len(row) for row in rows), default=0)
    columns = [[row[at].strip() if at < len(row) else "" for row in rows] for at in range(width)]
    if not columns:
        raise SourceError(f"{listing} is empty: expected a CSV file with one address a row.")
    cells = columns[_chosen(columns, column, listing)]
    has_header = not is_address(cells[0]) and any(is_address(cell) for cell in cells[1:])
    return [cell for cell in cells[int(has_header) :] if cell]


def _rows(listing: Path) -> list[list[str]]:
    try:
        text = listing.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise SourceError(
            f"The list {listing} cannot be read ({error.strerror}): expected CSV with one address a row."
        ) from error
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{listing} is not UTF-8 text: expected a CSV file with one address a row; save it as UTF-8."
        ) from error
    first = text.partition("\n")[0]
    delimiter = max(ONE_COLUMN + ",;\t", key=first.count)
    try:
        return [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(row)]
    except csv.Error as error:
        raise SourceError(f"{listing} is not a CSV file ({error}): expected one address a row.") from error


def _chosen(columns: list[list[str]], column: str | None, listing: Path) -> int:
    header = [cells[0] for cells in columns]
    if column is not None:
        if column in header:
            return header.index(column)
        if column.isdecimal() and 1 <= int(column) <= len(columns):
            return int(column) - 1
        raise SourceError(
            f"{listing} has no column {column!r}: expected one of {', '.join(map(repr, header))}, "
            f"or a number from 1 to {len(columns)}."
        )
    scores = [_score(cells) for cells in columns]
    best = max(scores)
    if best[0] == 0:
        raise SourceError(f"{listing} has no column with http or https addresses: check that it is the list.")
    if scores.count(best) > 1:
        alike = ", ".join(repr(name) for name, score in zip(header, scores, strict=True) if score == best)
        raise SourceError(f"{listing} has several columns of addresses ({alike}): choose one with --column.")
    return scores.index(best)


def _score(cells: list[str]) -> tuple[int, int]:
    """How many of a column's first cells are addresses, and how many of those end like image files."""
    found = [cell for cell in cells[:SAMPLE] if is_address(cell)]
    ends = [Path(urlsplit(cell).path).suffix.lower() for cell in found]
    return len(found), sum(end in EXTENSIONS for end in ends)
