"""EXIF (CIPA DC-008): camera, software and artist, and the comment in which generators leave their settings."""

from __future__ import annotations

import re
from typing import Final

from PIL.ExifTags import Base

from core.images import Metadata
from core.provenance.cameras import read_camera
from core.provenance.evidence import Evidence, Kind, Says
from core.provenance.makers import generator_named

_CHARACTER_CODES: Final = {b"ASCII\0\0\0": "utf-8", b"\0\0\0\0\0\0\0\0": "utf-8"}
_UNICODE: Final = b"UNICODE\0"
_SETTINGS: Final = re.compile(r"(prompt|workflow):\s*(?=\{)", re.IGNORECASE)
"""How ComfyUI begins the tags in which it saves WebP's settings: Model and those before it, whatever these are meant for."""


def read_exif(metadata: Metadata) -> list[Evidence]:
    """Return what a file's EXIF names: the camera, the software, the artist."""
    if metadata.exif is None:
        return [Evidence.unreadable(Kind.METADATA, "EXIF", "it is damaged")]
    make, model, software, artist = (
        "" if _SETTINGS.match(text) else text
        for text in (
            _text(metadata.exif.get(tag)) for tag in (Base.Make, Base.Model, Base.Software, Base.Artist)
        )
    )
    found = read_camera(make, model, "EXIF Make and Model")
    if software:
        generator = generator_named(software)
        says = Says.AI if generator else Says.NEUTRAL
        found.append(
            Evidence(Kind.SOFTWARE, "EXIF Software", f"Names '{software}'.", generator or software[:40], says)
        )
    if artist:
        found.append(Evidence(Kind.ARTIST, "EXIF Artist", f"Names '{artist}'.", artist[:40]))
    return found


def user_comment(metadata: Metadata) -> str:
    """Return the EXIF UserComment as text, "" if there is none.

    EXIF does not say in which order the bytes of UNICODE stand: the order that gives more Latin letters is taken.
    """
    value = (metadata.exif or {}).get(Base.UserComment, b"")
    if isinstance(value, str):
        return value
    code, body = value[:8], value[8:]
    if code == _UNICODE:
        orders = [body.decode(name, "replace") for name in ("utf-16-be", "utf-16-le")]
        return max(orders, key=lambda text: sum(character.isascii() for character in text))
    return body.decode(_CHARACTER_CODES[code], "replace") if code in _CHARACTER_CODES else ""


def saved_settings(metadata: Metadata) -> dict[str, str]:
    """Return the settings that ComfyUI saved as texts of EXIF, under the keywords that PNGs have them under."""
    found = {}
    for value in (metadata.exif or {}).values():
        text = _text(value)
        if key := _SETTINGS.match(text):
            found[key[1].lower()] = text[key.end() :]
    return found


def _text(value: str | bytes | None) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value or ""
    return text.strip("\0 \r\n\t")
