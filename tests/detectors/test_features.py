import numpy as np
import pytest

from core import images
from core.corpus import manifest
from core.corpus.cache import ImageCache
from core.detectors.features import (
    EmbeddingFeatures,
    ForensicFeatures,
    PixelFeatures,
    features_of_files,
    load_features,
)
from core.detectors.preprocessing import Preprocessing
from core.errors import CorpusError, EncoderError, ModelError

PREPROCESSING = Preprocessing(uniform_side=48, short_side=32, window=32)
PIXELS = PixelFeatures(kind="pixels", side=32)
DECLARED = [
    EmbeddingFeatures(kind="embedding", taps=("spread-1", "pooled")),
    PIXELS,
    ForensicFeatures(kind="forensic"),
]


@pytest.fixture
def artworks(drawings):
    sizes = [(64, 48), (48, 64), (200, 90)]
    return [images.open(drawings.file(drawings.painting(size, i))) for i, size in enumerate(sizes)]


@pytest.mark.parametrize("declared", DECLARED, ids=lambda declared: declared.kind)
def test_features_have_the_size_they_say(encoder, artworks, declared):
    features = load_features(declared, encoder=encoder)
    found = features.of(artworks, PREPROCESSING)
    assert found.shape == (3, features.size)
    assert len(np.unique(found, axis=0)) == 3
    nothing = features.of([], PREPROCESSING)
    assert (nothing.shape, nothing.dtype) == ((0, features.size), found.dtype)


@pytest.mark.parametrize("declared", DECLARED, ids=lambda declared: declared.kind)
def test_files_of_a_corpus_give_what_their_pictures_give(encoder, studio, declared, tmp_path, monkeypatch):
    monkeypatch.setenv("VERSO_CACHE", str(tmp_path))
    hashes = list(manifest.read(studio.manifest).frame["sha256"][:20])
    files = ImageCache(studio.folder, [studio.folder])
    features = load_features(declared, encoder=encoder)
    seen = []
    found = features_of_files(
        features, [*hashes, hashes[0]], files, PREPROCESSING, lambda *counts: seen.append(counts)
    )
    artworks = [images.open(path) for path in files.paths(hashes)]
    np.testing.assert_allclose(found[:-1], features.of(artworks, PREPROCESSING), atol=1e-3)
    np.testing.assert_array_equal(found[-1], found[0])
    assert seen[-1] == (21, 21)
    with pytest.raises(CorpusError, match="f" * 64):
        features_of_files(features, ["f" * 64], files, PREPROCESSING)


def test_a_tap_the_encoder_lacks_is_named(encoder):
    with pytest.raises(EncoderError, match="no tap 'class-12'"):
        load_features(EmbeddingFeatures(kind="embedding", taps=("class-12",)), encoder=encoder)


def test_pixels_are_the_window_row_by_row(artworks):
    found = load_features(PIXELS).of(artworks[:1], PREPROCESSING)
    assert found.dtype == np.uint8
    window = PREPROCESSING.crops(artworks[0].image)[0]
    np.testing.assert_array_equal(found.reshape(32, 32, 3), window.permute(1, 2, 0).numpy())


def test_pixels_of_another_window_are_refused(artworks):
    with pytest.raises(ModelError, match="one window of 48 pixels, but the preprocessing makes 1 of 32"):
        load_features(PixelFeatures(kind="pixels", side=48)).of(artworks, PREPROCESSING)
