"""Remembers embeddings, so that heads are fitted and evaluated in seconds."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from core import images
from core.cache_folder import cache_folder
from core.corpus import atomic
from core.corpus.cache import ImageCache
from core.detectors.encoder import Embedder
from core.detectors.preprocessing import Preprocessing
from core.errors import EncoderError
from core.images import Artwork

SAVE_EVERY = 256
BATCH = 16

Embeddings = NDArray[np.float32]


class EmbeddingMemory:
    """An encoder that embeds each picture once: the others come from a file in the user's cache.

    Entries are found by the sha256 of the picture's file; a file holds those of one encoder and one
    preprocessing. New entries are saved every `SAVE_EVERY` pictures and when the `with` block ends, so that
    an interrupted run goes on where it stopped. Meant for corpora: what users upload is not to be remembered.
    """

    def __init__(self, encoder: Embedder, folder: Path | None = None) -> None:
        self.encoder = encoder
        self.folder = folder or cache_folder("embeddings")
        self._known: dict[Path, dict[str, Embeddings]] = {}
        self._unsaved: dict[Path, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for path, count in self._unsaved.items():
            if count:
                self._save(path)

    @property
    def identity(self) -> str:
        """That of the encoder."""
        return self.encoder.identity

    @property
    def size(self) -> int:
        """That of the encoder."""
        return self.encoder.size

    def embed(self, artworks: Sequence[Artwork], preprocessing: Preprocessing) -> Embeddings:
        """Return what the encoder's `embed` returns."""
        path = self._path(preprocessing)
        known = self._entries(path)
        new = {artwork.sha256: artwork for artwork in artworks if artwork.sha256 not in known}
        if new:
            found = self.encoder.embed(list(new.values()), preprocessing)
            known.update(zip(new, found, strict=True))
            self._unsaved[path] += len(new)
            if self._unsaved[path] >= SAVE_EVERY:
                self._save(path)
        return self._rows(known, [artwork.sha256 for artwork in artworks])

    def embed_files(
        self,
        hashes: Sequence[str],
        files: ImageCache,
        preprocessing: Preprocessing,
        progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
    ) -> Embeddings:
        """Embed pictures of a corpus, opening only those not embedded before.

        Args:
            hashes: sha256 of each file `[N]`.
            files: where they lie.
            preprocessing: what the encoder is fed.
            progress: told (pictures embedded, pictures in all).

        Returns:
            float32 `[N, size]`, each row of length 1.

        Raises:
            CorpusError: if pictures that were not embedded before are not on this computer.
            ImageError: if one of them cannot be read.
        """
        known = self._entries(self._path(preprocessing))
        new = [sha256 for sha256 in dict.fromkeys(hashes) if sha256 not in known]
        paths = files.paths(new)
        for start in range(0, len(paths), BATCH):
            self.embed([images.open(path) for path in paths[start : start + BATCH]], preprocessing)
            progress(len(hashes) - len(new) + min(start + BATCH, len(new)), len(hashes))
        progress(len(hashes), len(hashes))
        return self._rows(known, hashes)

    def _rows(self, known: dict[str, Embeddings], hashes: Sequence[str]) -> Embeddings:
        if not hashes:
            return np.empty((0, self.size), np.float32)
        return np.stack([known[sha256] for sha256 in hashes])

    def _path(self, preprocessing: Preprocessing) -> Path:
        key = hashlib.sha256((self.identity + preprocessing.model_dump_json()).encode()).hexdigest()
        return self.folder / f"{key[:16]}.npz"

    def _entries(self, path: Path) -> dict[str, Embeddings]:
        if path not in self._known:
            self._known[path] = _read(path)
            self._unsaved[path] = 0
        return self._known[path]

    def _save(self, path: Path) -> None:
        """Write what is known, together with what another process has written meanwhile."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            known = _read(path) | self._known[path]
            buffer = io.BytesIO()
            np.savez(buffer, sha256=np.array(list(known)), embeddings=np.stack(list(known.values())))
            atomic.write(path, buffer.getvalue())
        self._unsaved[path] = 0


def _read(path: Path) -> dict[str, Embeddings]:
    if not path.exists():
        return {}
    try:
        with np.load(path, allow_pickle=False) as saved:
            hashes, embeddings = saved["sha256"], saved["embeddings"]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise EncoderError(
            f"The remembered embeddings {path} cannot be read ({error}); delete the file to make them again."
        ) from error
    return dict(zip(hashes.tolist(), embeddings, strict=True))
