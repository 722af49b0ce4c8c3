"""Groups of pictures that look alike: the same picture resized, recompressed or slightly retouched."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from core.corpus.duplicates import NEAR, Hashes, connected

BITS = 64
MOST_COMPARED = 2**20
"""Pairs of hashes that are compared at once."""


def components(hashes: Hashes, radius: int = NEAR) -> NDArray[np.int32]:
    """Group rows whose hashes differ in at most `radius` bits, directly or through others, without comparing all pairs.

    Cut into `radius` + 1 pieces, two such hashes agree in at least one piece; only rows that share a piece are
    compared (Norouzi, Punjani and Fleet, Fast search in Hamming space with multi-index hashing, 2012). Of 40 000
    hashes by chance this takes an eighth of a second, where trees (BK, ball) have to visit most of their nodes.
    Memory grows with the number of rows and not with that of the pairs, of which pictures much alike have no end.

    Args:
        hashes: uint64 `[N]`.
        radius: largest Hamming distance, 1 to 63.

    Returns:
        int32 `[N]`, the same number for rows of the same group.
    """
    edges = np.linspace(0, BITS, radius + 2).astype(np.uint64)
    links = [np.empty((0, 2), np.intp)]
    for low, high in pairwise(edges):
        pieces = (hashes >> low) & ((np.uint64(1) << (high - low)) - np.uint64(1))
        order = np.argsort(pieces, kind="stable")
        starts = np.flatnonzero(np.diff(pieces[order])) + 1
        agreeing = (rows for rows in np.split(order, starts) if len(rows) > 1)
        links.extend(rows[_compared(hashes[rows], radius)] for rows in agreeing)
    return connected(len(hashes), np.concatenate(links))


def _compared(hashes: Hashes, radius: int) -> NDArray[np.intp]:
    """Group rows as `components` does, comparing all of them, some at a time.

    Returns:
        intp `[M, 2]`: each row that is not the first of its group, and the first; fewer than there are rows.
    """
    component = np.arange(len(hashes))
    at_once = max(1, MOST_COMPARED // len(hashes))
    for start in range(0, len(hashes), at_once):
        apart = np.bitwise_count(hashes[start : start + at_once, None] ^ hashes[None, start:])
        first, second = np.nonzero(apart <= radius)
        ahead = first < second
        if ahead.any():
            pairs = np.stack([component[first[ahead] + start], component[second[ahead] + start]], axis=1)
            component = connected(len(hashes), pairs).astype(np.intp)[component]
    _, first, of_each = np.unique(component, return_index=True, return_inverse=True)
    later = np.flatnonzero(first[of_each] != np.arange(len(hashes)))
    return np.stack([later, first[of_each[later]]], axis=1)


def groups_of(positions: NDArray[np.int64], hashes: Hashes) -> dict[int, int]:
    """Group pictures that look alike, directly or through others.

    Args:
        positions: of the pictures, ascending, int64 `[N]`.
        hashes: their perceptual hashes, uint64 `[N]`.

    Returns:
        The position of the group's first picture for each picture that has look-alikes.
    """
    different, of_each = np.unique(hashes, return_inverse=True)
    component = components(different)[of_each]
    _, first, of_group, sizes = np.unique(
        component, return_index=True, return_inverse=True, return_counts=True
    )
    shared = sizes[of_group] > 1
    return dict(zip(positions[shared].tolist(), positions[first[of_group[shared]]].tolist(), strict=True))
