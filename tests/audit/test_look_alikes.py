"""Groups of pictures that look alike."""

import tracemalloc

import numpy as np
import pytest

from core.audit import look_alikes
from core.audit.look_alikes import components, groups_of
from core.corpus.duplicates import connected, near_pairs


def hashes_with_neighbours(count):
    chance = np.random.default_rng(3)
    hashes = chance.integers(0, 2**64, count, dtype=np.uint64)
    flips = [sum(1 << int(bit) for bit in chance.choice(64, k, replace=False)) for k in range(1, 13)]
    neighbours = hashes[: len(flips)] ^ np.array(flips, np.uint64)
    return np.unique(np.concatenate([hashes, neighbours]))


def as_groups(component):
    return {frozenset(np.flatnonzero(component == each).tolist()) for each in component}


@pytest.mark.parametrize("radius", [1, 6, 10])
@pytest.mark.parametrize("compared", [look_alikes.MOST_COMPARED, 40])
def test_the_groups_are_those_of_comparing_all(radius, compared, monkeypatch):
    monkeypatch.setattr(look_alikes, "MOST_COMPARED", compared)
    hashes = hashes_with_neighbours(600)
    pairs, _ = near_pairs(hashes, radius)
    assert len(pairs)
    assert as_groups(components(hashes, radius)) == as_groups(connected(len(hashes), pairs))


def test_every_number_of_bits_up_to_the_radius_is_found_wherever_the_bits_are():
    chance = np.random.default_rng(0)
    for _ in range(200):
        bits = chance.choice(64, 6, replace=False)
        one = np.uint64(chance.integers(0, 2**63))
        other = one ^ np.uint64(sum(1 << int(bit) for bit in bits))
        first, second = components(np.array([one, other], np.uint64))
        assert first == second


def test_the_memory_is_not_that_of_all_pairs(monkeypatch):
    monkeypatch.setattr(look_alikes, "MOST_COMPARED", 2**16)
    chance = np.random.default_rng(1)
    flips = [sum(1 << int(bit) for bit in chance.choice(64, 3, replace=False)) for _ in range(3_000)]
    alike = np.unique(np.array(flips, np.uint64))
    tracemalloc.start()
    assert set(components(alike).tolist()) == {0}
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < len(alike) ** 2 * 16 / 8


def test_groups_join_through_others_and_are_named_by_their_first():
    hashes = np.array([0xFF00, 0, 0b111111, 0b111111_111111, 0xFF00], np.uint64)
    positions = np.array([3, 10, 11, 20, 30])
    assert groups_of(positions, hashes) == {3: 3, 30: 3, 10: 10, 11: 10, 20: 10}


def test_without_pictures_there_are_no_groups():
    assert groups_of(np.empty(0, np.int64), np.empty(0, np.uint64)) == {}


def test_the_same_look_a_thousand_times_is_one_group():
    assert set(groups_of(np.arange(1_000), np.full(1_000, 7, np.uint64)).values()) == {0}
