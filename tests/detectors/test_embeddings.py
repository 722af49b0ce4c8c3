import json
import threading

import numpy as np
import pytest
import torch
from safetensors import safe_open

from core.corpus import manifest
from core.corpus.cache import ImageCache
from core.detectors import embeddings
from core.detectors.embeddings import EmbeddingMemory, memory_key
from core.detectors.preprocessing import Preprocessing
from core.errors import CorpusError, EncoderError

PREPROCESSING = Preprocessing(uniform_side=48, short_side=32, window=32)
BOTH = ("darkest", "mean")


class CountingEncoder:
    """Embeds a picture as its mean and its darkest colour, counts what it was asked, breaks after `limit`."""

    size = 3
    taps = BOTH

    def __init__(self, identity="a", limit=10_000):
        self.identity = self.remembered_as = identity
        self.limit = limit
        self.asked = 0

    def embed_each(self, windows, taps):
        assert taps == BOTH
        if self.asked + len(windows) > self.limit:
            raise KeyboardInterrupt
        self.asked += len(windows)
        read = [torch.stack([each.amin(dim=(0, 2, 3)), each.mean(dim=(0, 2, 3))]) for each in windows]
        return torch.nn.functional.normalize(torch.stack(read), dim=2).flatten(1).numpy()


@pytest.fixture
def corpus(studio):
    rows = manifest.read(studio.manifest).frame
    return list(rows["sha256"]), ImageCache(studio.folder, [studio.folder])


def test_each_picture_is_embedded_once(corpus, tmp_path):
    hashes, files = corpus
    first, second = CountingEncoder(), CountingEncoder()
    with EmbeddingMemory(first, tmp_path) as memory:
        made = memory.embed_files([*hashes, hashes[0]], files, PREPROCESSING, taps=BOTH)
    with EmbeddingMemory(second, tmp_path) as memory:
        remembered = memory.embed_files([*hashes, hashes[0]], files, PREPROCESSING, taps=BOTH)
    assert (first.asked, second.asked) == (len(hashes), 0)
    np.testing.assert_array_equal(made, remembered)
    np.testing.assert_array_equal(made[0], made[-1])


def test_what_is_remembered_is_what_the_encoder_gives_in_half_precision(corpus, tmp_path, encoder):
    hashes, files = corpus
    taps = ("spread-1", "pooled")
    with EmbeddingMemory(encoder, tmp_path) as memory:
        remembered = memory.embed_files(hashes[:20], files, PREPROCESSING, taps=taps)
    windows = [PREPROCESSING.tensor(embeddings.images.open(path).image) for path in files.paths(hashes[:20])]
    np.testing.assert_allclose(remembered, encoder.embed_each(windows, taps), atol=3e-4)
    assert remembered.dtype == np.float32


def test_any_taps_are_read_in_any_order(corpus, tmp_path):
    hashes, files = corpus
    with EmbeddingMemory(CountingEncoder(), tmp_path) as memory:
        both = memory.embed_files(hashes, files, PREPROCESSING, taps=BOTH)
        swapped = memory.embed_files(hashes, files, PREPROCESSING, taps=BOTH[::-1])
        one = memory.embed_files(hashes, files, PREPROCESSING, taps=("mean",))
        with pytest.raises(EncoderError, match="no tap 'pooled'; choose among darkest, mean"):
            memory.embed_files(hashes, files, PREPROCESSING)
    np.testing.assert_array_equal(both[:, 3:], one)
    np.testing.assert_array_equal(swapped, np.hstack([both[:, 3:], both[:, :3]]))


def test_rows_follow_the_order_asked_for(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(embeddings, "SHARD", 20)
    hashes, files = corpus
    with EmbeddingMemory(CountingEncoder(), tmp_path) as memory:
        forwards = memory.embed_files(hashes, files, PREPROCESSING, taps=BOTH)
        backwards = memory.embed_files(hashes[::-1], files, PREPROCESSING, taps=BOTH)
    np.testing.assert_array_equal(forwards, backwards[::-1])
    assert len(np.unique(forwards, axis=0)) == len(hashes)


def test_an_interrupted_run_goes_on_where_it_stopped(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(embeddings, "SHARD", 16)
    hashes, files = corpus
    stopped = CountingEncoder(limit=40)
    with pytest.raises(KeyboardInterrupt), EmbeddingMemory(stopped, tmp_path) as memory:
        memory.embed_files(hashes, files, PREPROCESSING, taps=BOTH)
    resumed = CountingEncoder()
    with EmbeddingMemory(resumed, tmp_path) as memory:
        memory.embed_files(hashes, files, PREPROCESSING, taps=BOTH)
    assert stopped.asked + resumed.asked == len(hashes)
    assert stopped.asked


def test_a_kill_leaves_what_was_written(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(embeddings, "SHARD", 16)
    hashes, files = corpus
    killed = EmbeddingMemory(CountingEncoder(limit=40), tmp_path)  # never left: nothing is written at the end
    with pytest.raises(KeyboardInterrupt):
        killed.embed_files(hashes, files, PREPROCESSING, taps=BOTH)
    (folder,) = tmp_path.iterdir()
    (folder / ".half.safetensors.part").write_bytes(b"half a shard")
    resumed = CountingEncoder()
    with EmbeddingMemory(resumed, tmp_path) as memory:
        memory.embed_files(hashes, files, PREPROCESSING, taps=BOTH)
    assert resumed.asked == len(hashes) - 32


def test_what_is_written_is_never_written_again(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(embeddings, "SHARD", 16)
    hashes, files = corpus
    with EmbeddingMemory(CountingEncoder(), tmp_path) as memory:
        memory.embed_files(hashes[:32], files, PREPROCESSING, taps=BOTH)
        before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*.safetensors")}
        memory.embed_files(hashes, files, PREPROCESSING, taps=BOTH)
    after = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*.safetensors")}
    assert len(before) == 2
    assert len(after) == 6
    assert before.items() <= after.items()


def test_the_format_is_the_one_written_down(corpus, tmp_path):
    hashes, files = corpus
    with EmbeddingMemory(CountingEncoder(), tmp_path) as memory:
        made = memory.embed_files(hashes[:5], files, PREPROCESSING, taps=BOTH)
    (path,) = (tmp_path / memory_key("a", PREPROCESSING)).glob("*.safetensors")
    with safe_open(path, framework="numpy") as shard:
        assert json.loads(shard.metadata()["keys"]) == hashes[:5]
        assert set(shard.keys()) == set(BOTH)
        assert shard.get_tensor("mean").dtype == np.float16
        np.testing.assert_array_equal(shard.get_tensor("mean"), made[:, 3:])


@pytest.mark.parametrize(
    ("identity", "preprocessing"),
    [("b", PREPROCESSING), ("a", PREPROCESSING.model_copy(update={"windows": 2}))],
)
def test_other_weights_or_preprocessing_are_not_mixed(corpus, tmp_path, identity, preprocessing):
    hashes, files = corpus
    with EmbeddingMemory(CountingEncoder(), tmp_path) as memory:
        memory.embed_files(hashes, files, PREPROCESSING, taps=BOTH)
    other = CountingEncoder(identity)
    with EmbeddingMemory(other, tmp_path) as memory:
        memory.embed_files(hashes, files, preprocessing, taps=BOTH)
    assert other.asked == len(hashes)


def test_what_other_libraries_made_of_pictures_is_not_taken_for_what_these_make(
    corpus, tmp_path, monkeypatch
):
    hashes, files = corpus
    with EmbeddingMemory(CountingEncoder(), tmp_path) as memory:
        memory.embed_files(hashes, files, PREPROCESSING, taps=BOTH)
    monkeypatch.setattr(embeddings, "LIBRARIES", "Pillow 99")
    other = CountingEncoder()
    with EmbeddingMemory(other, tmp_path) as memory:
        memory.embed_files(hashes, files, PREPROCESSING, taps=BOTH)
    assert other.asked == len(hashes)


def test_memories_that_write_at_once_lose_nothing(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(embeddings, "SHARD", 4)
    hashes, files = corpus
    parts = [hashes[:60], hashes[20:80], hashes[40:], hashes[:60]]

    def embed(part):
        with EmbeddingMemory(CountingEncoder(), tmp_path) as memory:
            memory.embed_files(part, files, PREPROCESSING, taps=BOTH)

    threads = [threading.Thread(target=embed, args=(part,)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    last = CountingEncoder()
    with EmbeddingMemory(last, tmp_path) as memory:
        assert len(memory.embed_files(hashes, files, PREPROCESSING, taps=BOTH)) == len(hashes)
    assert last.asked == 0


def test_what_another_has_written_meanwhile_is_noticed(corpus, tmp_path):
    hashes, files = corpus
    late = CountingEncoder()
    with EmbeddingMemory(late, tmp_path) as memory:
        memory.embed_files(hashes[:10], files, PREPROCESSING, taps=BOTH)
        with EmbeddingMemory(CountingEncoder(), tmp_path) as other:
            other.embed_files(hashes[10:], files, PREPROCESSING, taps=BOTH)
        memory.embed_files(hashes, files, PREPROCESSING, taps=BOTH)
    assert late.asked == 10


def test_views_are_told_apart_by_their_keys(corpus, tmp_path):
    hashes, files = corpus
    keys = [f"{sha256}:dark" for sha256 in hashes]
    encoder = CountingEncoder()

    def dark(picture, _):
        return PREPROCESSING.tensor(picture) - 1

    with EmbeddingMemory(encoder, tmp_path) as memory:
        clean = memory.embed_files(hashes, files, PREPROCESSING, taps=BOTH)
        views = memory.embed_views(keys, hashes, files, PREPROCESSING, dark, taps=BOTH)
        again = memory.embed_views(keys[:3] * 2, hashes[:3] * 2, files, PREPROCESSING, dark, taps=BOTH)
    assert encoder.asked == 2 * len(hashes)
    assert not np.allclose(clean, views)
    np.testing.assert_array_equal(again, np.concatenate([views[:3]] * 2))


def test_progress_counts_what_was_remembered(corpus, tmp_path):
    hashes, files = corpus
    with EmbeddingMemory(CountingEncoder(), tmp_path) as memory:
        memory.embed_files(hashes[:20], files, PREPROCESSING, taps=BOTH)
        seen = []
        memory.embed_files(
            hashes, files, PREPROCESSING, lambda done, total: seen.append((done, total)), taps=BOTH
        )
    assert seen[0][0] > 20
    assert seen[-1] == (len(hashes), len(hashes))


def test_nothing_asked_for_gives_nothing(corpus, tmp_path):
    with EmbeddingMemory(CountingEncoder(), tmp_path) as memory:
        assert memory.embed_files([], corpus[1], PREPROCESSING, taps=BOTH).shape == (0, 6)
    assert not any(tmp_path.iterdir())


def test_missing_pictures_are_named(corpus, tmp_path):
    _, files = corpus
    with EmbeddingMemory(CountingEncoder(), tmp_path) as memory, pytest.raises(CorpusError, match="f" * 64):
        memory.embed_files(["f" * 64], files, PREPROCESSING, taps=BOTH)


@pytest.mark.parametrize("damage", [b"not a shard", b""])
def test_a_damaged_file_says_what_to_do(corpus, tmp_path, damage):
    hashes, files = corpus
    with EmbeddingMemory(CountingEncoder(), tmp_path) as memory:
        memory.embed_files(hashes, files, PREPROCESSING, taps=BOTH)
    (written,) = tmp_path.glob("*/*.safetensors")
    written.write_bytes(damage)
    with (
        EmbeddingMemory(CountingEncoder(), tmp_path) as memory,
        pytest.raises(EncoderError, match="delete the file"),
    ):
        memory.embed_files(hashes, files, PREPROCESSING, taps=BOTH)
