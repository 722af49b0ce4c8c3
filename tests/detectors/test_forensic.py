import numpy as np
import pytest
from PIL import Image

from core import images
from core.detectors.forensic import (
    Forensic,
    centre_square,
    centre_window,
    forensic_features,
    radial_spectrum,
    texture,
)
from core.detectors.preprocessing import Preprocessing

PREPROCESSING = Preprocessing(short_side=224, window=224)
SIDE = PREPROCESSING.window


def features(picture, kind="PNG", drawings=None, **options):
    return Forensic().of([images.open(drawings.file(picture, kind, **options))], PREPROCESSING)[0]


@pytest.fixture
def grain():
    """Noise, smooth enough to survive JPEG."""
    levels = np.random.default_rng(0).integers(0, 256, (400, 640, 3), dtype=np.uint8)
    return Image.fromarray(levels).resize((800, 500), Image.Resampling.BICUBIC)


def test_the_format_of_the_file_tells_nothing(grain, drawings):
    as_png = features(grain, drawings=drawings)
    for kind, options in {
        "BMP": {},
        "TIFF": {},
        "WEBP": {"lossless": True},
        "PNG": {"compress_level": 0},
    }.items():
        np.testing.assert_array_equal(features(grain, kind, drawings, **options), as_png)


def test_the_shape_of_the_picture_tells_nothing(grain, drawings):
    wide = grain.crop((0, 0, 384 + 32, 352))
    square = wide.crop((32, 0, 384, 352))
    np.testing.assert_array_equal(features(wide, drawings=drawings), features(square, drawings=drawings))


def test_the_square_begins_on_the_grid_of_the_uniform_copy(grain):
    for width in range(352, 370):
        copy = PREPROCESSING.uniform(grain.crop((0, 0, width, 352)))
        left = (width - SIDE) // 2 // 16 * 16
        expected = np.asarray(copy.crop((left, 64, left + SIDE, 64 + SIDE)))
        np.testing.assert_array_equal(centre_square(grain.crop((0, 0, width, 352)), PREPROCESSING), expected)


@pytest.mark.parametrize("colour", ["black", "white", (200, 30, 90)])
@pytest.mark.parametrize("size", [(352, 352), (1, 1), (8, 500), (3000, 40)])
def test_flat_and_tiny_pictures_give_finite_numbers(colour, size):
    square = centre_square(Image.new("RGB", size, colour), PREPROCESSING)
    assert square.shape == (SIDE, SIDE, 3)
    found = forensic_features(square)
    assert found.shape == (Forensic.size,)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()


def test_any_window_gives_as_many_numbers(drawings):
    for side in (32, 64, 100):
        picture = np.asarray(drawings.painting((side, side)))
        assert forensic_features(picture).shape == (Forensic.size,)


def test_a_grid_of_upsampling_rises_from_the_spectrum():
    chance = np.random.default_rng(0)
    plain = chance.normal(128, 20, (SIDE, SIDE)).astype(np.float32)
    grid = plain + 20 * (np.arange(SIDE) % 4 == 0)
    peaks = radial_spectrum(grid.astype(np.float32))[32:] - radial_spectrum(plain)[32:]
    assert int(peaks[:31].argmax()) == 16  # a period of four pixels is half of the highest frequency


def test_patterns_do_not_depend_on_brightness_or_quarter_turns():
    levels = np.random.default_rng(0).integers(0, 100, (SIDE, SIDE)).astype(np.float32)
    np.testing.assert_allclose(texture(levels), texture(2 * levels + 17))
    np.testing.assert_allclose(texture(levels), texture(np.rot90(levels)))
    np.testing.assert_allclose(texture(levels).reshape(3, 10).sum(axis=1), 1, rtol=1e-5)


def test_noise_blur_and_colour_are_noticed(grain):
    picture = grain.crop((0, 0, SIDE, SIDE))
    found = forensic_features(np.asarray(picture))
    for other in (picture.convert("L").convert("RGB"), picture.resize((112, 112)).resize((SIDE, SIDE))):
        assert not np.allclose(forensic_features(np.asarray(other)), found, atol=0.05)


@pytest.mark.parametrize("size", [(800, 500), (500, 800), (352, 352), (300, 200), (2600, 400)])
def test_the_square_lies_where_its_window_says(size):
    """The position of each pixel is written into its colour."""
    down, across = np.mgrid[0 : size[1], 0 : size[0]]
    levels = np.stack([across / size[0], down / size[1], down * 0], axis=-1) * 255
    square = centre_square(Image.fromarray(levels.astype(np.uint8)), PREPROCESSING).astype(float) / 255
    window = centre_window(*size, PREPROCESSING)
    found = square[:, 0, 0].mean(), square[0, :, 1].mean(), square[:, -1, 0].mean(), square[-1, :, 1].mean()
    assert found == pytest.approx((window.left, window.top, window.right, window.bottom), abs=0.03)
