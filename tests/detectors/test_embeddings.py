import numpy as np
import pytest

from core import images
from core.corpus import manifest
from core.corpus.cache import ImageCache
from core.detectors import embeddings
from core.detectors.embeddings import EmbeddingMemory
from core.detectors.preprocessing import Preprocessing
from core.errors import CorpusError, EncoderError

PREPROCESSING = Preprocessing(uniform_side=48, short_side=32, window=32)


class CountingEncoder:
    """Embeds a picture as its mean colour and remembers what it was asked; breaks after `limit` pictures."""

    size = 3

    def __init__(self, identity="a", limit=10_000):
        self.identity = identity
        self.limit = limit
        self.asked = []

    def embed(self, artworks, preprocessing):  # noqa: ARG002
        if len(self.asked) + len(artworks) > self.limit:
            raise KeyboardInterrupt
        self.asked += [artwork.sha256 for artwork in artworks]
        means = [np.asarray(artwork.image, np.float32).mean(axis=(0, 1)) for artwork in artworks]
        return np.stack([mean / np.linalg.norm(mean) for mean in means])


@pytest.fixture
def corpus(studio):
    rows = manifest.read(studio.manifest).frame
    return list(rows["sha256"]), ImageCache(studio.folder, [studio.folder])


def test_each_picture_is_embedded_once(corpus, tmp_path):
    hashes, files = corpus
    first, second = CountingEncoder(), CountingEncoder()
    with EmbeddingMemory(first, tmp_path) as memory:
        made = memory.embed_files([*hashes, hashes[0]], files, PREPROCESSING)
    with EmbeddingMemory(second, tmp_path) as memory:
        remembered = memory.embed_files([*hashes, hashes[0]], files, PREPROCESSING)
    assert sorted(first.asked) == sorted(hashes)
    assert second.asked == []
    np.testing.assert_array_equal(made, remembered)
    np.testing.assert_array_equal(made[0], made[-1])


def test_rows_follow_the_order_asked_for(corpus, tmp_path):
    hashes, files = corpus
    with EmbeddingMemory(CountingEncoder(), tmp_path) as memory:
        forwards = memory.embed_files(hashes, files, PREPROCESSING)
        backwards = memory.embed_files(hashes[::-1], files, PREPROCESSING)
    np.testing.assert_array_equal(forwards, backwards[::-1])


def test_an_interrupted_run_goes_on_where_it_stopped(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(embeddings, "SAVE_EVERY", 16)
    hashes, files = corpus
    stopped = CountingEncoder(limit=40)
    with pytest.raises(KeyboardInterrupt), EmbeddingMemory(stopped, tmp_path) as memory:
        memory.embed_files(hashes, files, PREPROCESSING)
    resumed = CountingEncoder()
    with EmbeddingMemory(resumed, tmp_path) as memory:
        memory.embed_files(hashes, files, PREPROCESSING)
    assert sorted(stopped.asked + resumed.asked) == sorted(hashes)
    assert stopped.asked


@pytest.mark.parametrize(
    ("identity", "preprocessing"),
    [("b", PREPROCESSING), ("a", PREPROCESSING.model_copy(update={"windows": 2}))],
)
def test_other_weights_or_preprocessing_are_not_mixed(corpus, tmp_path, identity, preprocessing):
    hashes, files = corpus
    with EmbeddingMemory(CountingEncoder(), tmp_path) as memory:
        memory.embed_files(hashes, files, PREPROCESSING)
    other = CountingEncoder(identity)
    with EmbeddingMemory(other, tmp_path) as memory:
        memory.embed_files(hashes, files, preprocessing)
    assert len(other.asked) == len(hashes)


def test_two_memories_keep_what_the_other_wrote(corpus, tmp_path):
    hashes, files = corpus
    with (
        EmbeddingMemory(CountingEncoder(), tmp_path) as one,
        EmbeddingMemory(CountingEncoder(), tmp_path) as other,
    ):
        one.embed_files(hashes[:10], files, PREPROCESSING)
        other.embed_files(hashes[10:], files, PREPROCESSING)
    third = CountingEncoder()
    with EmbeddingMemory(third, tmp_path) as memory:
        memory.embed_files(hashes, files, PREPROCESSING)
    assert third.asked == []


def test_progress_counts_what_was_remembered(corpus, tmp_path):
    hashes, files = corpus
    with EmbeddingMemory(CountingEncoder(), tmp_path) as memory:
        memory.embed_files(hashes[:20], files, PREPROCESSING)
        seen = []
        memory.embed_files(hashes, files, PREPROCESSING, lambda done, total: seen.append((done, total)))
    assert seen[0][0] > 20
    assert seen[-1] == (len(hashes), len(hashes))


def test_missing_pictures_are_named(corpus, tmp_path):
    _, files = corpus
    with EmbeddingMemory(CountingEncoder(), tmp_path) as memory, pytest.raises(CorpusError, match="f" * 64):
        memory.embed_files(["f" * 64], files, PREPROCESSING)


def test_a_damaged_file_says_what_to_do(tmp_path, drawings):
    artwork = images.open(drawings.file(drawings.painting()))
    with EmbeddingMemory(CountingEncoder(), tmp_path) as memory:
        memory.embed([artwork], PREPROCESSING)
    (written,) = tmp_path.glob("*.npz")
    written.write_bytes(b"not an archive")
    with (
        EmbeddingMemory(CountingEncoder(), tmp_path) as memory,
        pytest.raises(EncoderError, match="delete the file"),
    ):
        memory.embed([artwork], PREPROCESSING)
