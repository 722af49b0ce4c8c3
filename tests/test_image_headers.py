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
        b"",
    ]
)


@given(START, st.binary(max_size=200))
def test_nothing_is_raised_over_noise(start, noise):
    data = start + noise
    kind = image_headers.recognise(data)
    assert image_headers.describe_stranger(data)
    image_headers.webp_size(data)
    for counted in image_headers.MAX_PARTS:
        assert image_headers.count_parts(data, counted) >= 0
    assert kind is None or kind in {"JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF"}
