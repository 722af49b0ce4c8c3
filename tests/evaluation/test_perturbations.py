import numpy as np
import pytest
from PIL import Image

from core import images
from core.errors import EvaluationError
from core.evaluation.perturbations import CONDITIONS, Blur, Noise, chosen, perturb

SIZE = (180, 120)


@pytest.fixture(scope="module")
def artwork(drawings):
    return images.open(drawings.file(drawings.painting(SIZE, 4)))


def pixels(artwork) -> np.ndarray:
    return np.asarray(artwork.image, dtype=float)


def after(artwork, name: str) -> np.ndarray:
    return pixels(perturb(artwork, CONDITIONS[name]))


def lost(artwork, name: str) -> float:
    return float(np.sqrt(np.mean((after(artwork, name) - pixels(artwork)) ** 2)))


def detail(levels: np.ndarray, beyond: float) -> float:
    """The energy of the frequencies above `beyond` cycles a pixel, in either direction."""
    energy = np.abs(np.fft.fft2(levels, axes=(0, 1))) ** 2
    down, across = (np.abs(np.fft.fftfreq(side)) for side in levels.shape[:2])
    return float(energy[(down[:, None] > beyond) | (across[None] > beyond)].sum())


def test_the_conditions_are_those_of_the_benchmark():
    assert list(CONDITIONS) == [
        *("jpeg-90", "jpeg-70", "jpeg-50", "jpeg-30", "webp-80", "resize-75", "resize-50", "resize-25"),
        *("blur-1", "noise-5", "crop-80", "greyscale", "web-chain"),
    ]


@pytest.mark.parametrize("condition", CONDITIONS.values(), ids=CONDITIONS)
def test_every_condition_gives_another_artwork_and_always_the_same_one(artwork, condition):
    before = artwork.image.tobytes()
    first, second = perturb(artwork, condition), perturb(artwork, condition)
    assert first.image.tobytes() == second.image.tobytes() != before
    assert first.sha256 == second.sha256 != artwork.sha256
    assert artwork.image.tobytes() == before
    assert (first.image.mode, first.image.info, first.name) == ("RGB", {}, artwork.name)
    assert (first.width, first.height) == first.image.size
    assert first.image.size == ((144, 96) if condition.name == "crop-80" else SIZE)


def test_conditions_have_keys_of_their_own(artwork):
    assert len({perturb(artwork, condition).sha256 for condition in CONDITIONS.values()}) == len(CONDITIONS)


def test_lower_jpeg_quality_loses_more(artwork):
    losses = [lost(artwork, f"jpeg-{quality}") for quality in (90, 70, 50, 30)]
    assert 0 < losses[0] < losses[1] < losses[2] < losses[3]


def test_webp_loses_a_little(artwork):
    assert 0 < lost(artwork, "webp-80") < lost(artwork, "jpeg-30") * 1.5


def test_resizing_removes_what_the_small_copy_cannot_hold(drawings):
    levels = np.random.default_rng(0).integers(64, 192, (128, 128, 3), np.uint8)
    speckled = images.open(drawings.file(Image.fromarray(levels)))
    for factor, beyond in ((75, 0.45), (50, 0.35), (25, 0.2)):  # the small copies hold 0.375, 0.25 and 0.125
        resized = after(speckled, f"resize-{factor}")
        assert detail(resized, beyond) < 0.15 * detail(pixels(speckled), beyond)
        assert resized.mean() == pytest.approx(pixels(speckled).mean(), abs=1)
    assert lost(speckled, "resize-75") < lost(speckled, "resize-50") < lost(speckled, "resize-25")


def test_blur_spreads_a_point_by_its_sigma():
    point = Image.new("RGB", (31, 31))
    point.putpixel((15, 15), (255, 255, 255))
    spread = np.asarray(Blur(1)(point, 0), dtype=float)[..., 0]
    offsets = np.arange(31) - 15
    assert np.sqrt((spread.sum(0) * offsets**2).sum() / spread.sum()) == pytest.approx(1, abs=0.05)


def test_noise_has_its_sigma_in_every_channel_and_no_offset():
    grey = Image.new("RGB", (200, 200), (128, 128, 128))
    noise = np.asarray(Noise(5)(grey, 7), dtype=float) - 128
    np.testing.assert_allclose(noise.std((0, 1)), 5, rtol=0.02)
    np.testing.assert_allclose(noise.mean((0, 1)), 0, atol=0.1)
    red, green = noise[..., 0].ravel(), noise[..., 1].ravel()
    assert abs(np.corrcoef(red, green)[0, 1]) < 0.03


def test_noise_differs_between_pictures(drawings):
    grey = Image.new("RGB", (64, 64), (128, 128, 128))
    one, other = (images.open(drawings.file(grey, kind)) for kind in ("PNG", "BMP"))
    assert pixels(one).tobytes() == pixels(other).tobytes()
    assert (after(one, "noise-5") != after(other, "noise-5")).any()


def test_the_crop_keeps_the_middle_as_it_is(artwork):
    np.testing.assert_array_equal(after(artwork, "crop-80"), pixels(artwork)[12:108, 18:162])


def test_greyscale_has_equal_channels_and_keeps_the_light(artwork):
    grey = after(artwork, "greyscale")
    assert (grey == grey[..., :1]).all()
    luma = pixels(artwork) @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(grey[..., 0], luma, atol=1)


def test_the_web_chain_is_two_rounds_of_resizing_and_saving(artwork):
    picture = artwork.image
    for _ in range(2):
        small = picture.resize((90, 60), Image.Resampling.LANCZOS)
        picture = images.recompress(small.resize(SIZE, Image.Resampling.BICUBIC), 75)
    np.testing.assert_array_equal(after(artwork, "web-chain"), np.asarray(picture))


def test_conditions_are_chosen_by_name_once_and_in_order():
    names = [condition.name for condition in chosen(["noise-5", "jpeg-90", "noise-5"])]
    assert names == ["jpeg-90", "noise-5"]
    assert [condition.name for condition in chosen(["all"])] == list(CONDITIONS)
    assert chosen([]) == []
    with pytest.raises(EvaluationError, match=r"no perturbation 'jpeg-80'.*jpeg-90.*web-chain"):
        chosen(["jpeg-80"])
