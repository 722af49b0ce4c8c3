"""Pictures that look alike: perceptual hashes and the clusters they form."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import imagehash
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from core import images
from core.images import Artwork

NEAR = 6
"""Two pictures look alike when their hashes differ in at most this many of 64 bits.

Measured on the 4 900 images of the shared corpus: all six pairs up to 4 bits apart come from one source each,
of the eight pairs at 6 bits one crosses sources and labels, and from 8 bits on chance resemblance takes over.
"""
BLOCK = 512

Hashes = NDArray[np.uint64]
Pairs = NDArray[np.intp]


def perceptual_hash(artwork: Artwork) -> np.uint64:
    """The 64-bit pHash of a picture: the signs of its lowest 8 x 8 DCT terms about their median.

    Pictures that were resized, recompressed or slightly retouched keep most bits. Source: Zauner,
    Implementation and Benchmarking of Perceptual Image Hash Functions (2010), as in the ImageHash library.
    """
    bits = imagehash.phash(artwork.image).hash
    return np.uint64(int.from_bytes(np.packbits(bits).tobytes(), "big"))


def hash_files(
    paths: Sequence[Path],
    progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
) -> Hashes:
    """The perceptual hashes of image files, read by one thread per core: uint64 `[N]`.

    Raises:
        ImageError: a file cannot be read as an image.
    """
    hashes = np.empty(len(paths), np.uint64)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for index, artwork_hash in enumerate(
            pool.map(lambda path: perceptual_hash(images.open(path)), paths)
        ):
            hashes[index] = artwork_hash
            progress(index + 1, len(paths))
    return hashes


def near_pairs(hashes: Hashes, radius: int = NEAR) -> tuple[Pairs, NDArray[np.uint8]]:
    """Every pair of rows whose hashes differ in at most `radius` bits.

    Args:
        hashes: uint64 `[N]`.
        radius: largest Hamming distance, 0 to 64.

    Returns:
        intp `[M, 2]` with the smaller row first, in row order, and the distance of each pair, uint8 `[M]`.
    """
    found, distances = [np.empty((0, 2), np.intp)], [np.empty(0, np.uint8)]
    for start in range(0, len(hashes), BLOCK):
        apart = np.bitwise_count(hashes[start : start + BLOCK, None] ^ hashes[None, start:])
        first, second = np.nonzero(apart <= radius)
        ahead = first < second
        first, second = first[ahead], second[ahead]
        found.append(np.stack([first, second], axis=1) + start)
        distances.append(apart[first, second])
    return np.concatenate(found), np.concatenate(distances)


def connected(size: int, pairs: Pairs) -> NDArray[np.int32]:
    """The component of each of `size` rows when `pairs` (intp `[M, 2]`) are linked: int32 `[size]`."""
    links = coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(size, size))
    _, component = connected_components(links, directed=False)
    return np.asarray(component, np.int32)
