"""How many bytes of Content Credentials a file holds, told before their reader sees them.

Pure functions over hostile bytes: at worst they answer wrongly, they never raise and never take long.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_JPEG_MARKER: Final = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])", re.DOTALL)
_JPEG_END: Final = b"\xd9"
_JPEG_APP11: Final = b"\xeb"


def credentials_size(data: bytes, kind: str) -> int:
    """Count the bytes that may be Content Credentials (C2PA 2.2, appendix A.3); in a format not split here, all.

    JPEG: segments APP11. PNG: chunks `caBX`. WebP: chunks `C2PA`.
    """
    match kind:
        case "JPEG":
            return sum(size for marker, size in _jpeg_segments(data) if marker == _JPEG_APP11)
        case "PNG":
            return sum(size for name, size in _png_chunks(data) if name == b"caBX")
        case "WEBP":
            return sum(size for name, size in _riff_chunks(data) if name == b"C2PA")
        case _:
            return len(data)


def _jpeg_segments(data: bytes) -> Iterator[tuple[bytes, int]]:
    at = 2
    while (marker := _JPEG_MARKER.search(data, at)) and marker[1] != _JPEG_END:
        size = int.from_bytes(data[marker.end() : marker.end() + 2], "big")
        yield marker[1], size
        at = marker.end() + size


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
