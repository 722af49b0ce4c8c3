"""Groups of pictures that look alike: the same picture resized, recompressed or slightly retouched."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from core.corpus.duplicates import NEAR, Hashes, Pairs, connected, near_pairs

BITS = 64


def near_pairs_of_many(hashes: Hashes, radius: int = NEAR) -> Pairs:
    """Every pair of rows whose hashes differ in at most `radius` bits, without comparing all pairs.

    Cut into `radius` + 1 pieces, two such hashes agree in at least one piece; only rows that share a piece are
    compared (Norouzi, Punjani and Fleet, Fast search in Hamming space with multi-index hashing, 2012). Of 40 000
    hashes by chance this takes a quarter of a second, where trees (BK, ball) have to visit most of their nodes.

    Args:
        hashes: uint64 `[N]`, all different.
        radius: largest Hamming distance, 1 to 63.

    Returns:
        intp `[M, 2]`, the smaller row first, each pair once, in row order.
    """
    edges = np.linspace(0, BITS, radius + 2).astype(np.uint64)
    found = [np.empty((0, 2), np.intp)]
    for low, high in pairwise(edges):
        pieces = (hashes >> low) & ((np.uint64(1) << (high - low)) - np.uint64(1))
        order = np.argsort(pieces, kind="stable")
        starts = np.flatnonzero(np.diff(pieces[order])) + 1
        found += [
            rows[near_pairs(hashes[rows], radius)[0]] for rows in np.split(order, starts) if len(rows) > 1
        ]
    return np.unique(np.concatenate(found), axis=0)


def groups_of(positions: NDArray[np.int64], hashes: Hashes) -> dict[int, int]:
    """Group pictures that look alike, directly or through others.

    Args:
        positions: of the pictures, ascending, int64 `[N]`.
        hashes: their perceptual hashes, uint64 `[N]`.

    Returns:
        The position of the group's first picture for each picture that has look-alikes.
    """
    different, of_each = np.unique(hashes, return_inverse=True)
    component = connected(len(different), near_pairs_of_many(different))[of_each]
    _, first, of_group, sizes = np.unique(
        component, return_index=True, return_inverse=True, return_counts=True
    )
    shared = sizes[of_group] > 1
    return dict(zip(positions[shared].tolist(), positions[first[of_group[shared]]].tolist(), strict=True))
