import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import images
from core.corpus import duplicates
from tests.corpus.conftest import draw


def distance(one: bytes, other: bytes) -> int:
    first, second = (duplicates.perceptual_hash(images.open(data)) for data in (one, other))
    return int(np.bitwise_count(first ^ second))


def test_a_resized_and_recompressed_copy_looks_alike():
    assert distance(draw(1, (400, 300)), draw(1, (200, 150), "JPEG", quality=60)) <= duplicates.NEAR


def test_different_pictures_do_not_look_alike():
    assert all(distance(draw(0), draw(other)) > duplicates.NEAR for other in range(1, 30))


@given(
    st.lists(st.integers(0, 2**64 - 1), max_size=40),
    st.lists(st.tuples(st.integers(0, 39), st.integers(0, 63)), max_size=30),
    st.integers(0, 64),
    st.integers(1, 50),
)
def test_near_pairs_are_those_a_plain_loop_finds(values, flips, radius, block):
    values += [values[of % len(values)] ^ (1 << bit) for of, bit in flips if values]
    hashes = np.array(values, np.uint64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "BLOCK", block)
        pairs, distances = duplicates.near_pairs(hashes, radius)
    expected = {
        (i, j): (values[i] ^ values[j]).bit_count()
        for i in range(len(values))
        for j in range(i + 1, len(values))
        if (values[i] ^ values[j]).bit_count() <= radius
    }
    assert dict(zip(map(tuple, pairs.tolist()), distances.tolist(), strict=True)) == expected


def test_linked_rows_share_a_component_and_others_do_not():
    component = duplicates.connected(6, np.array([[0, 3], [3, 5], [1, 2]]))
    assert component[0] == component[3] == component[5]
    assert component[1] == component[2]
    assert len({component[0], component[1], component[4]}) == 3


def test_rows_without_links_stand_alone():
    assert len(set(duplicates.connected(4, np.empty((0, 2), np.intp)))) == 4


def test_files_are_hashed_in_the_order_given(tmp_path):
    paths = [tmp_path / f"{n}.png" for n in range(6)]
    for n, path in enumerate(paths):
        path.write_bytes(draw(n))
    told = []
    hashes = duplicates.hash_files(paths, lambda done, total: told.append((done, total)))
    assert hashes.tolist() == [int(duplicates.perceptual_hash(images.open(path))) for path in paths]
    assert told == [(n, 6) for n in range(1, 7)]
