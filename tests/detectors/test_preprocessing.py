import numpy as np
import pytest
from PIL import Image

from core import images
from core.detectors.preprocessing import Preprocessing, unseen

PLAIN = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}


@pytest.mark.parametrize("size", [(1024, 1024), (352, 352), (2000, 700), (500, 1800), (60, 40), (4000, 400)])
@pytest.mark.parametrize("windows", [1, 3, 5])
def test_any_picture_gives_normalised_square_windows(drawings, size, windows):
    tensor = Preprocessing(short_side=64, window=48, windows=windows, **PLAIN).tensor(drawings.painting(size))
    assert tensor.shape[1:] == (3, 48, 48)
    assert 1 <= len(tensor) <= windows
    assert tensor.dtype.is_floating_point
    assert 0 <= float(tensor.min()) <= float(tensor.max()) <= 1


def test_windows_of_a_square_that_coincide_are_given_once(drawings):
    preprocessing = Preprocessing(short_side=64, window=64, windows=3)
    assert len(preprocessing.tensor(drawings.painting((300, 300)))) == 1
    assert len(preprocessing.tensor(drawings.painting((500, 300)))) == 3
    assert len(preprocessing.seen(300, 300)) == 1


def test_windows_lie_where_seen_says():
    picture = Image.new("RGB", (600, 300), "black")
    picture.paste("white", (0, 0, 200, 300))
    preprocessing = Preprocessing(short_side=90, window=90, windows=3, **PLAIN)
    shares = preprocessing.tensor(picture).mean(dim=(1, 2, 3)).tolist()
    for share, window in zip(shares, preprocessing.seen(600, 300), strict=True):
        white = max(0.0, min(200 / 600, window.right) - window.left) / (window.right - window.left)
        assert share == pytest.approx(white, abs=0.03)


@pytest.mark.parametrize("upright", [False, True])
@pytest.mark.parametrize(
    ("length", "middles"),
    [(400, [0.25, 0.5, 0.75]), (2000, [0.44, 0.5, 0.56])],  # of the latter the middle 440 px are kept
)
def test_windows_spread_evenly_about_the_middle_of_the_long_side(length, middles, upright):
    """The grey of this picture grows evenly from one end to the other."""
    ramp = np.tile(np.linspace(0, 255, length).round().astype(np.uint8), (200, 1))
    picture = Image.fromarray(ramp.T if upright else ramp).convert("RGB")
    three = Preprocessing(short_side=200, window=200, windows=3, **PLAIN)
    assert three.tensor(picture).mean(dim=(1, 2, 3)).tolist() == pytest.approx(middles, abs=0.01)
    (one,) = three.model_copy(update={"windows": 1}).tensor(picture)
    assert float(one.mean()) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("size", [(600, 300), (300, 600), (2000, 500), (353, 352), (100, 64)])
def test_seen_windows_are_square_and_inside(size):
    for window in Preprocessing(short_side=90, window=80, windows=3).seen(*size):
        width = (window.right - window.left) * size[0]
        height = (window.bottom - window.top) * size[1]
        assert width == pytest.approx(height, rel=0.02)
        assert -0.01 <= window.left < window.right <= 1.01
        assert -0.01 <= window.top < window.bottom <= 1.01


def test_the_uniform_copy_is_small_and_never_squashed(drawings):
    preprocessing = Preprocessing(short_side=64, window=64)
    assert preprocessing.uniform(drawings.painting((1000, 500))).size == (704, 352)
    assert preprocessing.uniform(drawings.painting((300, 200))).size == (300, 200)
    assert preprocessing.uniform(drawings.painting((3520, 352))).size == (774, 352)


def test_the_format_a_picture_came_in_leaves_little_trace(drawings):
    picture = drawings.painting((800, 600), 3)
    preprocessing = Preprocessing(short_side=224, window=224, **PLAIN)
    as_png = preprocessing.tensor(images.open(drawings.file(picture, "PNG")).image)
    as_jpeg = preprocessing.tensor(images.open(drawings.file(picture, "JPEG", quality=90)).image)
    assert float((as_png - as_jpeg).abs().mean()) < 2 / 255


def test_normalisation_is_that_of_the_card():
    grey = Image.new("RGB", (64, 64), (128, 128, 128))
    preprocessing = Preprocessing(short_side=64, window=64, mean=(0.5, 0.4, 0.3), std=(0.5, 0.2, 0.1))
    channels = preprocessing.tensor(grey).mean(dim=(0, 2, 3)).numpy()
    np.testing.assert_allclose(channels, (128 / 255 - np.array([0.5, 0.4, 0.3])) / [0.5, 0.2, 0.1], atol=1e-5)


@pytest.mark.parametrize("size", [(1024, 1024), (3000, 1999), (353, 700)])
def test_large_pictures_are_reduced_as_the_corpus_was(drawings, size):
    picture = drawings.painting(size, 5)
    preprocessing = Preprocessing(short_side=64, window=64, uniform_quality=100)
    reduced = preprocessing.uniform(picture)
    as_pillow = images.recompress(picture.resize(reduced.size, Image.Resampling.LANCZOS), 100)
    assert np.abs(np.asarray(reduced, int) - np.asarray(as_pillow, int)).mean() < 0.1


@pytest.mark.parametrize(
    ("windows", "size", "share"),
    [
        (1, (629, 352), 1 - 352 / 629),
        (1, (352, 629), 1 - 352 / 629),
        (1, (2000, 400), 0.8),
        (1, (500, 500), 0),
        (1, (353, 352), 0),
        (3, (1056, 704), 0),
        (3, (2000, 400), 1 - 2.2 / 5),
    ],
)
def test_the_share_that_is_not_looked_at(windows, size, share):
    preprocessing = Preprocessing(short_side=224, window=224, windows=windows)
    assert unseen(preprocessing.seen(*size)) == pytest.approx(share, abs=0.005)


def test_what_lies_between_windows_is_not_looked_at():
    preprocessing = Preprocessing(short_side=96, window=48, windows=2)
    assert unseen(preprocessing.seen(960, 480)) == pytest.approx(0.75, abs=0.001)


@pytest.mark.parametrize(("side", "window"), [(224, 224), (256, 224), (240, 240)])
@pytest.mark.parametrize("windows", [1, 3])
def test_seen_windows_lie_inside_pictures_of_every_size(side, window, windows):
    preprocessing = Preprocessing(short_side=side, window=window, windows=windows)
    for short in range(32, 2000):
        for size in ((short, short), (short + 4, short), (short, 2 * short)):
            for seen in preprocessing.seen(*size):
                assert 0 <= seen.left < seen.right <= 1 + 1e-9, size
                assert 0 <= seen.top < seen.bottom <= 1 + 1e-9, size


@pytest.mark.parametrize("size", [(411, 407), (448, 444), (374, 374), (357, 353), (800, 32)])
def test_as_many_windows_are_seen_as_are_cut(drawings, size):
    preprocessing = Preprocessing(short_side=224, window=224, windows=3)
    assert len(preprocessing.crops(drawings.painting(size))) == len(preprocessing.seen(*size))
