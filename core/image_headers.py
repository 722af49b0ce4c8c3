"""What a file's bytes tell of it before any decoder sees them: its format, and how many parts it has.

Pure functions over hostile bytes: at worst they answer wrongly, they never raise and never take long.
"""

import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

_SIGNATURES: Final[dict[str, re.Pattern[bytes]]] = {
    "JPEG": re.compile(rb"\xff\xd8\xff"),
    "PNG": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "WEBP": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    "TIFF": re.compile(rb"II[*+]\0|MM\0[*+]"),
    "BMP": re.compile(rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", re.DOTALL),  # a known length of header
    "GIF": re.compile(rb"GIF8[79]a"),
    "AVIF": re.compile(rb".{4}ftyp(?:.{4}){0,30}?avi[fs]", re.DOTALL),  # a brand of ISO/IEC 14496-12, 4.3
}

VIDEOS: Final[dict[str, re.Pattern[bytes]]] = {
    "MP4": re.compile(  # the size of what is a word as well has a first byte that no text has: "The free ..." is one
        rb".{4}(?:ftyp.{4}|moov|mdat)|[\0-\x08].{3}(?:wide|free|skip)", re.DOTALL
    ),
    "MATROSKA": re.compile(rb"\x1aE\xdf\xa3"),
    "AVI": re.compile(rb"RIFF.{4}AVI ", re.DOTALL),
    "MPEG-PS": re.compile(rb"\0\0\x01\xba"),
    "MPEG-TS": re.compile(rb"G.{187}G.{187}G", re.DOTALL),
    "OGG": re.compile(rb"OggS"),
    "FLV": re.compile(rb"FLV\x01"),
    "ASF": re.compile(rb"0&\xb2u\x8ef\xcf\x11"),
}
"""How videos begin, unless they are pictures or HEIC: see `core.video_formats`."""

_LETTER: Final = rb"[^\x00-\x08\x0e-\x1f\xc0\xc1\xf5-\xff]"  # printable, and no byte that UTF-8 forbids
# Files that people often try, so that a refusal can name them.
_STRANGERS: Final[dict[str, Sequence[re.Pattern[bytes]]]] = {
    "a HEIC picture": [re.compile(rb".{4}ftyp(?:he[iv]|mif1|msf1)", re.DOTALL)],
    "a video": [*VIDEOS.values()],
    "a JPEG XL picture": [re.compile(rb"\xff\x0a|\0\0\0\x0cJXL ")],
    "a JPEG 2000 picture": [re.compile(rb"\0\0\0\x0cjP  ")],
    "a Photoshop document": [re.compile(rb"8BPS")],
    "a PDF document": [re.compile(rb"%PDF")],
    "a zip archive or office document": [re.compile(rb"PK\x03\x04")],
    "text": [re.compile(_LETTER + rb"{64}|" + _LETTER + rb"{1,63}\Z")],
}

NO_PICTURES: Final = frozenset({"a PDF document", "a zip archive or office document", "text"})
"""Strangers that are no damaged and no foreign pictures."""

REMEDIES: Final = {
    "a video": "name it as an input of an audit (`python -m core audit`), which judges videos shot by shot",
    "a zip archive or office document": "unpack it, or name the archive itself as an input of an audit",
}
"""What to do with strangers that are not saved as pictures."""

# A real picture stays far below; a file above can keep a decoder busy for hours, or fill the memory.
MAX_PARTS: Final = {"JPEG": 1_000, "PNG": 1_000, "TIFF": 200_000, "GIF": 1_000}

_JPEG_MARKER: Final = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])", re.DOTALL)
_JPEG_END: Final = b"\xd9"
_JPEG_SCAN: Final = b"\xda"
_JPEG_SEQUENTIAL: Final = {b"\xc0", b"\xc1", b"\xc9"}  # frames that may be one scan
_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_PNG_HEADER: Final = 33  # signature and IHDR
_PNG_DEPTH: Final = 24
_PNG_PIXELS: Final = {b"IDAT", b"fdAT", b"fcTL"}
_PIXELS_A_PART: Final = 200
_GIF_HEADER: Final = 13
_GIF_PICTURE: Final = 9
_GIF_PICTURES: Final = 2  # it takes the second to tell that a GIF moves
_GIF_COMMENT: Final = b"\xfe"
_GIF_LOOP: Final = b"\xff\x0bNETSCAPE2.0"
_GIF_XMP: Final = b"!\xff\x0bXMP DataXMP"
_GIF_XMP_END: Final = b"\1" + bytes(range(255, -1, -1)) + b"\0"
_PNG_TEXTS: Final = {b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"comf"}
"""Chunks of text and EXIF, and the one in which ComfyUI saves the settings of an animation."""
_PNG_COMPRESSED: Final = {
    b"zTXt": re.compile(rb"([^\x00]{1,79}\x00)\x00"),
    b"iTXt": re.compile(rb"([^\x00]{1,79}\x00)\x01\x00([^\x00]*\x00[^\x00]*\x00)"),
}
"""How the chunks of compressed texts begin (PNG, third edition, 11.3.3)."""
_PNG_FOLDED: Final = {b"iCCP", *_PNG_COMPRESSED}
LONGEST_TEXT: Final = 1_000_001
"""Bytes that are left of a compressed text: more than any reader of texts takes."""
MOST_CUT_TEXTS: Final = 8
LONGEST_PROFILE: Final = 1 << 20
"""Bytes that a PNG's colour profile must stay below: Pillow refuses the picture of a longer one."""
_WEBP_HEADER: Final = 30
_TIFF_BYTES_TYPES: Final = {1, 2, 6, 7}
_TIFF_NUMBERS: Final = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q"}
"""Forms (of `struct`) of the types of whole numbers (TIFF 6.0, section 2; BigTIFF)."""
_WIDTH, _LENGTH = 256, 257
_STRIPS, _STRIP_ROWS, _STRIP_BYTES = 273, 278, 279
_TILE_WIDTH, _TILE_LENGTH, _TILES, _TILE_BYTES = 322, 323, 324, 325


def recognise(data: bytes) -> str | None:
    """The format by the first bytes: a name as Pillow has it ("JPEG", "WEBP", ...), or None."""
    return next((name for name, signature in _SIGNATURES.items() if signature.match(data)), None)


def describe_stranger(data: bytes) -> str:
    """What an unrecognised file seems to be, to complete "it is ..."."""
    return next(
        (name for name, signs in _STRANGERS.items() if any(sign.match(data) for sign in signs)),
        "of an unknown kind",
    )


def webp_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels by a WebP header (RFC 9649, 2.5 to 2.7); None if cut off or unknown."""
    chunk, body = data[12:16], data[20:30]
    if len(data) < _WEBP_HEADER:
        return None
    if chunk == b"VP8X":
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if chunk == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 ":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    return None


def gif_xmp(data: bytes) -> bytes:
    """The XMP packet of a GIF, b"" if none: it stands there in one piece up to a trailer (XMP Specification Part 3, 1.1.2)."""
    return data.partition(_GIF_XMP)[2].partition(_GIF_XMP_END)[0]


def is_run_length_bmp(data: bytes) -> bool:
    """Whether a BMP's pixels are runs, which are decoded byte by byte: so a small file can keep a decoder busy for long."""
    return recognise(data) == "BMP" and data[30:34] in {b"\1\0\0\0", b"\2\0\0\0"}


def count_parts(data: bytes, kind: str) -> int:
    """How many parts a decoder handles one by one, in a JPEG, PNG, TIFF or GIF; of others 0.

    JPEG: segments and scans up to the end of the picture (ITU-T T.81, B.1). PNG: chunks that are neither
    pixels nor animation frames, and one for every 200 that are. TIFF: the longest table of numbers in the first
    directory (strips, tiles). GIF: extensions before the second picture, and one for every 200 blocks of data in them
    and in the first picture.
    """
    counters = {
        "JPEG": _count_jpeg_segments,
        "PNG": _png_chunks,
        "TIFF": _tiff_longest_table,
        "GIF": _count_gif_extensions,
    }
    counter = counters.get(kind)
    return counter(data) if counter else 0


def tiff_work(data: bytes) -> tuple[int, int]:
    """What the first picture of a TIFF is decoded from: pixels of its tiles or strips in all, and bytes of them in all.

    Tiles may be larger than the picture, and many may share their bytes. Of a tag that stands there twice the larger
    number counts, for readers differ in which they take.
    """
    numbers: dict[int, int] = {}
    lengths: dict[int, int] = {}
    read_from = 0
    for tag, kind, length, place in _tiff_entries(data):
        if tag in {_STRIP_BYTES, _TILE_BYTES} and tag not in lengths:
            read_from += sum(min(size, len(data)) for size in _tiff_numbers(data, kind, length, place))
        elif length == 1:
            numbers[tag] = max(numbers.get(tag, 0), *_tiff_numbers(data, kind, 1, place), 0)
        lengths[tag] = max(lengths.get(tag, 0), min(length, len(data)))
    width, height = numbers.get(_WIDTH, 0), numbers.get(_LENGTH, 0)
    rows = min(numbers.get(_STRIP_ROWS, 0) or height, height)
    strips = max(-(-height // (rows or 1)), lengths.get(_STRIPS, 0)) * rows * width
    across, down = numbers.get(_TILE_WIDTH, 0), numbers.get(_TILE_LENGTH, 0)
    grid = -(-width // (across or 1)) * -(-height // (down or 1))
    return max(strips, max(grid, lengths.get(_TILES, 0)) * across * down), read_from


def without_pixels(data: bytes, kind: str) -> bytes:
    """A JPEG or PNG cut down to what a reader of its metadata needs; other files as they are.

    JPEG: all that stands before its first scan. PNG: signature, header and every chunk of text and EXIF, wherever it
    stands, and a place for pixels, so that a reader finds them all without decoding the picture.
    """
    cutters = {"JPEG": _before_the_scans, "PNG": _texts_first}
    cutter = cutters.get(kind)
    return cutter(data) if cutter else data


def jpeg_segments(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The segments of a JPEG up to the end of its picture: marker, and where its length stands and where it ends.

    After the only scan of a picture nothing follows (ITU-T T.81, B.2.1), so that its pixels are not searched for more.
    """
    at, components = 2, b""
    while (found := _JPEG_MARKER.search(data, at)) and found[1] != _JPEG_END:
        marker, start = found[1], found.end()
        at = start + int.from_bytes(data[start : start + 2], "big")
        yield marker, start, at
        if marker in _JPEG_SEQUENTIAL:
            components = data[start + 7 : start + 8]
        elif marker == _JPEG_SCAN and components and components == data[start + 2 : start + 3]:
            return


def tiff_forms(data: bytes) -> tuple[int, str, str, str]:
    """Where a TIFF, or BigTIFF, says where its first directory is, and the forms (of `struct`) of its numbers.

    The forms are of a place in the file, of how many entries a directory has, and of an entry: tag, type and length.
    """
    order = "<" if data[:2] == b"II" else ">"
    big = b"+" in data[2:4]
    place, count, entry = ("Q", "Q", "HHQ8x") if big else ("I", "H", "HHI4x")
    return 8 if big else 4, order + place, order + count, order + entry


def _before_the_scans(data: bytes) -> bytes:
    return next((data[:end] for marker, _, end in jpeg_segments(data) if marker == _JPEG_SCAN), data)


def with_short_texts(data: bytes) -> bytes:
    """A PNG without that for which its decoder would refuse it: texts and profiles that unfold to very much.

    A compressed text is cut off where it unfolds to `LONGEST_TEXT` bytes; of texts that are cut, those beyond the first
    `MOST_CUT_TEXTS` are left out, as is a profile of `LONGEST_PROFILE` bytes.
    """
    parts, kept, cut = [], 0, 0
    for name, at, end in _chunks_of_png(data):
        body = data[at + 8 : end - 4] if name in _PNG_FOLDED else b""
        if name == b"iCCP" and _is_long_profile(body):
            parts += [data[kept:at]]
            kept = end
        elif name in _PNG_COMPRESSED and (short := _cut_text(name, body)):
            cut += 1
            parts += [data[kept:at], short if cut <= MOST_CUT_TEXTS else b""]
            kept = end
    return b"".join([*parts, data[kept:]]) if parts else data


def png_depth(data: bytes) -> int:
    """Bits of a channel of a PNG, as its header has them; 0 if it is cut off."""
    return data[_PNG_DEPTH] if len(data) >= _PNG_HEADER else 0


def _chunks_of_png(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The chunks before the end of a PNG: name, and where its length stands and where the next begins."""
    at = len(_PNG_SIGNATURE)
    while (name := data[at + 4 : at + 8]) not in {b"", b"IEND"}:
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        yield name, at, end
        at = end


def _is_long_profile(body: bytes) -> bool:
    _, _, folded = body.partition(b"\0")
    return len(_unfolded(folded[1:], LONGEST_PROFILE)) == LONGEST_PROFILE


def _unfolded(folded: bytes, most: int) -> bytes:
    """The first `most` bytes of what was compressed; none if it is damaged, as its reader will say."""
    try:
        return zlib.decompressobj().decompress(folded, most)
    except zlib.error:
        return b""


def _cut_text(name: bytes, body: bytes) -> bytes:
    """The chunk that holds the beginning of a compressed text, not compressed; none if all of it is short."""
    head = _PNG_COMPRESSED[name].match(body)
    if not head:
        return b""
    text = _unfolded(body[head.end() :], LONGEST_TEXT)
    if len(text) < LONGEST_TEXT:
        return b""
    if name == b"zTXt":
        name, body = b"tEXt", head[1] + text
    else:
        body = head[1] + b"\0\0" + head[2] + text.decode("utf-8", "ignore").encode()
    return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")


def _texts_first(data: bytes) -> bytes:
    texts = [data[at:end] for name, at, end in _chunks_of_png(data) if name in _PNG_TEXTS]
    return b"".join([data[:_PNG_HEADER], *texts, b"\0\0\0\0IDAT"])


def _count_jpeg_segments(data: bytes) -> int:
    return sum(1 for _ in islice(jpeg_segments(data), MAX_PARTS["JPEG"] + 1))


def _png_chunks(data: bytes) -> int:
    count = 0
    for name, _, _ in _chunks_of_png(data):
        count += 1 if name in _PNG_PIXELS else _PIXELS_A_PART
        if count >= (MAX_PARTS["PNG"] + 1) * _PIXELS_A_PART:
            break
    return count // _PIXELS_A_PART


def _count_gif_extensions(data: bytes) -> int:
    return sum(islice(_gif_steps(data), (MAX_PARTS["GIF"] + 1) * _PIXELS_A_PART)) // _PIXELS_A_PART


def _gif_steps(data: bytes) -> Iterator[int]:
    """What each step through a GIF counts up to its second picture, in blocks of data (GIF89a, 15 to 26).

    The steps are those of Pillow, which takes the first block of an extension for no end of it, however short it is.
    """
    at, pictures = _GIF_HEADER + _gif_colours(data, _GIF_HEADER - 3), 0
    while pictures < _GIF_PICTURES and (sign := data[at : at + 1]) not in {b"", b";"}:
        at += 1
        if sign == b",":
            at += _GIF_PICTURE + _gif_colours(data, at + _GIF_PICTURE - 1) + 1
            pictures += 1
        elif sign == b"!":
            yield _PIXELS_A_PART
            label = data[at : at + 1]
            sure = 2 if data.startswith(_GIF_LOOP, at) and not pictures else int(label != _GIF_COMMENT)
            at += 1
            for _ in range(sure):
                at += 1 + _byte(data, at)
        else:
            yield 1
            continue
        while size := _byte(data, at):
            yield 1
            at += 1 + size
        at += 1


def _gif_colours(data: bytes, flags: int) -> int:
    """How many bytes a GIF's table of colours has, by the flags that stand before it."""
    return 3 << (_byte(data, flags) & 7) + 1 if _byte(data, flags) & 0x80 else 0


def _byte(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 1])


def _tiff_longest_table(data: bytes) -> int:
    first, where, entries, _ = tiff_forms(data)
    longest = count = 0
    try:
        (at,) = struct.unpack_from(where, data, first)
        (count,) = struct.unpack_from(entries, data, at)
    except (struct.error, OverflowError):
        return 0
    for _, kind, length, _ in _tiff_entries(data):
        if kind not in _TIFF_BYTES_TYPES and length <= len(data):  # a longer one is broken, Pillow skips it
            longest = max(longest, length)
    return max(longest, int(count))


def _tiff_entries(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """The entries of the first directory of a TIFF, up to where it is cut off: tag, type, length, where the value stands."""
    first, where, entries, entry = tiff_forms(data)
    try:
        (at,) = struct.unpack_from(where, data, first)
        (count,) = struct.unpack_from(entries, data, at)
        at += struct.calcsize(entries)
        for _ in range(min(count, MAX_PARTS["TIFF"] + 1)):
            tag, kind, length = struct.unpack_from(entry, data, at)
            at += struct.calcsize(entry)
            yield tag, kind, length, at - struct.calcsize(where)
    except (struct.error, OverflowError):  # its decoder will say so
        return


def _tiff_numbers(data: bytes, kind: int, length: int, place: int) -> tuple[int, ...]:
    """The whole numbers of an entry, which stand in its last field or, if they are too many, where that points to."""
    _, where, _, _ = tiff_forms(data)
    form = f"{where[0]}{min(length, MAX_PARTS['TIFF'])}{_TIFF_NUMBERS.get(kind, 'x')}"
    try:
        if struct.calcsize(form) > struct.calcsize(where):
            (place,) = struct.unpack_from(where, data, place)
        return struct.unpack_from(form, data, place)
    except (struct.error, OverflowError):
        return ()
