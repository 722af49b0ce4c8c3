import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core import image_headers, images
from core.errors import CorruptImageError, ImageTooLargeError


def png_chunks(name: bytes, body: bytes, count: int) -> bytes:
    return (struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))) * count


def gif_start(data: bytes) -> int:
    """Where the blocks of a GIF begin, after its table of colours."""
    return 13 + (3 << (data[10] & 7) + 1)


def tiff(side: int, tags: dict[int, list[int]], body: bytes, packing: int = 8, again: bytes = b"") -> bytes:
    """A grey TIFF of `side` x `side` pixels, by default packed with Deflate, made by hand (TIFF 6.0).

    Places in `tags` count from the start of `body`. `again` is an entry more, in front of all others.
    """
    tags = {256: [side], 257: [side], 258: [8], 259: [packing], 262: [1], 277: [1]} | tags
    end = 8 + 2 + 12 * len(tags) + len(again) + 4
    body_at = end + sum(4 * len(numbers) for numbers in tags.values() if len(numbers) > 1)
    entries, tables = again, b""
    for tag, numbers in sorted(tags.items()):
        given = [number + body_at for number in numbers] if tag in {273, 324} else numbers
        place = [end + len(tables)] if len(given) > 1 else given
        entries += struct.pack("<HHII", tag, 4, len(given), *place)
        tables += struct.pack(f"<{len(given)}I", *given) if len(given) > 1 else b""
    return b"II*\0" + struct.pack("<IH", 8, len(entries) // 12) + entries + bytes(4) + tables + body


def in_tiles(side: int, tile: tuple[int, int], count: int, body: bytes, **options) -> bytes:
    """A TIFF whose tiles all lie at the same bytes."""
    width, length = tile
    tags = {322: [width], 323: [length], 324: [0] * count, 325: [len(body)] * count}
    return tiff(side, tags, body, **options)


class TestStallingFiles:
    """Few bytes that would keep a decoder busy for hours are refused before it sees them."""

    def refused(self, data: bytes) -> None:
        with pytest.raises(CorruptImageError, match=r"more than [0-9,]+ parts.*save it anew as PNG or JPEG"):
            images.open(data)

    def test_a_jpeg_of_thousands_of_scans(self, drawings):
        data = drawings.file(drawings.painting(), "JPEG", progressive=True)
        at = data.rindex(b"\xff\xda")
        last_scan = data[at:-2]
        assert images.open(data[:-2] + last_scan * 20 + data[-2:])
        self.refused(data[:-2] + last_scan * 2000 + data[-2:])

    def test_a_jpeg_of_thousands_of_segments(self, drawings):
        data = drawings.file(drawings.painting(), "JPEG")
        self.refused(data[:2] + b"\xff\xe2\0\x04ab" * 2000 + data[2:])

    def test_what_follows_the_only_scan_of_a_jpeg_stalls_nobody(self, drawings):
        data = drawings.file(drawings.painting(), "JPEG")
        scan = data[data.rindex(b"\xff\xda") : -2]
        segments = images.open(data[:-2] + b"\xff\xe2\0\x04ab" * 2000 + data[-2:])
        assert segments.image.tobytes() == images.open(data).image.tobytes()
        with pytest.raises(CorruptImageError):
            images.open(data[:-2] + scan * 2000 + data[-2:])

    @pytest.mark.parametrize("name", [b"iCCP", b"tEXt", b"prVt"])
    @pytest.mark.parametrize("at", [33, -12])
    def test_a_png_of_thousands_of_chunks(self, drawings, name, at):
        data = drawings.file(drawings.painting())
        self.refused(data[:at] + png_chunks(name, b"a\0\0", 2000) + data[at:])

    @pytest.mark.parametrize("body", [b"", b"a"])
    def test_a_png_whose_pixels_are_cut_into_countless_chunks(self, drawings, body):
        data = drawings.file(drawings.painting())
        self.refused(data[:33] + png_chunks(b"IDAT", body, 250_000) + data[33:])

    def test_a_png_whose_pixels_are_cut_into_thousands_of_chunks_is_read(self, drawings):
        data = drawings.file(drawings.painting())
        cut = images.open(data[:33] + png_chunks(b"IDAT", b"", 20_000) + data[33:])
        assert cut.image == drawings.painting()

    @pytest.mark.parametrize("order", ["<", ">"])
    @pytest.mark.parametrize("big", [False, True])
    def test_a_tiff_of_a_million_strips(self, order, big):
        strips = 1_000_000
        mark = b"II" if order == "<" else b"MM"
        if big:
            start = mark + struct.pack(f"{order}HHHQQ", 43, 8, 0, 16, 1)
            entry = struct.pack(f"{order}HHQQ", 273, 4, strips, 8)
        else:
            start = mark + struct.pack(f"{order}HIH", 42, 8, 1)
            entry = struct.pack(f"{order}HHII", 273, 4, strips, 8)
        self.refused(start + entry + bytes(8) + bytes(4 * strips))

    @pytest.mark.parametrize(
        "extension",
        [b"!\xfe\1a\0", b"!\xfe\0", b"!\xff\0\0", b"!\xf9\4\0\0\0\0\0", b"!\xff\x0bNETSCAPE2.0\0\0"],
    )
    def test_a_gif_of_thousands_of_extensions(self, drawings, extension):
        data = drawings.file(drawings.painting(), "GIF")
        at = gif_start(data)
        assert images.open(data[:at] + extension * 900 + data[at:]).image == images.open(data).image
        self.refused(data[:at] + extension * 2000 + data[at:])
        self.refused(data[:-1] + extension * 2000 + data[-1:])

    @pytest.mark.parametrize("start", [b"!\xfe", b"!\xff\x0bNETSCAPE2.0\0", b"!\xf9\0", b""])
    def test_a_gif_of_countless_blocks(self, drawings, start):
        data = drawings.file(drawings.painting(), "GIF")
        at = gif_start(data)
        self.refused(data[:at] + start + b"\1a" * 250_000 + b"\0" + data[at:])

    def test_a_gif_with_much_in_its_extensions_is_read(self, drawings):
        data = drawings.file(drawings.painting(), "GIF")
        at = gif_start(data)
        much = b"!\xff\x0bC2PA_GIF\1\0\0" + (b"\xff" + bytes(255)) * 20_000 + b"\0"
        assert images.open(data[:at] + much + data[at:]).image == images.open(data).image


class TestTiles:
    """The tiles of a TIFF may be larger than its picture, and may all lie at the same few bytes."""

    def refused(self, data: bytes) -> None:
        with pytest.raises(
            CorruptImageError, match=r"tiles hold far more than its picture.*save it anew as PNG"
        ):
            images.open(data)

    @pytest.mark.parametrize("side", [256, 512, 1024, 4096])
    def test_a_small_picture_in_one_ordinary_tile_is_read(self, side):
        body = zlib.compress(b"\x4d" * side**2)
        assert images.open(in_tiles(64, (side, side), 1, body)).image.getpixel((63, 63)) == (77, 77, 77)

    def test_a_ribbon_in_wide_tiles_is_read(self):
        body = zlib.compress(bytes(512**2))
        data = in_tiles(64, (512, 512), 40, body).replace(
            struct.pack("<HHII", 257, 4, 1, 64), struct.pack("<HHII", 257, 4, 1, 40 * 512)
        )
        assert images.open(data).image.size == (64, 40 * 512)

    def test_a_picture_in_equal_tiles_is_read(self):
        body = zlib.compress(bytes(64**2))
        assert images.open(in_tiles(4096, (64, 64), 64**2, body)).image.size == (4096, 4096)

    def test_a_tile_much_larger_than_the_picture(self):
        self.refused(in_tiles(64, (16_384, 16_384), 1, b""))

    def test_a_large_tile_behind_a_small_one_of_the_same_tag(self):
        again = struct.pack("<HHII", 323, 4, 1, 16_384)
        self.refused(in_tiles(64, (16_384, 64), 1, b"", again=again))

    def test_wide_tiles_under_a_narrow_picture(self):
        self.refused(in_tiles(4096, (100_000, 16), 256, b""))

    def test_more_tiles_than_cover_the_picture(self):
        self.refused(in_tiles(4096, (4095, 4095), 100, b"", packing=1))

    def test_tiles_that_are_read_from_the_same_bytes_again_and_again(self):
        nothing = zlib.compress(bytes(16 * 16))[:2] + b"\0\0\0\xff\xff" * 40_000
        self.refused(in_tiles(512, (16, 16), 1024, nothing))

    def test_strips_that_are_read_from_the_same_bytes_again_and_again(self):
        nothing = b"\x78\x9c" + b"\0\0\0\xff\xff" * 40_000
        tags = {273: [0] * 512, 278: [1], 279: [len(nothing)] * 512}
        self.refused(tiff(512, tags, nothing))


class TestLegitimateFiles:
    def test_a_jpeg_with_a_long_profile_and_much_exif(self, drawings):
        data = drawings.file(drawings.painting(), "JPEG", icc_profile=bytes(2_000_000))
        assert images.open(data)

    def test_what_follows_the_end_of_a_jpeg_does_not_count(self, drawings):
        data = drawings.file(drawings.painting(), "JPEG") + b"\xff\xda\0\x02" * 5000
        assert images.open(data)

    def test_a_long_animation(self, drawings):
        frames = [drawings.painting((32, 32), seed) for seed in range(600)]
        data = drawings.file(frames[0], save_all=True, append_images=frames[1:])
        assert images.open(data).image.size == (32, 32)

    def test_a_tiff_with_one_strip_a_row(self, drawings):
        picture = drawings.painting((32, 20_000))
        assert images.open(drawings.file(picture, "TIFF", tiffinfo={278: 1})).image == picture


class TestWebpSize:
    @pytest.mark.parametrize(
        "options",
        [{}, {"lossless": True}, {"exif": b"Exif\0\0MM"}, {"lossless": True, "exif": b"Exif\0\0MM"}],
    )
    @pytest.mark.parametrize("size", [(33, 47), (1000, 32), (16_383, 32)])
    def test_agrees_with_the_decoder(self, options, size):
        buffer = io.BytesIO()
        Image.new("RGB", size, "teal").save(buffer, "WEBP", **options)
        assert image_headers.webp_size(buffer.getvalue()) == size

    def test_a_canvas_of_many_pixels_is_refused(self, drawings, monkeypatch):
        data = bytearray(drawings.file(drawings.cutout(), "WEBP", exif=b"Exif\0\0MM"))
        assert data[12:16] == b"VP8X"
        data[24:30] = b"\xff" * 6
        monkeypatch.setitem(images._DECODERS, "WEBP", lambda _: pytest.fail("the canvas was allocated"))
        with pytest.raises(ImageTooLargeError, match="16777216 x 16777216 pixels"):
            images.open(bytes(data))


START = st.sampled_from(
    [
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"II*\0",
        b"MM\0*",
        b"II+\0\x08\0\0\0",
        b"MM\0+\0\x08\0\0",
        b"RIFFabcdWEBPVP8X",
        b"GIF89a",
        b"",
    ]
)


@given(START, st.binary(max_size=200))
def test_nothing_is_raised_over_noise(start, noise):
    data = start + noise
    kind = image_headers.recognise(data)
    assert image_headers.describe_stranger(data)
    image_headers.webp_size(data)
    assert min(image_headers.tiff_work(data)) >= 0
    for counted in image_headers.MAX_PARTS:
        assert image_headers.count_parts(data, counted) >= 0
    assert kind is None or kind in {"JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF"}
