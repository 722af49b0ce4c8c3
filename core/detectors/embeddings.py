"""Remembers embeddings, so that heads are fitted and evaluated in seconds.

On disk, below the folder `embeddings` of the user's cache:

- one folder per encoder and preprocessing, named `memory_key(encoder, preprocessing)`: the first 16 hex digits
  of the sha256 of what the encoder is `remembered_as`, `LIBRARIES` and the preprocessing's compact JSON, a line each;
- in it, shards: safetensors files that are written once, whole, and never changed. A shard has one tensor for
  each of the encoder's taps, named like the tap: float16 `[n, size]`, row i what the tap gives for picture i,
  averaged over the picture's windows, then scaled to length 1. Its metadata has `keys`: a JSON list of the n
  keys, in order. Its name is the first 32 hex digits of the sha256 of that JSON, and `.safetensors`.

The key of a picture of a corpus is the sha256 of its file; that of an augmented view is whatever string tells it
apart (see `core.training.views`). A key that stands in several shards means the same everywhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from torch import Tensor

from core import atomic, images
from core.cache_folder import cache_folder
from core.corpus.cache import ImageCache
from core.detectors.encoder import Embedder
from core.detectors.precision import on_every_core
from core.detectors.preprocessing import LIBRARIES, Preprocessing
from core.detectors.taps import JUST_POOLED, require_taps
from core.errors import EncoderError

SHARD = 256
"""Pictures after which what is new is written to a shard."""

BATCH = 16
SUFFIX = ".safetensors"
KEYS = "keys"

Embeddings = NDArray[np.float32]
Half = NDArray[np.float16]
View = Callable[[Image.Image, str], Tensor]
"""Makes float32 windows `[n, 3, side, side]` of a picture and the sha256 of its file."""


def memory_key(encoder: str, preprocessing: Preprocessing) -> str:
    """Return the name of the folder for the embeddings of one encoder, as it is remembered, and one preprocessing."""
    decided_by = f"{encoder}\n{LIBRARIES}\n{preprocessing.model_dump_json()}"
    return hashlib.sha256(decided_by.encode()).hexdigest()[:16]


class EmbeddingMemory:
    """An encoder that embeds each picture of a corpus once, with all its taps.

    What is new is written every `SHARD` pictures and when the `with` block ends, so that an interrupted run
    goes on where it stopped; several processes may share the folder. What users upload is not to be remembered.
    """

    def __init__(self, encoder: Embedder, folder: Path | None = None) -> None:
        self.encoder = encoder
        self.folder = folder or cache_folder("embeddings")
        self._shelves: dict[str, _Shelf] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for shelf in self._shelves.values():
            shelf.save()

    def embed_files(
        self,
        hashes: Sequence[str],
        files: ImageCache,
        preprocessing: Preprocessing,
        progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
        taps: tuple[str, ...] = JUST_POOLED,
    ) -> Embeddings:
        """Embed pictures of a corpus, opening only those not embedded before.

        Args:
            hashes: sha256 of each file `[N]`.
            files: where they lie.
            preprocessing: what the encoder is fed.
            progress: told (pictures embedded, pictures in all).
            taps: which to return; all are remembered.

        Returns:
            float32 `[N, len(taps) * size]`, what each tap gives of length 1, in half precision.

        Raises:
            CorpusError: if pictures that were not embedded before are not on this computer.
            EncoderError: if there is no such tap, or a file of the memory is damaged.
            ImageError: if one of the pictures cannot be read.
        """
        return self.embed_views(
            hashes,
            hashes,
            files,
            preprocessing,
            lambda picture, _: preprocessing.tensor(picture),
            progress=progress,
            taps=taps,
        )

    def embed_views(
        self,
        keys: Sequence[str],
        hashes: Sequence[str],
        files: ImageCache,
        preprocessing: Preprocessing,
        view: View,
        *,
        progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
        taps: tuple[str, ...] = JUST_POOLED,
    ) -> Embeddings:
        """Embed what `view` makes of pictures of a corpus; see `embed_files`.

        Args:
            keys: what tells each view apart from every other `[N]`.
            hashes: sha256 of the file each view is made of `[N]`.
            files: where they lie.
            preprocessing: what the views were derived from.
            view: makes the windows, the same whenever it is asked for the same picture; always in this thread.
            progress: told (views embedded, views in all).
            taps: which to return; all are remembered.
        """
        shelf = self._shelf(preprocessing)
        pictures = dict(zip(keys, hashes, strict=True))
        new = [key for key in pictures if key not in shelf]
        needed = list(dict.fromkeys(pictures[key] for key in new))
        paths = dict(zip(needed, files.paths(needed), strict=True))
        batches = [new[start : start + BATCH] for start in range(0, len(new), BATCH)]
        viewed = (
            [view(images.open(paths[pictures[key]]).image, pictures[key]) for key in batch]
            for batch in batches
        )
        known = len(keys) - len(new)
        embedded = on_every_core(lambda windows: self.encoder.embed_each(windows, self.encoder.taps), viewed)
        for batch, embeddings in zip(batches, embedded, strict=True):
            shelf.add(batch, embeddings)
            known += len(batch)
            progress(known, len(keys))
        progress(len(keys), len(keys))
        return shelf.rows(keys, taps)

    def _shelf(self, preprocessing: Preprocessing) -> _Shelf:
        key = memory_key(self.encoder.remembered_as, preprocessing)
        if key not in self._shelves:
            self._shelves[key] = _Shelf(self.folder / key, self.encoder.taps, self.encoder.size)
        self._shelves[key].look()
        return self._shelves[key]


class _Shelf:
    """The shards of one encoder and one preprocessing, and what is not written yet."""

    def __init__(self, folder: Path, taps: tuple[str, ...], size: int) -> None:
        self.folder = folder
        self.taps = taps
        self.size = size
        self._places: dict[str, tuple[Path, int]] = {}
        self._looked_at: set[Path] = set()
        self._unsaved: dict[str, Half] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._places or key in self._unsaved

    def look(self) -> None:
        """Take notice of shards written since the last look, by whatever process."""
        for path in sorted(set(self.folder.glob(f"[!.]*{SUFFIX}")) - self._looked_at):
            self._notice(path, _keys(path))

    def _notice(self, path: Path, keys: Sequence[str]) -> None:
        self._places |= {key: (path, row) for row, key in enumerate(keys)}
        self._looked_at.add(path)

    def add(self, keys: Sequence[str], embeddings: Embeddings) -> None:
        """Keep float32 `[N, len(self.taps) * size]`."""
        halves = embeddings.astype(np.float16).reshape(len(keys), len(self.taps), self.size)
        self._unsaved |= dict(zip(keys, halves, strict=True))
        if len(self._unsaved) >= SHARD:
            self.save()

    def save(self) -> None:
        """Write what is not written yet to a shard of its own."""
        if not self._unsaved:
            return
        keys = list(self._unsaved)
        values = np.stack(list(self._unsaved.values()))
        listed = json.dumps(keys)
        path = self.folder / (hashlib.sha256(listed.encode()).hexdigest()[:32] + SUFFIX)
        tensors = {tap: np.ascontiguousarray(values[:, row]) for row, tap in enumerate(self.taps)}
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / "write.lock"):
            atomic.write(path, save(tensors, metadata={KEYS: listed}))
        self._notice(path, keys)
        self._unsaved = {}

    def rows(self, keys: Sequence[str], taps: tuple[str, ...]) -> Embeddings:
        """Return float32 `[N, len(taps) * size]`, reading nothing but these taps."""
        require_taps(taps, self.taps)
        found = np.empty((len(keys), len(taps), self.size), np.float32)
        in_shard: dict[Path, list[tuple[int, int]]] = {}
        for position, key in enumerate(keys):
            if key in self._places:
                path, row = self._places[key]
                in_shard.setdefault(path, []).append((position, row))
            else:
                found[position] = self._unsaved[key][[self.taps.index(tap) for tap in taps]]
        for path, places in in_shard.items():
            positions, rows = np.array(places).T
            found[positions] = _read(path, rows, taps)
        return found.reshape(len(keys), len(taps) * self.size)


def _keys(path: Path) -> list[str]:
    try:
        with safe_open(path, framework="numpy") as shard:
            keys: list[str] = json.loads(shard.metadata()[KEYS])
    except (OSError, SafetensorError, TypeError, ValueError, KeyError) as error:
        raise _damaged(path, error) from error
    return keys


def _read(path: Path, rows: NDArray[np.intp], taps: tuple[str, ...]) -> Half:
    """Return float16 `[rows, taps, size]`."""
    try:
        with safe_open(path, framework="numpy") as shard:
            return np.stack([shard.get_tensor(tap)[rows] for tap in taps], axis=1)
    except (OSError, SafetensorError, ValueError, IndexError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> EncoderError:
    return EncoderError(
        f"The remembered embeddings {path} cannot be read ({error}); delete the file to make them again."
    )
