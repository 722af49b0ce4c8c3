"""Which files are videos, by their first bytes, never by their name."""

from __future__ import annotations

import re
from typing import Final

from core import image_headers

SIGNATURE_BYTES = 512
MAX_BYTES = 4_000_000_000

_SIGNATURES: Final[dict[str, re.Pattern[bytes]]] = {
    "MP4": re.compile(  # the size of what is a word as well has a first byte that no text has: "The free ..." is one
        rb".{4}(?:ftyp|moov|mdat)|[\0-\x08].{3}(?:wide|free|skip)", re.DOTALL
    ),
    "MATROSKA": re.compile(rb"\x1aE\xdf\xa3"),
    "AVI": re.compile(rb"RIFF.{4}AVI ", re.DOTALL),
    "MPEG-PS": re.compile(rb"\0\0\x01\xba"),
    "MPEG-TS": re.compile(rb"G.{187}G.{187}G", re.DOTALL),
    "OGG": re.compile(rb"OggS"),
    "FLV": re.compile(rb"FLV\x01"),
    "ASF": re.compile(rb"0&\xb2u\x8ef\xcf\x11"),
}

DEMUXERS: Final = {
    "MP4": "mov",
    "MATROSKA": "matroska",
    "AVI": "avi",
    "MPEG-PS": "mpeg",
    "MPEG-TS": "mpegts",
    "OGG": "ogg",
    "FLV": "flv",
    "ASF": "asf",
}
"""FFmpeg's reader of each format. It is named, never guessed: a playlist could make FFmpeg open other files."""


def too_large(name: str, size: int) -> str:
    """Return the sentence for a video of `size` bytes, over `MAX_BYTES`."""
    return f"'{name}' is a video of {size / 1e9:,.1f} GB, over the limit of {MAX_BYTES / 1e9:.0f} GB: cut it into parts."


def recognise(start: bytes) -> str:
    """Return the video format of a file that starts with these bytes, or "" if it is no video."""
    if image_headers.recognise(start) or image_headers.describe_stranger(start) == "a HEIC picture":
        return ""
    return next((name for name, signature in _SIGNATURES.items() if signature.match(start)), "")
