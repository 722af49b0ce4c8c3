"""Where the images of a manifest lie on this computer: files named by the sha256 of their bytes.

Layout: `<root>/images/<first two hex digits>/<sha256>.<extension>`.
"""

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import platformdirs
from filelock import FileLock

from core import atomic, images
from core.errors import CorpusError
from core.named_paths import named_path

VARIABLE = "VERSO_CORPUS"
REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = REPOSITORY.parent / "shared" / "data"
EXTENSIONS = {
    "JPEG": "jpg",
    "PNG": "png",
    "WEBP": "webp",
    "TIFF": "tif",
    "BMP": "bmp",
    "GIF": "gif",
    "AVIF": "avif",
}


@dataclass(frozen=True)
class ImageCache:
    """A folder that new images go to, and further folders that are only read.

    `roots` are searched in order; `home` receives what `add` is given.
    """

    home: Path
    roots: Sequence[Path]

    @classmethod
    def default(cls, manifest: Path | str | None = None) -> Self:
        """The cache of this computer.

        Searched in order: the folder named by the environment variable `VERSO_CORPUS`, the manifest's own
        folder if it holds `images`, `../shared/data` beside the repository if it is there, and the user's
        cache folder. New images go to `VERSO_CORPUS`, or else to the user's cache folder.

        Raises:
            CorpusError: `VERSO_CORPUS` names something that is not a folder.
        """
        user = Path(platformdirs.user_cache_dir("verso")) / "corpus"
        chosen = _chosen()
        given = [] if manifest is None else [Path(manifest).parent]
        readable = [root for root in (*given, SHARED) if (root / "images").is_dir()]
        if chosen is None:
            return cls(home=user, roots=(*readable, user))
        return cls(home=chosen, roots=(chosen, *readable, user))

    def find(self, sha256: str) -> Path | None:
        """The file of an image in the first root that has it, or None. The bytes are not verified."""
        for root in self.roots:
            folder = root / "images" / sha256[:2]
            for extension in EXTENSIONS.values():
                path = folder / f"{sha256}.{extension}"
                if path.is_file():
                    return path
        return None

    def add(self, data: bytes) -> Path:
        """Decode `data` as an image, write it to `home` whole or not at all, and return where it lies.

        Adding the same bytes again changes nothing; a damaged file of that name is replaced. Safe to call
        from several threads and processes.

        Raises:
            ImageError: the bytes are not an image that Verso reads.
        """
        artwork = images.open(data)
        path = self.home / "images" / artwork.sha256[:2] / f"{artwork.sha256}.{EXTENSIONS[artwork.format]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.home / "add.lock"):
            if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != artwork.sha256:
                atomic.write(path, data)
        return path

    def paths(self, hashes: Iterable[str]) -> list[Path]:
        """The files of these images, one for each hash, in order; a hash given twice has its file twice.

        Raises:
            CorpusError: no root has some of them.
        """
        asked = list(hashes)
        found = {sha256: self.find(sha256) for sha256 in asked}
        there = {sha256: path for sha256, path in found.items() if path is not None}
        if len(there) < len(found):
            first = next(sha256 for sha256, path in found.items() if path is None)
            raise CorpusError(
                f"{len(found) - len(there)} of {len(found)} images are not on this computer (the first is {first}): "
                "fetch them with `python -m core corpus fetch github` (with `--manifest PATH` those of another manifest than the "
                "shipped one, with `--debian-mirror ADDRESS` those in packages of Debian too), or set "
                f"{VARIABLE} to the folder that has them."
            )
        return [there[sha256] for sha256 in asked]


def _chosen() -> Path | None:
    named = os.environ.get(VARIABLE, "")
    if not named:
        return None
    path = named_path(named)
    if path.exists() and not path.is_dir():
        raise CorpusError(f"{VARIABLE} is {named!r}: expected a folder for the images, found a file.")
    return path
