"""What is examined together."""

from core.audit.plan import CHUNK, Chunks


def test_chunks_are_filled_in_order():
    chunks = Chunks()
    assert [chunks.of(video=False) for _ in range(CHUNK + 1)] == [0] * CHUNK + [1]


def test_a_video_is_examined_by_itself():
    chunks = Chunks()
    kinds = [True, False, False, True, True, False]
    assert [chunks.of(video=kind) for kind in kinds] == [0, 1, 1, 2, 3, 4]
