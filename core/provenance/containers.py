"""How many bytes of Content Credentials a file holds, told before their reader sees them.

Pure functions over hostile bytes: at worst they answer wrongly, they never raise and never take long.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import islice
from typing import IO, Final

from core.image_headers import jpeg_segments, tiff_forms

_JPEG_APP11: Final = b"\xeb"
_GIF_EXTENSION: Final = b"!\xff\x0bC2PA_GIF\x01\0\0"
_TIFF_TAG: Final = 0xCD41
_TIFF_POINTERS: Final = {330, 34665, 34853}  # to directories: SubIFDs, EXIF, GPS
_TIFF_LONG_NUMBERS: Final = {16, 18}  # types of 8 bytes
_SHORTEST_TIFF: Final = 16
_C2PA_BOX: Final = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_BOX_HEADER: Final = 8
_HOLDERS: Final = frozenset(
    b"moov trak mdia minf stbl dinf edts udta meta moof traf mvex mfra meco strk iprp ipco tref treg".split()
)
"""Boxes that hold boxes (ISO/IEC 14496-12)."""
MOST_BOXES: Final = 10_000
"""Of an MP4 or AVIF: the reader of Content Credentials takes their square, in all some tenths of a second.

Of a TIFF: its directories and their entries.
"""
MANY: Final = 1 << 62
"""Told of a file of more parts than are looked at."""


def credentials_size(data: bytes, kind: str) -> int:
    """Count the bytes that may be Content Credentials (C2PA 2.2, appendix A.3); in a format not split here, all.

    JPEG: segments APP11. PNG: chunks `caBX`. WebP: chunks `C2PA`. GIF: application extensions `C2PA_GIF`. AVIF: boxes
    `uuid` of C2PA's; TIFF: what stands under tag 0xCD41; both `MANY` if they have more than `MOST_BOXES` parts.
    """
    sizes: Iterable[int]
    match kind:
        case "JPEG":
            sizes = (end - start for marker, start, end in jpeg_segments(data) if marker == _JPEG_APP11)
        case "PNG":
            sizes = (size for name, size in _png_chunks(data) if name == b"caBX")
        case "WEBP":
            sizes = (size for name, size in _riff_chunks(data) if name == b"C2PA")
        case "GIF":
            sizes = _gif_credentials(data)
        case "AVIF":
            return video_credentials_size(BytesIO(data), "MP4")
        case "TIFF":
            return _tiff_credentials(data)
        case _:
            return len(data)
    return sum(sizes)


def video_credentials_size(file: IO[bytes], video_format: str) -> int:
    """Count the bytes of a seekable video that may be Content Credentials; 0 in a format that cannot hold them.

    MP4: boxes `uuid` of C2PA's; `MANY` if it has more than `MOST_BOXES` boxes. AVI: chunks `C2PA`.
    """
    if video_format == "AVI":
        return sum(_avi_credentials(file))
    if video_format != "MP4":
        return 0
    sizes = _boxes(file)
    return MANY if sizes is None else sum(sizes)


def _boxes(file: IO[bytes]) -> list[int] | None:
    """Return the sizes of a file's C2PA boxes, or None if it has too many boxes to tell."""
    found: list[int] = []
    end = file.seek(0, 2)
    at = 0
    for _ in range(MOST_BOXES):
        file.seek(at)
        header = file.read(_BOX_HEADER + 8 + len(_C2PA_BOX))
        if len(header) < _BOX_HEADER:
            return found
        size, name, inside = int.from_bytes(header[:4], "big"), header[4:8], _BOX_HEADER
        if size == 1:
            size, inside = int.from_bytes(header[8:16], "big"), 2 * _BOX_HEADER
        if name == b"uuid" and header[inside:].startswith(_C2PA_BOX):
            found.append(size or end - at)
        if name == b"meta" and header[inside : inside + 4] == bytes(4):
            inside += 4  # version and flags, which QuickTime leaves out
        at += inside if name in _HOLDERS else max(size, inside)
    return None if found else []


def _avi_credentials(file: IO[bytes]) -> Iterator[int]:
    file.seek(0)
    at = 12
    for _ in range(MOST_BOXES):
        file.seek(at)
        header = file.read(_BOX_HEADER)
        if len(header) < _BOX_HEADER:
            return
        size = int.from_bytes(header[4:], "little")
        if header[:4] == b"C2PA":
            yield size
        at += _BOX_HEADER + size + size % 2


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int]]:
    at = 8
    while name := data[at + 4 : at + 8]:
        size = int.from_bytes(data[at : at + 4], "big")
        yield name, size
        at += 12 + size


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, int]]:
    at = 12
    while name := data[at : at + 4]:
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        yield name, size
        at += 8 + size + size % 2


def _gif_credentials(data: bytes) -> Iterator[int]:
    at = 0
    while (at := data.find(_GIF_EXTENSION, at)) >= 0:
        at += len(_GIF_EXTENSION)
        while size := int.from_bytes(data[at : at + 1]):
            yield size
            at += 1 + size


def _tiff_credentials(data: bytes) -> int:
    parts = list(islice(_tiff_parts(data), MOST_BOXES + 1))
    if len(parts) > MOST_BOXES:
        return MANY
    return sum(size for tag, size in parts if tag == _TIFF_TAG)


def _tiff_parts(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the tag and length of the entries of all directories, and (0, 0) for each directory that they lead to."""
    first, where, _, _ = tiff_forms(data)
    ahead = list(struct.unpack_from(where, data.ljust(_SHORTEST_TIFF, b"\0"), first))
    while ahead:
        try:
            for tag, length, places in _tiff_directory(data, ahead.pop()):
                yield tag, length
                for place in places:
                    yield 0, 0
                    ahead.append(place)
        except (struct.error, OverflowError):  # the directory is cut off
            continue


def _tiff_directory(data: bytes, at: int) -> Iterator[tuple[int, int, Iterable[int]]]:
    """Yield the tag and length of each entry and the directories that it leads to; last, the one that comes after."""
    _, where, count, entry = tiff_forms(data)
    (entries,) = struct.unpack_from(count, data, at)
    at += struct.calcsize(count)
    for _ in range(entries):
        tag, kind, length = struct.unpack_from(entry, data, at)
        at += struct.calcsize(entry)
        field = at - struct.calcsize(where)
        yield tag, length, _tiff_places(data, field, kind, length) if tag in _TIFF_POINTERS else ()
    (after,) = struct.unpack_from(where, data, at)
    yield 0, 0, (after,) if after else ()


def _tiff_places(data: bytes, field: int, kind: int, length: int) -> Iterator[int]:
    """Yield the numbers of an entry that stand in its last field or, if they are too many, where that points to."""
    _, where, _, _ = tiff_forms(data)
    form = where[0] + ("Q" if kind in _TIFF_LONG_NUMBERS else "I")
    if length * struct.calcsize(form) > struct.calcsize(where):
        (field,) = struct.unpack_from(where, data, field)
    for index in range(length):
        yield struct.unpack_from(form, data, field + index * struct.calcsize(form))[0]
