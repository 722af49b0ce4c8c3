"""All that the file of a picture says of its provenance."""

from __future__ import annotations

from collections.abc import Callable

from core import images
from core.errors import ImageError
from core.images import Artwork, Limits
from core.provenance.credentials import WHERE, read_credentials
from core.provenance.evidence import Evidence, Kind
from core.provenance.exif import read_exif
from core.provenance.generators import read_generators
from core.provenance.xmp import read_xmp

OPEN = Limits(max_bytes=2**63, max_pixels=2**63, min_side=1)
"""The artwork has passed the door already, under whatever limits held there."""


def evidence_of(artwork: Artwork) -> tuple[Evidence, ...]:
    """Return what the file of a picture says of its provenance; for a frame of a video, nothing.

    It never raises: a reader that fails becomes a finding that says so. Evidence changes no verdict.
    """
    if not artwork.file:
        return ()
    found = _guarded(lambda: read_credentials(artwork), Kind.CREDENTIALS, WHERE)
    try:
        metadata = images.metadata(artwork.file, limits=OPEN)
    except ImageError:
        return (*found, _damaged(Kind.METADATA, "the file's metadata"))
    found += _guarded(lambda: read_xmp(metadata), Kind.METADATA, "XMP")
    found += _guarded(lambda: read_generators(metadata), Kind.GENERATOR, "settings of a generator")
    found += _guarded(lambda: read_exif(metadata), Kind.METADATA, "EXIF")
    return tuple(found)


def _guarded(read: Callable[[], list[Evidence]], kind: Kind, where: str) -> list[Evidence]:
    try:
        return read()
    except Exception:  # noqa: BLE001  (libraries over hostile bytes: what they raise is anyone's guess)
        return [_damaged(kind, where)]


def _damaged(kind: Kind, where: str) -> Evidence:
    return Evidence.unreadable(kind, where, "damaged, or of a form that Verso does not know")
