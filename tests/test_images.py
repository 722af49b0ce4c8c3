import concurrent.futures
import csv
import hashlib
import io
import os
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageCms, ImageFile, PngImagePlugin

from core import image_headers, images
from core.errors import (
    CorruptImageError,
    EmptyImageError,
    ImageError,
    ImageTooLargeError,
    ImageTooSmallError,
    UnreadableFileError,
    UnsupportedImageError,
)

LOSSLESS = {
    "JPEG": {"quality": 98, "subsampling": 0},
    "PNG": {},
    "WEBP": {"lossless": True},
    "TIFF": {},
    "BMP": {},
    "GIF": {},
    "AVIF": {"quality": 98, "subsampling": "4:4:4"},
}
EVERY_FORMAT = pytest.mark.parametrize("kind", images.FORMATS)


def saved(picture: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def png(
    width: int, height: int, *, depth: int = 8, colour: int = 2, rows: bytes = b"", extra: bytes = b""
) -> bytes:
    """A PNG file made by hand (https://www.w3.org/TR/png-3/)."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def tiff(
    levels: bytes, *, bits: int, side: int = 32, white_is_zero: bool = False, sample_format: int = 1
) -> bytes:
    """An uncompressed, square, one-channel TIFF file made by hand (TIFF 6.0)."""
    tags = {256: side, 257: side, 258: bits, 259: 1, 262: int(not white_is_zero), 277: 1, 278: side}
    start = 8 + 2 + 12 * (len(tags) + 3) + 4
    tags |= {273: start, 279: len(levels), 339: sample_format}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + levels


def swapped_profile() -> bytes:
    """A valid RGB profile in which red and blue have changed places, made from Pillow's sRGB (ICC.1, 7.3)."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = profile.replace("sRGB".encode("utf-16-be"), "BGRs".encode("utf-16-be"))
    return profile.replace(b"rXYZ", b"tmp ").replace(b"bXYZ", b"rXYZ").replace(b"tmp ", b"bXYZ")


def linear_profile(name: str) -> bytes:
    """sRGB's primaries without its curve, as Pillow's own profile of sRGB with a gamma of 1 (ICC.1, 10.18)."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    curve = profile.index(b"para\0\0\0\0\0\3")
    straight = struct.pack(">4s4xHHi", b"para", 0, 0, 1 << 16)
    profile = profile[:curve] + straight + profile[curve + len(straight) :]
    return profile.replace("sRGB built-in".encode("utf-16-be"), name.encode("utf-16-be"))


def one(picture: Image.Image) -> tuple[int, ...]:
    """The colour of a picture that has only one."""
    colours = picture.getcolors()
    assert colours is not None
    assert len(colours) == 1
    return colours[0][1]


class TestArtwork:
    @EVERY_FORMAT
    def test_facts_are_those_of_the_file(self, drawings, kind):
        data = drawings.file(drawings.painting((80, 50)), kind)
        artwork = images.open(data, name="ein Bild")
        assert (artwork.width, artwork.height) == artwork.image.size == (80, 50)
        assert artwork.image.mode == "RGB"
        assert artwork.format == kind
        assert artwork.sha256 == hashlib.sha256(data).hexdigest()
        assert artwork.size_bytes == len(data)
        assert artwork.name == "ein Bild"

    @EVERY_FORMAT
    def test_pixels_are_those_of_the_picture(self, drawings, kind):
        picture = drawings.quadrants((96, 64))
        opened = images.open(drawings.file(picture, kind, **LOSSLESS[kind])).image
        difference = np.abs(np.asarray(opened, dtype=int) - np.asarray(picture, dtype=int))
        # JPEG and AVIF ring at the edges of the quarters
        assert np.median(difference) <= 2
        assert np.percentile(difference, 95) <= (8 if kind in {"JPEG", "AVIF"} else 0)

    def test_format_is_told_by_the_bytes_not_by_the_name(self, drawings, tmp_path):
        path = tmp_path / "really-a-png.jpg"
        path.write_bytes(drawings.file(drawings.painting(), "PNG"))
        assert images.open(path).format == "PNG"

    def test_a_jpeg_with_more_pictures_behind_it_is_a_jpeg(self, drawings):
        pictures = [drawings.painting(seed=seed) for seed in (1, 2)]
        data = drawings.file(pictures[0], "MPO", save_all=True, append_images=pictures[1:])
        assert images.open(data).format == "JPEG"

    def test_a_path_and_its_bytes_give_the_same(self, drawings, tmp_path):
        data = drawings.file(drawings.painting())
        path = tmp_path / "a.png"
        path.write_bytes(data)
        from_path, from_bytes = images.open(path), images.open(data)
        assert from_path.sha256 == from_bytes.sha256
        assert from_path.image == from_bytes.image
        assert (from_path.name, from_bytes.name) == ("a.png", "")

    @pytest.mark.parametrize(
        "name",
        [
            *("絵画 №5.png", "Übermäßig—é.png", "صورة.png", "🎨.png", "👩\u200d🎨.png"),
            *(
                "絵\u3000画.png",
                "no\u00a0break.png",
                "\u0645\u06cc\u200c\u062e.png",
                "soft\u00adhyphen.png",
                "\U0001fae9.png",
            ),
        ],
    )
    def test_names_of_any_script_are_kept(self, drawings, tmp_path, name):
        path = tmp_path / name
        path.write_bytes(drawings.file(drawings.painting()))
        assert images.open(path).name == name

    @pytest.mark.parametrize(
        "name", ["two\nlines.png", "\x1b[31mred.png", os.fsdecode(b"latin-\xe9.png"), "\u202egnp.exe"]
    )
    def test_names_that_would_upset_a_display_are_made_printable(self, drawings, name):
        artwork = images.open(drawings.file(drawings.painting()), name=name)
        assert artwork.name.isprintable()
        assert artwork.name.encode("utf-8")
        with pytest.raises(EmptyImageError) as refusal:
            images.open(b"", name=name)
        assert str(refusal.value).isprintable()

    def test_preview_fits_and_keeps_the_proportions(self, drawings):
        artwork = images.open(drawings.file(drawings.painting((400, 100))))
        assert artwork.preview(200).size == (200, 50)
        assert artwork.image.size == (400, 100)

    def test_preview_never_enlarges_and_is_a_copy(self, drawings):
        artwork = images.open(drawings.file(drawings.painting((96, 64))))
        preview = artwork.preview(5000)
        assert preview == artwork.image
        preview.paste("black", (0, 0, 96, 64))
        assert preview != artwork.image

    def test_preview_of_a_ribbon_keeps_a_pixel(self, drawings):
        artwork = images.open(drawings.file(drawings.painting((8000, 32))))
        assert artwork.preview(64).size == (64, 1)

    def test_no_metadata_is_carried_on(self, drawings):
        exif = Image.Exif()
        exif[0x010E] = "a secret place"
        data = drawings.file(drawings.painting(), "JPEG", exif=exif, comment=b"secret")
        artwork = images.open(data)
        assert artwork.image.info == {}
        assert b"secret" not in drawings.file(artwork.image, "PNG")


class TestConversion:
    """Every way of storing pixels becomes 8-bit RGB by a rule of ours."""

    @pytest.mark.parametrize(
        ("level", "expected"),
        [(0, 0), (128, 0), (129, 1), (257, 1), (30_000, 117), (32_896, 128), (65_535, 255)],
    )
    @pytest.mark.parametrize("kind", ["PNG", "TIFF"])
    def test_16_bit_grey_is_scaled_and_rounded(self, kind, level, expected):
        data = saved(Image.fromarray(np.full((40, 40), level, dtype=np.uint16)), kind)
        assert one(images.open(data).image) == (expected,) * 3

    def test_16_bit_grey_keeps_its_steps(self):
        ramp = np.tile(np.linspace(0, 65_535, 256).astype(np.uint16), (32, 1))
        opened = np.asarray(images.open(saved(Image.fromarray(ramp), "PNG")).image)[0, :, 0]
        assert len(np.unique(opened)) == 256

    def test_16_bit_colour(self):
        row = b"\0" + struct.pack(">HHH", 0x1234, 0x5678, 0xFEDC) * 40
        assert one(images.open(png(40, 40, depth=16, rows=row * 40)).image) == (0x12, 0x56, 0xFE)

    def test_16_bit_grey_with_alpha(self):
        row = b"\0" + struct.pack(">HH", 0x8000, 0x8000) * 40
        assert one(images.open(png(40, 40, depth=16, colour=4, rows=row * 40)).image) == (191, 191, 191)

    def test_16_bit_where_white_is_zero(self):
        data = tiff(struct.pack("<H", 0) * 1024, bits=16, white_is_zero=True)
        assert one(images.open(data).image) == (255, 255, 255)

    def test_signed_16_bit_starts_at_its_darkest(self):
        data = tiff(
            struct.pack("<512h", *[-100] * 512) + struct.pack("<512h", *[255] * 512), bits=16, sample_format=2
        )
        opened = images.open(data).image
        assert (opened.getpixel((0, 0)), opened.getpixel((0, 31))) == ((0,) * 3, (255,) * 3)

    def test_12_bit_grey_reaches_white(self):
        assert one(images.open(tiff(b"\xff\xff\xff" * 512, bits=12)).image) == (255, 255, 255)
        assert one(images.open(tiff(b"\x80\x08\x00" * 512, bits=12)).image) == (128, 128, 128)

    def test_unsigned_32_bit_is_not_taken_for_negative(self):
        levels = struct.pack("<512I", *[0] * 512) + struct.pack("<512I", *[2**32 - 1] * 512)
        opened = images.open(tiff(levels, bits=32)).image
        assert (opened.getpixel((0, 0)), opened.getpixel((0, 31))) == ((0,) * 3, (255,) * 3)

    @pytest.mark.parametrize(
        ("low", "high", "expected_low", "expected_high"),
        [
            (0.25, 1.0, 64, 255),  # the usual range of floats
            (0.25, 0.5, 64, 128),  # a dark picture stays dark
            (51.0, 255.0, 51, 255),  # 8-bit values in floats
            (0.0, 65_535.0, 0, 255),
            (0.0, 1e6, 0, 255),
            (-1.0, 1.0, 0, 255),
            (-3e38, 3e38, 0, 255),
        ],
    )
    def test_floats_are_scaled_not_clipped(self, low, high, expected_low, expected_high):
        levels = np.full((40, 40), low, dtype=np.float32)
        levels[:, 20:] = high
        opened = images.open(saved(Image.fromarray(levels), "TIFF")).image
        assert opened.getpixel((0, 0)) == (expected_low,) * 3
        assert opened.getpixel((39, 0)) == (expected_high,) * 3

    @pytest.mark.parametrize("level", [float("nan"), float("inf"), float("-inf")])
    def test_pixels_that_are_no_numbers_are_refused(self, level):
        levels = np.zeros((40, 40), dtype=np.float32)
        levels[3, 3] = level
        with pytest.raises(CorruptImageError, match="save it anew"):
            images.open(saved(Image.fromarray(levels), "TIFF"))

    @pytest.mark.parametrize(("high", "expected"), [(200, 200), (65_535, 255), (1_000_000, 255)])
    def test_32_bit_integers_are_scaled_not_clipped(self, high, expected):
        levels = np.zeros((40, 40), dtype=np.int32)
        levels[:, 20:] = high
        opened = images.open(saved(Image.fromarray(levels), "TIFF")).image
        assert (opened.getpixel((0, 0)), opened.getpixel((39, 0))) == ((0,) * 3, (expected,) * 3)

    @pytest.mark.parametrize(
        ("ink", "expected"),
        [
            ((0, 0, 0, 0), (255, 255, 255)),
            ((255, 0, 0, 0), (0, 255, 255)),
            ((0, 255, 255, 0), (255, 0, 0)),
            ((0, 0, 0, 255), (0, 0, 0)),
        ],
    )
    @pytest.mark.parametrize("kind", ["TIFF", "JPEG"])
    def test_cmyk(self, kind, ink, expected):
        data = saved(Image.new("CMYK", (40, 40), ink), kind)
        assert one(images.open(data).image) == pytest.approx(expected, abs=2)

    @pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
    def test_one_bit(self, kind):
        picture = Image.new("1", (40, 40), 0)
        picture.paste(1, (20, 0, 40, 40))
        opened = images.open(saved(picture, kind)).image
        assert (opened.getpixel((0, 0)), opened.getpixel((39, 0))) == ((0, 0, 0), (255, 255, 255))

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
    def test_grey(self, kind):
        assert one(images.open(saved(Image.new("L", (40, 40), 77), kind)).image) == (77, 77, 77)

    @pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
    @pytest.mark.parametrize(
        ("colour", "expected"),
        [
            ((200, 0, 0, 255), (200, 0, 0)),
            ((200, 0, 0, 0), (255, 255, 255)),
            ((200, 0, 100, 51), (244, 204, 224)),
        ],
    )
    def test_alpha_is_laid_over_white(self, kind, colour, expected):
        options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
        data = saved(Image.new("RGBA", (40, 40), colour), kind, **options)
        assert one(images.open(data).image) == expected

    def test_grey_with_alpha_is_laid_over_white(self):
        assert one(images.open(saved(Image.new("LA", (40, 40), (100, 102)), "PNG")).image) == (193, 193, 193)

    @pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF"])
    def test_palette(self, drawings, kind):
        picture = drawings.quadrants().quantize(4)
        assert images.open(saved(picture, kind)).image == picture.convert("RGB")

    @pytest.mark.parametrize("kind", ["PNG", "GIF"])
    def test_palette_with_a_transparent_entry(self, kind):
        picture = Image.new("P", (40, 40), 0)
        picture.putpalette([200, 0, 0, 0, 0, 200])
        picture.paste(1, (20, 0, 40, 40))
        opened = images.open(saved(picture, kind, transparency=0)).image
        assert (opened.getpixel((0, 0)), opened.getpixel((39, 0))) == ((255, 255, 255), (0, 0, 200))

    def test_palette_with_an_alpha_for_each_entry(self):
        picture = Image.new("P", (40, 40), 0)
        picture.putpalette([200, 0, 0, 0, 0, 200])
        opened = images.open(saved(picture, "PNG", transparency=b"\x33\xff")).image
        assert one(opened) == (244, 204, 204)

    @pytest.mark.parametrize(("mode", "key"), [("RGB", (9, 9, 9)), ("L", 9), ("1", 0)])
    def test_a_transparent_colour_is_laid_over_white(self, mode, key):
        data = saved(Image.new(mode, (40, 40), key), "PNG", transparency=key)
        assert one(images.open(data).image) == (255, 255, 255)

    def test_lab(self):
        rgb = Image.new("RGB", (40, 40), (180, 60, 40))
        srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        data = saved(ImageCms.profileToProfile(rgb, srgb, lab, outputMode="LAB"), "TIFF")
        assert one(images.open(data).image) == pytest.approx((180, 60, 40), abs=3)


class TestColourProfiles:
    def test_a_foreign_profile_is_honoured(self):
        data = saved(Image.new("RGB", (40, 40), (255, 0, 0)), "PNG", icc_profile=swapped_profile())
        assert one(images.open(data).image) == pytest.approx((0, 0, 255), abs=3)

    def test_under_alpha_too(self):
        picture = Image.new("RGBA", (40, 40), (255, 0, 0, 51))
        data = saved(picture, "PNG", icc_profile=swapped_profile())
        assert one(images.open(data).image) == pytest.approx((204, 204, 255), abs=3)

    def test_an_rgb_profile_on_grey_pixels(self):
        data = saved(Image.new("L", (40, 40), 120), "JPEG", icc_profile=swapped_profile())
        assert one(images.open(data).image) == pytest.approx((120, 120, 120), abs=3)

    @pytest.mark.parametrize("name", ["linear RGB !!", "linear sRGB !"])
    def test_linear_light_is_brightened_whatever_its_profile_is_called(self, name):
        data = saved(Image.new("RGB", (40, 40), (55, 55, 55)), "PNG", icc_profile=linear_profile(name))
        assert one(images.open(data).image) == pytest.approx((128, 128, 128), abs=1)

    def test_srgb_leaves_the_pixels_alone(self, drawings):
        picture = drawings.painting()
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        assert images.open(drawings.file(picture, "PNG", icc_profile=profile)).image == picture

    @pytest.mark.parametrize("profile", [b"not a profile", b"\0" * 128, swapped_profile()[:300]])
    def test_a_broken_profile_is_passed_over(self, drawings, profile):
        picture = drawings.painting()
        assert images.open(drawings.file(picture, "PNG", icc_profile=profile)).image == picture

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
    @pytest.mark.parametrize("length", [900_000, 1_048_575, 1_048_576, 3_000_000])
    def test_a_long_profile_hurts_no_picture(self, kind, length):
        profile = swapped_profile() + bytes(length - len(swapped_profile()))
        data = saved(Image.new("RGB", (40, 40), (55, 55, 55)), kind, icc_profile=profile, **LOSSLESS[kind])
        assert one(images.open(data).image) == pytest.approx((55, 55, 55), abs=3)

    def test_a_profile_that_unfolds_without_end_is_passed_over(self, drawings):
        picture = drawings.painting()
        bomb = drawings.file(picture, "PNG", icc_profile=bytes(100_000_000))
        tracemalloc.start()
        opened = images.open(bomb).image
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert opened == picture
        assert peak < 20_000_000

    def test_a_profile_for_other_channels_is_passed_over(self, drawings):
        picture = drawings.painting()
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
        assert images.open(drawings.file(picture, "PNG", icc_profile=profile)).image == picture


# What the first row and the first column of the stored pixels are in the upright picture (Exif 3.0, 4.6.5.1.6).
FIRST_ROW_AND_COLUMN = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


class TestOrientation:
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
    @pytest.mark.parametrize("orientation", FIRST_ROW_AND_COLUMN)
    def test_the_picture_is_turned_upright(self, drawings, kind, orientation):
        upright = drawings.quadrants((96, 64))
        row, column = FIRST_ROW_AND_COLUMN[orientation]
        stored = np.asarray(upright)
        if row in {"left", "right"}:
            stored = stored.transpose(1, 0, 2)
        if row in {"bottom", "right"}:
            stored = stored[::-1]
        if column in {"bottom", "right"}:
            stored = stored[:, ::-1]
        exif = Image.Exif()
        exif[0x0112] = orientation
        data = drawings.file(
            Image.fromarray(np.ascontiguousarray(stored)), kind, exif=exif.tobytes(), **LOSSLESS[kind]
        )

        for opened in (images.open(data).image, images.decode(data)):
            assert opened.size == (96, 64)
            for at in ((10, 10), (85, 10), (10, 53), (85, 53)):
                assert opened.getpixel(at) == pytest.approx(upright.getpixel(at), abs=4)

    @pytest.mark.skipif("AVIF" not in images.FORMATS, reason="this Pillow reads no AVIF")
    def test_avif(self, drawings):
        exif = Image.Exif()
        exif[0x0112] = 6
        data = drawings.file(drawings.quadrants((96, 64)), "AVIF", exif=exif)
        opened = images.open(data).image
        assert opened.size == (64, 96)
        assert opened.getpixel((54, 10)) == pytest.approx(
            (255, 0, 0), abs=12
        )  # turned right: red is top right

    def test_a_turned_picture_is_not_turned_twice(self, drawings):
        exif = Image.Exif()
        exif[0x0112] = 6
        once = images.decode(drawings.file(drawings.quadrants((96, 64)), "PNG", exif=exif))
        assert images.decode(drawings.file(once, "PNG")) == once

    @pytest.mark.parametrize(
        "exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\0\x09", b"junk"]
    )
    def test_damaged_exif_does_not_hurt_the_picture(self, drawings, exif):
        picture = drawings.painting()
        assert images.open(drawings.file(picture, "PNG", exif=exif)).image == picture

    @pytest.mark.parametrize("orientation", [0, 9, 60_000])
    def test_an_orientation_that_does_not_exist_is_none(self, drawings, orientation):
        exif = Image.Exif()
        exif[0x0112] = orientation
        picture = drawings.painting()
        assert images.open(drawings.file(picture, "PNG", exif=exif)).image == picture


class TestFirstPicture:
    @pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
    def test_of_many_the_first_is_taken(self, kind):
        if kind not in images.FORMATS:
            pytest.skip(f"this Pillow reads no {kind}")
        frames = [Image.new("RGB", (48, 48), colour) for colour in ("red", "lime", "blue")]
        data = saved(frames[0], kind, save_all=True, append_images=frames[1:], **LOSSLESS[kind])
        assert Image.open(io.BytesIO(data)).n_frames == 3
        assert one(images.open(data).image) == pytest.approx((255, 0, 0), abs=4)

    @pytest.mark.parametrize("kind", ["GIF", "WEBP"])
    def test_the_others_are_not_even_decoded(self, kind, drawings):
        frames = [drawings.painting((64, 64), seed) for seed in range(12)]
        data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
        damaged = data[: len(data) * 3 // 4] + bytes(len(data) - len(data) * 3 // 4)
        assert images.open(damaged).image == images.open(data).image


class TestRefusals:
    """Each refusal has its own class, and says what to do."""

    @pytest.mark.parametrize("name", [None, "leer.png"])
    def test_empty(self, name):
        with pytest.raises(EmptyImageError, match=r"empty .*download it again"):
            images.open(b"", name=name)

    def test_an_empty_file(self, tmp_path):
        path = tmp_path / "nothing.jpg"
        path.touch()
        with pytest.raises(EmptyImageError, match=r"'nothing\.jpg' is empty"):
            images.open(path)

    @pytest.mark.parametrize(
        ("data", "found"),
        [
            (b"This is no picture.", "text"),
            ("Das hier ist größer, aber auch kein Bild. ".encode() * 9, "text"),
            (b"BM is how this letter starts, like a bitmap; it is none.", "text"),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "text"),
            (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "a PDF document"),
            (b"8BPS\0\x01" + bytes(30), "a Photoshop document"),
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC picture"),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "a HEIC picture"),
            (b"\xff\x0a\xfa\x1f" + bytes(30), "a JPEG XL picture"),
            (b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(30), "a JPEG 2000 picture"),
            (b"P6 40 40 255\n" + bytes(4800), "of an unknown kind"),
            (bytes(range(256)), "of an unknown kind"),
            (b"\xff", "of an unknown kind"),
            (b"some letters, then " + bytes(60), "of an unknown kind"),
            (b"x" * 64 + bytes(60), "text"),
        ],
    )
    def test_another_kind_of_file(self, data, found):
        with pytest.raises(UnsupportedImageError, match=f"'work.png' is {found}.*save it as PNG or JPEG"):
            images.open(data, name="work.png")

    @pytest.mark.parametrize(
        "start",
        [
            b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom",
            b"\0\0\0\x08wide\0\0\0\0",
            b"RIFF\0\0\0\0AVI ",
            b"\0\0\x01\xba",
            b"OggS\0\2",
            (b"G" + bytes(187)) * 3,
        ],
    )
    def test_a_video_is_sent_to_an_audit(self, start):
        with pytest.raises(UnsupportedImageError, match=r"is a video.*input of an audit"):
            images.open(start + bytes(30), name="clip")

    def test_an_archive_among_pictures_is_unpacked_or_named_itself(self):
        with pytest.raises(
            UnsupportedImageError, match=r"a zip archive.*unpack it, or name the archive itself"
        ):
            images.open(b"PK\x03\x04\x14\0" + bytes(30), name="works.zip")

    @pytest.mark.parametrize("kind", ["PPM", "ICO", "TGA", "SGI", "PCX", "EPS", "DIB"])
    def test_formats_pillow_knows_but_verso_does_not(self, drawings, kind):
        with pytest.raises(UnsupportedImageError, match="save it as PNG or JPEG"):
            images.open(drawings.file(drawings.painting(), kind))

    @EVERY_FORMAT
    @pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
    def test_truncated(self, drawings, kind, part):
        data = drawings.file(drawings.painting((200, 160)), kind)
        with pytest.raises(CorruptImageError, match=f"'cut.x' starts like {kind} .*download it again"):
            images.open(data[: int(len(data) * part)], name="cut.x")

    @pytest.mark.parametrize("length", range(2, 60, 6))
    def test_cut_off_in_its_header(self, drawings, length):
        for kind in images.FORMATS:
            data = drawings.file(drawings.painting(), kind)
            with pytest.raises((CorruptImageError, UnsupportedImageError), match="save it"):
                images.open(data[:length])

    def test_a_wrong_checksum(self, drawings):
        data = bytearray(drawings.file(drawings.painting()))
        data[20] ^= 1
        with pytest.raises(CorruptImageError, match="damaged"):
            images.open(bytes(data))

    def test_a_text_chunk_that_unpacks_without_end(self, drawings):
        information = PngImagePlugin.PngInfo()
        information.add_text("comment", "a" * 30_000_000, zip=True)
        opened = images.open(drawings.file(drawings.painting(), pnginfo=information))
        assert opened.image.tobytes() == drawings.painting().tobytes()

    def test_many_texts_that_unpack_to_much_take_little_memory(self, drawings):
        information = PngImagePlugin.PngInfo()
        for number in range(200):
            information.add_text(f"comment {number}", "a" * 1_100_000, zip=True)
        data = drawings.file(drawings.painting(), pnginfo=information)
        tracemalloc.start()
        images.open(data)
        texts = images.metadata(data).texts
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(texts) == image_headers.MOST_CUT_TEXTS
        assert peak < 60_000_000

    def test_a_small_file_of_long_runs_is_refused_before_its_decoder_takes_long(self):
        runs = b"BM" + bytes(8) + b"\x36\4\0\0" + b"\x28\0\0\0" + (312_500).to_bytes(4, "little")
        runs += (
            (32).to_bytes(4, "little")
            + b"\1\0\x08\0\1\0\0\0"
            + bytes(20)
            + bytes(1024)
            + b"\1\5\0\0" * 32
            + b"\0\1"
        )
        with pytest.raises(CorruptImageError, match="takes too long to read"):
            images.open(runs)

    def test_a_tall_order_in_a_few_bytes(self, monkeypatch):
        monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: pytest.fail("pixels were asked for"))
        with pytest.raises(
            ImageTooLargeError, match=r"60000 x 60000 pixels \(3,600.0 megapixels\).*smaller copy"
        ):
            images.open(png(60_000, 60_000, rows=b"\0"))

    @EVERY_FORMAT
    def test_pixels_are_counted_before_they_are_decoded(self, drawings, monkeypatch, kind):
        data = drawings.file(drawings.painting((80, 50)), kind)
        assert images.open(data, limits=images.Limits(max_pixels=4000)).width == 80
        monkeypatch.setattr(
            ImageFile.ImageFile, "load_prepare", lambda _: pytest.fail("pixels were allocated")
        )
        if kind == "WEBP":  # its decoder allocates a canvas when it is made
            monkeypatch.setitem(images._DECODERS, kind, lambda _: pytest.fail("the canvas was allocated"))
        with pytest.raises(ImageTooLargeError, match="80 x 50 pixels"):
            images.open(data, limits=images.Limits(max_pixels=3999))

    def test_the_default_limits_are_those_of_the_design(self):
        assert images.Limits() == images.Limits(max_bytes=50_000_000, max_pixels=100_000_000, min_side=32)

    @pytest.mark.parametrize(
        "kind", [kind for kind in images.FORMATS if kind != "TIFF"]
    )  # Pillow checks TIFF twice
    def test_pillows_own_pixel_limit_decides_nothing(self, drawings, monkeypatch, recwarn, kind):
        data = drawings.file(drawings.painting((80, 50)), kind)
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)
        assert images.open(data).image.size == (80, 50)
        assert not recwarn.list

    @pytest.mark.parametrize("size", [(1, 1), (5, 20_000), (20_000, 5), (31, 400)])
    def test_too_few_pixels_to_judge(self, size):
        data = saved(Image.new("RGB", size, "teal"), "PNG")
        with pytest.raises(
            ImageTooSmallError, match=f"{size[0]} x {size[1]} pixels.*at least 32 .*larger copy"
        ):
            images.open(data)

    def test_the_smallest_picture(self):
        assert images.open(saved(Image.new("RGB", (32, 32), "teal"), "PNG")).image.size == (32, 32)

    def test_a_frame_of_a_video_is_held_to_the_limits_of_pixels_alone(self, drawings):
        picture = drawings.painting((80, 50))
        artwork = images.frame(picture, name="clip.mp4", limits=images.Limits(max_bytes=1, max_pixels=4000))
        assert (artwork.image, artwork.width, artwork.height, artwork.name) == (picture, 80, 50, "clip.mp4")
        assert (artwork.file, artwork.format, artwork.sha256, artwork.size_bytes) == (b"", "", "", 0)
        with pytest.raises(ImageTooLargeError, match=r"'clip\.mp4'.*80 x 50 pixels"):
            images.frame(picture, name="clip.mp4", limits=images.Limits(max_pixels=3999))
        with pytest.raises(ImageTooSmallError, match="31 x 50 pixels"):
            images.frame(drawings.painting((31, 50)))

    def test_too_many_bytes(self, drawings):
        data = drawings.file(drawings.painting())
        with pytest.raises(ImageTooLargeError, match=r"limit of 0.0 MB a file: save a smaller copy"):
            images.open(data, limits=images.Limits(max_bytes=len(data) - 1))
        assert images.open(data, limits=images.Limits(max_bytes=len(data)))

    def test_too_many_bytes_on_disk_are_not_read(self, tmp_path, monkeypatch):
        path = tmp_path / "huge.png"
        with path.open("wb") as file:
            file.truncate(60_000_000)
        monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("the file was opened"))
        with pytest.raises(ImageTooLargeError, match=r"'huge\.png' has 60\.0 MB, over the limit of 50\.0 MB"):
            images.open(path)

    def test_a_file_that_grows_while_it_is_read_is_still_bounded(self, tmp_path, monkeypatch):
        class Growing(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                assert size == 1001, "asked for more than needed to see that it is too much"
                return bytes(size)

        path = tmp_path / "growing.png"
        path.write_bytes(bytes(10))
        monkeypatch.setattr(Path, "open", lambda *_: Growing())
        with pytest.raises(ImageTooLargeError, match="over the limit"):
            images.open(path, limits=images.Limits(max_bytes=1000))

    def test_a_missing_path(self, tmp_path):
        with pytest.raises(UnreadableFileError, match=r"'gone\.png' does not exist: check the path"):
            images.open(tmp_path / "gone.png")

    def test_a_folder(self, tmp_path):
        with pytest.raises(UnreadableFileError, match=r"is a folder.*choose a file in it"):
            images.open(tmp_path)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
    def test_a_pipe_is_not_waited_for(self, tmp_path):
        pipe = tmp_path / "pipe.png"
        os.mkfifo(pipe)
        with pytest.raises(UnreadableFileError, match="not a regular file: choose an image file"):
            images.open(pipe)

    def test_a_forbidden_file(self, drawings, tmp_path, monkeypatch):
        path = tmp_path / "private.png"
        path.write_bytes(drawings.file(drawings.painting()))

        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
        with pytest.raises(UnreadableFileError, match=r"may not be read.*change its permissions"):
            images.open(path)

    @pytest.mark.parametrize("name", ["nul\0.png", "x" * 5000])
    def test_an_impossible_path(self, tmp_path, name):
        with pytest.raises(UnreadableFileError, match="check the path"):
            images.open(tmp_path / name)


def test_a_stream_is_read_whole_or_to_the_bound_without_room_for_all_that_it_might_hold():
    data = bytes(range(256)) * 10_000
    asked = []

    class Stream(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            asked.append(size)
            return super().read(size)

    assert images.read_at_most(Stream(data), 50_000_001) == data
    assert images.read_at_most(Stream(data), 2_000_001) == data[:2_000_001]
    assert images.read_at_most(Stream(b""), 10) == b""
    assert max(asked) <= 2**20


class TestDecode:
    def test_alpha_is_left_to_the_caller(self, drawings):
        picture = drawings.cutout()
        assert images.decode(drawings.file(picture)) == picture

    @pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
    def test_the_mode_is_kept(self, drawings, mode):
        picture = drawings.painting().convert(mode)
        assert images.decode(drawings.file(picture)).mode == mode

    def test_the_palette_keeps_its_transparent_entry(self, drawings):
        decoded = images.decode(drawings.file(drawings.quadrants().quantize(4), transparency=2))
        assert decoded.info == {"transparency": 2}

    def test_deep_greys_come_in_8_bits(self):
        levels = np.full((40, 40), 30_000, dtype=np.uint16)
        decoded = images.decode(saved(Image.fromarray(levels), "PNG"))
        assert (decoded.mode, one(decoded)) == ("L", 117)

    def test_refusals_name_the_picture(self):
        with pytest.raises(UnsupportedImageError, match=r"'a\.png' is text"):
            images.decode(b"no picture", name="a.png")


class TestJpeg:
    def test_a_round_trip_changes_little_at_high_quality_and_more_at_low(self, drawings):
        picture = drawings.painting((128, 96))
        high, low = (images.recompress(picture, quality) for quality in (95, 20))
        assert (high.mode, high.size, high.info) == ("RGB", (128, 96), {})
        error_high, error_low = (
            np.abs(np.asarray(again, dtype=int) - np.asarray(picture, dtype=int)).mean()
            for again in (high, low)
        )
        assert 0 < error_high < error_low < 32

    def test_grey_stays_grey(self, drawings):
        assert images.recompress(drawings.painting().convert("L"), 80).mode == "L"

    def test_it_is_what_the_encoder_writes(self, drawings):
        picture = drawings.painting()
        assert images.recompress(picture, 82) == images.open(images.encode_jpeg(picture, 82)).image

    def test_lower_quality_is_smaller_and_worse(self, drawings):
        picture = drawings.painting((128, 96))
        assert len(images.encode_jpeg(picture, 30)) < len(images.encode_jpeg(picture, 90))

    @pytest.mark.parametrize("quality", [0, 101, -3])
    def test_quality_out_of_range(self, drawings, quality):
        with pytest.raises(ValueError, match=f"from 1 to 100, not {quality}"):
            images.encode_jpeg(drawings.painting(), quality)


def test_extensions_are_those_of_the_formats():
    assert {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif"} <= images.EXTENSIONS
    assert (".avif" in images.EXTENSIONS) == ("AVIF" in images.FORMATS)
    assert all(extension == extension.lower() for extension in images.EXTENSIONS)


def sample_files() -> list[bytes]:
    """One file of every format and of every way of storing pixels in it."""
    gradient = Image.linear_gradient("L").resize((40, 36))
    colours = Image.merge(
        "RGB", (gradient, gradient.rotate(180), gradient.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    )
    deep = Image.fromarray(np.asarray(gradient, dtype=np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "a description"
    rich = {"exif": exif.tobytes(), "icc_profile": swapped_profile()}
    translucent = colours.copy()
    translucent.putalpha(gradient)
    more = {"save_all": True, "append_images": [colours.rotate(90)]}
    text = PngImagePlugin.PngInfo()
    text.add_text("parameters", "a painting " * 20, zip=True)
    files = [
        saved(colours, "JPEG", **rich),
        saved(colours, "JPEG", progressive=True),
        saved(colours.convert("CMYK"), "JPEG"),
        saved(gradient, "JPEG"),
        *(saved(p, "PNG") for p in (colours, gradient, deep, translucent, colours.convert("1"))),
        saved(colours.quantize(8), "PNG", transparency=b"\0\x40\x80"),
        saved(colours, "PNG", pnginfo=text, **rich),
        saved(colours, "PNG", **more),
        saved(colours, "WEBP", **rich),
        saved(translucent, "WEBP", lossless=True),
        saved(translucent, "WEBP", **more),
        *(
            saved(p, "TIFF")
            for p in (colours, deep, translucent, colours.convert("CMYK"), colours.quantize(8))
        ),
        *(
            saved(colours, "TIFF", compression=c)
            for c in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
        ),
        saved(colours.convert("1"), "TIFF", compression="group4"),
        saved(gradient.convert("F"), "TIFF"),
        *(saved(p, "BMP") for p in (colours, gradient, translucent, colours.convert("1"))),
        saved(colours, "GIF"),
        saved(colours.quantize(8), "GIF", transparency=0, **more),
    ]
    if "AVIF" in images.FORMATS:
        files += [saved(colours, "AVIF", **rich), saved(translucent, "AVIF")]
    return files


SAMPLES = sample_files()
EDITS = st.lists(
    st.tuples(
        st.integers(0, 20_000),  # where, from the start or (when odd) from the end
        st.sampled_from(["replace", "insert", "remove"]),
        st.binary(min_size=1, max_size=8)
        | st.sampled_from([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"]),
    ),
    max_size=6,
)


def mutated(data: bytes, edits: list[tuple[int, str, bytes]], keep: float) -> bytes:
    for where, kind, piece in edits:
        half = where // 2 % (len(data) + 1)
        at = half if where % 2 == 0 else len(data) - half
        rest = data[at + len(piece) :] if kind != "insert" else data[at:]
        data = data[:at] + (b"" if kind == "remove" else piece) + rest
    return data[: int(len(data) * keep)]


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's remarks on odd metadata
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
class TestHostileBytes:
    LIMITS = images.Limits(max_pixels=1_000_000)

    def test_the_samples_open(self):
        assert {images.open(data).format for data in SAMPLES} == set(images.FORMATS)

    @given(st.sampled_from(SAMPLES), EDITS, st.just(1.0) | st.floats(0, 1))
    @settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def test_damaged_files_open_or_are_refused(self, data, edits, keep):
        self.open_or_refuse(mutated(data, edits, keep))

    @given(st.sampled_from([data[:16] for data in SAMPLES]), st.binary(max_size=400))
    @settings(max_examples=200, deadline=None)
    @example(b"", b"")
    def test_noise_behind_a_true_signature(self, start, noise):
        self.open_or_refuse(start + noise)

    def open_or_refuse(self, data: bytes) -> None:
        try:
            artwork = images.open(data, limits=self.LIMITS)
        except ImageError:
            return
        assert artwork.image.mode == "RGB"
        assert artwork.image.size == (artwork.width, artwork.height)


def test_threads_do_not_disturb_each_other():
    alone = [images.open(data).image for data in SAMPLES]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda data: images.open(data).image, SAMPLES * 6))
    assert together == alone * 6


def test_real_artworks_open(shared_data):
    with (shared_data / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "train"][::200]
    for row in rows:
        artwork = images.open(shared_data / "images" / row["sha256"][:2] / f"{row['sha256']}.jpg")
        assert artwork.sha256 == row["sha256"]
        assert (artwork.width, artwork.height) == (int(row["width"]), int(row["height"]))


class TestEnough:
    @pytest.mark.parametrize(
        ("size", "enough", "expected"),
        [
            ((800, 600), 300, (400, 300)),
            ((800, 600), 301, (800, 600)),
            ((803, 605), 70, (101, 76)),
            ((800, 600), 10, (100, 75)),
            ((64, 48), 704, (64, 48)),
        ],
    )
    def test_a_jpeg_is_decoded_no_further_down_than_is_enough(self, drawings, size, enough, expected):
        artwork = images.open(drawings.file(drawings.painting(size), "JPEG"), enough=enough)
        assert artwork.image.size == expected
        assert (artwork.width, artwork.height) == size
        assert (
            artwork.preview(50).size == images.open(drawings.file(drawings.painting(size))).preview(50).size
        )

    def test_it_shows_the_same_picture(self, drawings):
        data = drawings.file(drawings.painting((800, 600)), "JPEG", quality=95)
        whole, scaled = images.open(data), images.open(data, enough=300)
        half = whole.image.resize((400, 300), Image.Resampling.BOX)
        assert np.abs(np.asarray(half, int) - np.asarray(scaled.image, int)).mean() < 1

    def test_a_turned_one_tells_its_upright_size(self, drawings):
        exif = Image.Exif()
        exif[0x0112] = 6
        data = drawings.file(drawings.painting((800, 600)), "JPEG", exif=exif.tobytes())
        artwork = images.open(data, enough=300)
        assert artwork.image.size == (300, 400)
        assert (artwork.width, artwork.height) == (600, 800)

    def test_other_formats_are_decoded_whole(self, drawings):
        picture = drawings.painting((800, 600))
        assert images.open(drawings.file(picture, "PNG"), enough=100).image == picture


def test_what_is_done_to_a_picture_before_it_is_looked_at_is_told(drawings):
    picture, turned = drawings.painting((64, 48), 1), Image.Exif()
    turned[0x0112] = 6
    assert images.changes(saved(picture, "PNG")) == images.changes(saved(picture, "GIF")) == {}
    assert "sRGB" in images.changes(saved(picture.convert("CMYK"), "JPEG"))["Colours"]
    assert "white" in images.changes(saved(drawings.cutout(), "PNG"))["Transparency"]
    for kind in ("JPEG", "TIFF", "PNG", "WEBP"):
        assert list(images.changes(saved(picture, kind, exif=turned))) == ["Orientation"], kind
    for kind in ("GIF", "PNG", "WEBP", "TIFF"):
        frames = [drawings.painting((64, 48), seed) for seed in (2, 3)]
        told = images.changes(saved(picture, kind, save_all=True, append_images=frames))
        assert "only the first" in told["Pictures in it"], kind


def test_what_was_cut_off_after_the_first_picture_is_no_error(drawings):
    frames = [drawings.painting((64, 48), seed) for seed in (2, 3)]
    data = saved(drawings.painting((64, 48), 1), "GIF", save_all=True, append_images=frames)
    for length in range(images.open(data).size_bytes // 2, len(data), 97):
        images.changes(data[:length])


@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "WEBP", "PNG"])
@pytest.mark.parametrize("make", ["", "Canon"])
def test_only_exif_turns_a_picture_as_in_browsers(drawings, kind, make):
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
    )
    exif = Image.Exif()
    if make:
        exif[ExifTags.Base.Make] = make
    options = {"exif": exif} if make else {}
    if kind == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp.decode())
    elif kind == "TIFF":
        options = {"tiffinfo": {700: xmp} | ({ExifTags.Base.Make: make} if make else {})}
    else:
        options["xmp"] = xmp
    data = drawings.file(drawings.painting((60, 40)), kind, **options)
    assert images.open(data).image.size == (60, 40)
    assert "Orientation" not in images.changes(data)


def test_a_turned_picture_that_is_nearly_square_keeps_its_size_when_reduced(drawings):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    data = drawings.file(drawings.painting((799, 800)), "JPEG", exif=exif)
    for enough in (None, 100):
        opened = images.open(data, enough=enough)
        assert (opened.width, opened.height) == (800, 799)


@pytest.mark.parametrize(
    ("depth", "kind", "clear", "row"),
    [
        (1, 0, b"\0\1", b"\xff" * 8),
        (2, 0, b"\0\1", b"\x55" * 16),
        (4, 0, b"\0\5", b"\x55" * 32),
        (8, 0, b"\0\x12", b"\x12" * 64),
        (8, 2, b"\0\1\0\2\0\3", b"\1\2\3" * 64),
    ],
)
def test_the_one_clear_colour_of_a_png_is_laid_over_white_at_any_depth(depth, kind, clear, row):
    def chunk(name, body):
        return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")

    head = (64).to_bytes(4, "big") * 2 + bytes([depth, kind, 0, 0, 0])
    pixels = zlib.compress(b"".join(b"\0" + row for _ in range(64)))
    parts = (b"IHDR", head), (b"tRNS", clear), (b"IDAT", pixels), (b"IEND", b"")
    data = b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)
    assert images.open(data).image.getpixel((3, 3)) == (255, 255, 255)
