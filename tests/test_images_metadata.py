"""`images.metadata`: what a file carries beside its picture, read without decoding it."""

import struct
import zlib

import pytest
from PIL import Image
from PIL.ExifTags import IFD, Base
from PIL.PngImagePlugin import PngInfo

from core import images
from core.errors import CorruptImageError, ImageTooLargeError, UnsupportedImageError
from core.image_headers import LONGEST_TEXT, MOST_CUT_TEXTS
from core.images import Metadata


def test_a_png_gives_every_text_wherever_it_stands(drawings):
    words = PngInfo()
    words.add_text("plain", "one")
    words.add_text("zipped", "two", zip=True)
    words.add_itxt("Übersicht", "drei \N{SNOWMAN}")
    data = drawings.file(drawings.painting(), pnginfo=words)
    late = b"tEXtlate\0four"
    end = data.index(b"IEND") - 4
    chunk = struct.pack(">I", len(late) - 4) + late + struct.pack(">I", zlib.crc32(late))
    found = images.metadata(data[:end] + chunk + data[end:])
    assert found.texts == {"plain": "one", "zipped": "two", "Übersicht": "drei \N{SNOWMAN}", "late": "four"}


def test_damaged_pixels_hide_no_text(drawings):
    words = PngInfo()
    words.add_text("plain", "one")
    data = bytearray(drawings.file(drawings.painting(), pnginfo=words))
    data[data.index(b"IDAT") + 8] ^= 0xFF
    with pytest.raises(CorruptImageError):
        images.open(bytes(data))
    assert images.metadata(bytes(data)).texts == {"plain": "one"}


def test_a_jpeg_cut_off_before_its_pixels_keeps_its_metadata(drawings):
    exif = Image.Exif()
    exif[Base.Software] = "Brush"
    data = drawings.file(drawings.painting(), "JPEG", exif=exif, progressive=True)
    cut = data[: data.index(b"\xff\xda") + 14]
    with pytest.raises(CorruptImageError):
        images.open(cut)
    assert images.metadata(cut).exif == images.metadata(data).exif
    assert images.metadata(data).exif[Base.Software] == "Brush"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_exif_of_both_directories_is_given(drawings, kind):
    exif = Image.Exif()
    exif[Base.Software] = "Brush"
    exif.get_ifd(IFD.Exif)[Base.UserComment] = b"ASCII\0\0\0hello"
    found = images.metadata(drawings.file(drawings.painting(), kind, exif=exif)).exif
    assert (found[Base.Software], found[Base.UserComment]) == ("Brush", b"ASCII\0\0\0hello")


@pytest.mark.parametrize("kind", ["GIF", "JPEG"])
def test_the_comment_of_a_gif_or_jpeg_is_given_whatever_its_bytes(drawings, kind):
    data = drawings.file(drawings.painting(), kind, comment="für Zoë ".encode() + b"\xff")
    assert images.metadata(data).comment == "für Zoë \N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("kind", images.FORMATS)
def test_a_file_without_any_carries_nothing(drawings, kind):
    found = images.metadata(drawings.file(drawings.painting(), kind))
    assert (found.texts, found.xmp, found.comment) == ({}, b"", "")
    assert not {Base.Software, Base.Make, Base.UserComment} & set(found.exif)


@pytest.mark.parametrize("length", [1_200_000, 30_000_000])
def test_of_a_text_that_unpacks_to_much_the_beginning_is_given(drawings, length):
    words = PngInfo()
    words.add_text("written", "x" * length, zip=True)
    words.add_itxt("spoken", "é" * length, zip=True)
    data = drawings.file(drawings.painting(), pnginfo=words)
    texts = images.metadata(data).texts
    assert len(texts["written"]) == LONGEST_TEXT
    assert set(texts["spoken"]) == {"é"}
    assert LONGEST_TEXT / 2 - 1 < len(texts["spoken"]) <= LONGEST_TEXT / 2
    assert images.open(data).image.size == images.open(drawings.file(drawings.painting())).image.size


def test_many_long_texts_hide_no_short_one(drawings):
    words = PngInfo()
    for number in range(MOST_CUT_TEXTS + 2):
        words.add_text(f"long {number}", "x" * 1_200_000, zip=True)
    words.add_text("parameters", "Steps: 20", zip=True)
    words.add_itxt("XML:com.adobe.xmp", "<x/>")
    found = images.metadata(drawings.file(drawings.painting(), pnginfo=words))
    assert found.texts["parameters"] == "Steps: 20"
    assert found.xmp == b"<x/>"


def test_texts_in_the_ways_of_other_programs_are_given(drawings):
    """As ImageMagick saves EXIF and XMP, and as ComfyUI saves the settings of an animation."""
    exif = Image.Exif()
    exif[Base.Software] = "Drawn"
    words = PngInfo()
    for name, data in (("exif", b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0")), ("xmp", b"<x/>")):
        lines = "\n".join(data.hex()[at : at + 72] for at in range(0, len(data.hex()), 72))
        words.add_text(f"Raw profile type {name}", f"\n{name}\n{len(data):8}\n{lines}\n", zip=True)
    words.add(b"comf", b"prompt\0{}", after_idat=True)
    found = images.metadata(drawings.file(drawings.painting(), pnginfo=words))
    assert found.exif[Base.Software] == "Drawn"
    assert found.xmp == b"<x/>"
    assert found.texts["prompt"] == "{}"


def test_what_the_door_refuses_has_no_metadata(drawings):
    with pytest.raises(UnsupportedImageError):
        images.metadata(b"no picture at all")
    with pytest.raises(ImageTooLargeError):
        images.metadata(drawings.file(drawings.painting()), limits=images.Limits(max_pixels=3000))


def test_an_artwork_keeps_its_file_and_does_not_print_it(drawings):
    data = drawings.file(drawings.painting())
    artwork = images.open(data)
    assert artwork.file == data
    assert len(repr(artwork)) < 500
    assert isinstance(images.metadata(artwork.file), Metadata)
