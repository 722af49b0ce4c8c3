"""Features: the numbers a classical model judges a picture by; recipe and card declare which.

A feature knows the picture as `Preprocessing` makes it, never its file: neither format nor size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError
from torch import Tensor

from core import images
from core.corpus.cache import ImageCache
from core.detectors import forensic, pixels
from core.detectors.embeddings import EmbeddingMemory
from core.detectors.encoder import Embedder, Encoder, load_encoder
from core.detectors.precision import Compute, on_every_core
from core.detectors.preprocessing import Preprocessing
from core.detectors.taps import JUST_POOLED, Tap, require_taps
from core.images import Artwork

BATCH = 16

Matrix = NDArray[np.float32] | NDArray[np.uint8]
"""Features of N pictures: `[N, size]`. Pixels are kept as grey levels in uint8, all else in float32."""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EmbeddingFeatures(_Table):
    """What `taps` of the frozen encoder give, concatenated; see `core.detectors.taps`.

    With `int8` its layers run in 8-bit integers where the CPU multiplies these natively.
    """

    kind: Literal["embedding"]
    taps: tuple[Tap, ...] = Field(default=JUST_POOLED, min_length=1)
    int8: bool = Field(default=False, exclude_if=lambda given: not given)

    @field_validator("taps")
    @classmethod
    def _are_distinct(cls, taps: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(taps)) < len(taps):
            raise PydanticCustomError("taps", "each tap may be named once")
        return taps


class PixelFeatures(_Table):
    """The pixels of the centre square, `side` pixels wide; see `core.detectors.pixels`."""

    kind: Literal["pixels"]
    side: int = Field(ge=32)


class ForensicFeatures(_Table):
    """Statistics made by hand; see `core.detectors.forensic`."""

    kind: Literal["forensic"]


DeclaredFeatures = EmbeddingFeatures | PixelFeatures | ForensicFeatures
"""As a recipe or a card declares them, told apart by `kind`."""


class Features(Protocol):
    """Makes the numbers."""

    @property
    def size(self) -> int:
        """Numbers per picture."""
        ...

    def of(self, artworks: Sequence[Artwork], preprocessing: Preprocessing) -> Matrix:
        """Return the features of artworks: `[N, size]`."""
        ...


class EncoderFeatures:
    """Embeddings in half precision, as `EmbeddingMemory` keeps them: a model judges what it was fitted on."""

    def __init__(self, encoder: Embedder, taps: tuple[str, ...] = JUST_POOLED) -> None:
        self.encoder = encoder
        self.taps = taps
        self.size = len(taps) * encoder.size

    def of(self, artworks: Sequence[Artwork], preprocessing: Preprocessing) -> NDArray[np.float32]:
        """Return float32 `[N, size]`."""
        return _as_remembered(self.encoder.embed(artworks, preprocessing, self.taps))

    def same_pass(self, other: EncoderFeatures) -> bool:
        """Whether both read the same taps off the same layers, which `load_encoder` may have lent to both."""
        first, second = self.encoder, other.encoder
        if not isinstance(first, Encoder) or not isinstance(second, Encoder):
            return False
        return self.taps == other.taps and first.network is second.network

    def of_windows(self, windows: Sequence[Tensor]) -> NDArray[np.float32]:
        """Return the same for pictures given as their windows, each float32 `[n, 3, side, side]`."""
        return _as_remembered(self.encoder.embed_each(windows, self.taps))


def _as_remembered(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    return embeddings.astype(np.float16).astype(np.float32)


def load_features(
    declared: DeclaredFeatures, compute: Compute | None = None, encoder: Embedder | None = None
) -> Features:
    """Return what makes the declared features; embeddings by `encoder`, or else by this computer's.

    Raises:
        EncoderError: if the encoder is needed and cannot be loaded, or lacks a tap.
    """
    if isinstance(declared, PixelFeatures):
        return pixels.Pixels(declared.side)
    if isinstance(declared, ForensicFeatures):
        return forensic.Forensic()
    encoder = encoder or load_encoder(compute, int8=declared.int8)
    require_taps(declared.taps, encoder.taps)
    return EncoderFeatures(encoder, declared.taps)


def features_of_files(
    features: Features,
    hashes: Sequence[str],
    files: ImageCache,
    preprocessing: Preprocessing,
    progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
) -> Matrix:
    """Return the features of pictures of a corpus: `[N, size]`; embeddings come from the memory.

    Raises:
        CorpusError: if pictures are not on this computer.
        EncoderError: if a file of the memory is damaged.
        ImageError: if a picture cannot be read.
    """
    if isinstance(features, EncoderFeatures):
        with EmbeddingMemory(features.encoder) as memory:
            return memory.embed_files(hashes, files, preprocessing, progress, features.taps)
    distinct = list(dict.fromkeys(hashes))
    paths = dict(zip(distinct, files.paths(distinct), strict=True))
    matrix = np.empty((len(hashes), features.size), features.of([], preprocessing).dtype)
    batches = [hashes[start : start + BATCH] for start in range(0, len(hashes), BATCH)]

    def features_in(batch: Sequence[str]) -> Matrix:
        return features.of([images.open(paths[sha256]) for sha256 in batch], preprocessing)

    done = 0
    for found in on_every_core(features_in, batches):
        matrix[done : done + len(found)] = found
        done += len(found)
        progress(done, len(hashes))
    return matrix
