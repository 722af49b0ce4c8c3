"""The published manifest, rebuilt: every original is fetched from where it is pinned, every copy made anew.

An original must have the sha256 that the manifest gives. Its copy must be the published file to the byte, as it
is where the same versions of Pillow and libjpeg made it; otherwise it is compared, where the published file is at
hand, and must be the same picture up to `uniform.TOLERANCE`.
"""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from core import images
from core.corpus import uniform
from core.corpus.cache import ImageCache
from core.corpus.manifest import DEBIAN, GITHUB, Manifest
from core.corpus.sources.base import Original, Piece
from core.corpus.sources.debian import Packages
from core.corpus.sources.download import Downloader
from core.errors import ImageError, ItemRefusedError

RAW = "https://raw.githubusercontent.com"
NAME = "github"


@dataclass(frozen=True)
class Pinned:
    """One row of the manifest, named by the sha256 of the published copy."""

    key: str
    row: Mapping[str, str | int]
    stamp: str = ""

    def __getitem__(self, column: str) -> str:
        return str(self.row[column])


class GitHub:
    """Fetches the originals of a manifest and makes their uniform copies.

    Args:
        manifest: the rows to rebuild.
        downloader: fetches the originals.
        packages: opens the Debian packages that hold some of them; without it these are refused.
        reference: where published copies may lie, to compare with.
        base: the address under which `owner/name/commit/path` gives a raw file.
    """

    name = NAME
    refusals = "failures.csv"
    item_is = "sha256"

    def __init__(
        self,
        manifest: Manifest,
        downloader: Downloader,
        packages: Packages | None,
        *,
        reference: ImageCache,
        base: str = RAW,
    ) -> None:
        self._manifest = manifest
        self._downloader = downloader
        self._packages = packages
        self._reference = reference
        self._base = base.rstrip("/")

    def items(self) -> Sequence[Pinned]:
        """The rows of the manifest."""
        rows = self._manifest.frame.to_dict("records")
        return [Pinned(str(row["sha256"]), {str(name): value for name, value in row.items()}) for row in rows]

    def fetch(self, item: Pinned) -> Piece:
        """Bring one original and make its copy."""
        original = self._original(item)
        found = hashlib.sha256(original).hexdigest()
        if item["original_sha256"] not in {"", found}:
            raise ItemRefusedError(
                f"{_place(item)} has sha256 {found}, expected {item['original_sha256']}: it is not the file that "
                "the manifest was made from.",
                final=True,
            )
        try:
            copy = uniform.copy(original, _box(item["crop"]), name=_place(item))
            return self._checked(copy, original, item)
        except ImageError as error:
            raise ItemRefusedError(str(error), final=True) from error

    def stop(self) -> None:
        """Repeat no request any more."""
        self._downloader.stop()
        if self._packages is not None:
            self._packages.stop()

    def _original(self, item: Pinned) -> bytes:
        if debian := DEBIAN.fullmatch(item["source"]):
            return self._from_package(debian["release"], debian["package"], item)
        if not GITHUB.fullmatch(item["source"]) or not item["commit"]:
            raise ItemRefusedError(
                f"{_place(item)} is neither pinned on GitHub nor in a Debian package: fetch it from its own source.",
                final=True,
            )
        return self._from_github(item).data

    def _from_github(self, item: Pinned) -> Original:
        refused: list[ItemRefusedError] = []
        for path in spellings(item["source_path"]):
            try:
                return self._downloader.image(f"{self._base}/{item['source']}/{item['commit']}/{quote(path)}")
            except ItemRefusedError as error:
                if not error.final:
                    raise
                refused.append(error)
        raise refused[0]

    def _from_package(self, release: str, package: str, item: Pinned) -> bytes:
        if self._packages is None:
            raise ItemRefusedError(
                f"{_place(item)} lies in a Debian package: give the address of an archive that has {release} as "
                "--debian-mirror.",
                final=False,
            )
        files = self._packages.files(release, package, self._paths_in(item["source"]))
        for path in spellings(item["source_path"]):
            if path in files:
                return files[path]
        raise ItemRefusedError(f"{_place(item)} is not in the package: it may have been updated.", final=True)

    def _paths_in(self, source: str) -> Collection[str]:
        frame = self._manifest.frame
        paths = frame.loc[frame["source"] == source, "source_path"]
        return {spelling for path in paths for spelling in spellings(str(path))}

    def _checked(self, copy: bytes, original: bytes, item: Pinned) -> Piece:
        for candidate in (copy, uniform.with_comment(copy, original)):
            if hashlib.sha256(candidate).hexdigest() == item.key:
                return Piece(candidate, item.row)
        artwork = images.open(copy)
        row = dict(item.row) | {"sha256": artwork.sha256, "width": artwork.width, "height": artwork.height}
        published = self._reference.find(item.key)
        if published is None:
            note = "Other bytes than the published copy, which is not at hand to compare with."
            return Piece(copy, row, note)
        off = uniform.difference(copy, published.read_bytes())
        if off > uniform.TOLERANCE:
            raise ItemRefusedError(
                f"The copy of {_place(item)} is {off:.2f} levels off the published one, expected at most "
                f"{uniform.TOLERANCE:g}: this version of Pillow makes other pictures.",
                final=True,
            )
        return Piece(copy, row, f"Other bytes than the published copy, and {off:.2f} of 255 levels off it.")


def spellings(path: str) -> Iterator[str]:
    """The paths that a `source_path` may stand for: in it, `__` and `/` can each be written for the other."""
    pieces = re.split(r"(__|/)", path)
    separators = range(1, len(pieces), 2)
    yield path
    seen = {path}
    changes = [separators, *([at] for at in separators)]
    for other in ("/", "__"):
        for change in changes:
            spelt = "".join(other if at in change else piece for at, piece in enumerate(pieces))
            if spelt not in seen:
                seen.add(spelt)
                yield spelt


def _place(item: Pinned) -> str:
    return f"{item['source']}: {item['source_path']}"


def _box(crop: str) -> uniform.Box | None:
    if not crop:
        return None
    x0, y0, x1, y1 = map(int, crop.split())
    return x0, y0, x1, y1
