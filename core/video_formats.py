"""Which files are videos, by their first bytes, never by their name."""

from __future__ import annotations

from typing import Final

from core import image_headers

SIGNATURE_BYTES = 512
MAX_BYTES = 4_000_000_000

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
    return next((name for name, signature in image_headers.VIDEOS.items() if signature.match(start)), "")
