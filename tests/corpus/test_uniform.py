import hashlib
import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, PngImagePlugin

from core import images
from core.corpus import uniform
from core.errors import ImageTooSmallError
from tests.corpus.conftest import draw

TOOL = Path(__file__).resolve().parents[3] / "shared" / "tools" / "uniform_copy.py"


def encoded(picture, image_format="PNG", **options):
    out = io.BytesIO()
    picture.save(out, image_format, **options)
    return out.getvalue()


def drawing(size, mode="RGB"):
    return images.open(draw(1, size)).image.convert(mode)


def cut_out(size=(400, 500), mode="RGBA"):
    picture = Image.new("RGBA", size, (0, 0, 0, 0))
    ImageDraw.Draw(picture).ellipse((40, 60, 380, 440), fill=(200, 60, 30, 255), outline=(10, 10, 10, 90))
    return picture.convert(mode)


def palette_cut_out():
    picture = cut_out().convert("RGB").quantize(16)
    picture.info["transparency"] = picture.getpixel((0, 0))
    return picture


def turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(drawing((500, 300)), "JPEG", exif=exif)


ORIGINALS = {
    "jpeg": draw(2, (800, 600), "JPEG"),
    "jpeg with a comment": draw(2, (800, 600), "JPEG", comment=b"Created with GIMP"),
    "small": draw(3, (300, 240)),
    "webp": draw(4, (700, 900), "WEBP"),
    "wide panorama": draw(5, (1600, 400), "JPEG"),
    "tall panorama": draw(6, (300, 1200)),
    "turned by exif": turned(),
    "cut-out": encoded(cut_out()),
    "grey cut-out": encoded(cut_out(mode="LA")),
    "palette cut-out": encoded(palette_cut_out()),
    "opaque alpha": encoded(drawing((400, 400), "RGBA")),
    "wholly transparent": encoded(Image.new("RGBA", (300, 300), (9, 9, 9, 0))),
    "grey": encoded(drawing((400, 300), "L")),
    "cmyk": encoded(drawing((400, 300), "CMYK"), "JPEG"),
    "gif": encoded(drawing((400, 300)).quantize(32), "GIF"),
}


@pytest.fixture(scope="module")
def recipe():
    if not TOOL.is_file():
        pytest.skip("the recipe of the shared data is not beside the repository (../shared/tools)")
    spec = importlib.util.spec_from_file_location("recipe", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.uniform_copy


@pytest.mark.parametrize("name", ORIGINALS)
def test_the_copy_is_that_of_the_shared_recipe_to_the_byte(recipe, name):
    original = ORIGINALS[name]
    assert uniform.with_comment(uniform.copy(original), original) == recipe(original)


def test_a_tile_is_that_of_the_shared_recipe_to_the_byte(recipe):
    original = draw(7, (1024, 1024), "JPEG")
    box = (512, 0, 1024, 512)
    assert uniform.copy(original, box) == recipe(original, box)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((800, 600), (469, 352)),
        ((300, 240), (300, 240)),
        ((1600, 400), (774, 352)),
        ((352, 2000), (352, 774)),
    ],
)
def test_the_short_side_is_352_at_most_and_the_shape_is_kept_up_to_a_panorama(size, expected):
    made = images.open(uniform.copy(draw(8, size)))
    assert (made.width, made.height, made.format) == (*expected, "JPEG")


def test_nothing_of_the_metadata_survives():
    text = PngImagePlugin.PngInfo()
    text.add_text("parameters", "a painting, steps: 20")
    for original in (draw(9, (400, 400), "PNG", pnginfo=text), ORIGINALS["jpeg with a comment"]):
        made = uniform.copy(original)
        assert b"steps" not in made
        assert b"GIMP" not in made


def test_a_cut_out_fills_the_frame_and_lies_on_a_ground_of_its_own():
    one = encoded(cut_out())
    other = encoded(cut_out(), compress_level=1)
    grounds = [np.asarray(images.open(uniform.copy(data)).image)[2, 2] for data in (one, other)]
    made = images.open(uniform.copy(one))
    assert (made.width, made.height) == (341, 381)
    assert uniform.copy(one) == uniform.copy(one)
    assert not np.array_equal(*grounds)


def test_a_wide_box_of_nothing_is_refused_with_the_size_found():
    with pytest.raises(ImageTooSmallError, match=r"'cat.png' is 100 x 500 px .* at least 224 px"):
        uniform.copy(draw(10, (600, 500)), (0, 0, 100, 500), name="'cat.png'")


def test_the_difference_is_in_levels_and_knows_sizes():
    grey, lighter = (encoded(Image.new("RGB", (64, 64), (v, v, v))) for v in (100, 103))
    assert uniform.difference(grey, grey) == 0
    assert uniform.difference(grey, lighter) == pytest.approx(3)
    assert uniform.difference(grey, encoded(Image.new("RGB", (64, 65)))) == float("inf")


def test_another_jpeg_quality_is_within_the_tolerance_and_another_picture_is_not():
    original = draw(11, (400, 400))
    made = uniform.copy(original)
    near = images.encode_jpeg(images.open(made).image, 80)
    assert uniform.difference(made, near) < uniform.TOLERANCE
    assert uniform.difference(made, uniform.copy(draw(12, (400, 400)))) > uniform.TOLERANCE


def test_a_comment_is_only_taken_from_jpeg_files():
    made = uniform.copy(draw(13, (300, 300)))
    assert uniform.with_comment(made, b"\xff\xfe not a jpeg") == made
    assert uniform.with_comment(made, draw(13, (300, 300))) == made
    commented = uniform.with_comment(made, ORIGINALS["jpeg with a comment"])
    assert uniform.difference(made, commented) == 0
    assert hashlib.sha256(commented).digest() != hashlib.sha256(made).digest()
