"""`images.header`: what a file says of itself, read without decoding it."""

import pytest

from core import images
from core.errors import EmptyImageError, ImageTooLargeError, UnreadableFileError, UnsupportedImageError
from tests.corpus.conftest import draw

EXIF = b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
def test_format_size_and_weight_of_every_format(kind):
    data = draw(1, (80, 40), kind)
    header = images.header(data)
    assert (header.format, header.width, header.height, header.size_bytes) == (kind, 80, 40, len(data))


def test_the_quantisation_tables_of_a_jpeg_are_those_it_was_saved_with():
    tables = [[n + 1 for n in range(64)], [2 * n + 1 for n in range(64)]]
    header = images.header(draw(1, image_format="JPEG", qtables=tables))
    assert [sorted(table) for table in header.quantisation] == tables


def test_other_formats_have_no_quantisation_tables():
    assert images.header(draw(1)).quantisation == ()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_and_profile_are_seen_where_they_are(kind):
    plain = images.header(draw(1, image_format=kind))
    assert (plain.has_exif, plain.has_profile) == (False, False)
    assert images.header(draw(1, image_format=kind, exif=EXIF)).has_exif
    assert images.header(draw(1, image_format=kind, icc_profile=b"profile")).has_profile


def test_the_pixels_are_not_decoded():
    whole = draw(1, (400, 300), "JPEG")
    half = whole[: len(whole) // 2]
    assert images.header(half).width == 400


def test_a_path_gives_what_its_bytes_give(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(draw(1, image_format="JPEG"))
    assert images.header(path) == images.header(path.read_bytes())


def test_what_the_door_refuses_has_no_header(tmp_path):
    with pytest.raises(EmptyImageError):
        images.header(b"")
    with pytest.raises(UnsupportedImageError):
        images.header(b"no picture at all")
    with pytest.raises(ImageTooLargeError):
        images.header(draw(1, (80, 40)), limits=images.Limits(max_pixels=3000))
    with pytest.raises(UnreadableFileError, match=r"nowhere\.png"):
        images.header(tmp_path / "nowhere.png")
