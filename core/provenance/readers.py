"""All that the file of a picture or a video says of its provenance."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import IO

from core import images, video_formats
from core.errors import ImageError, UnreadableVideoError
from core.images import Artwork, Limits
from core.provenance.aigc_label import read_labels
from core.provenance.credentials import NOBODY, WHERE, read_credentials, read_video_credentials
from core.provenance.evidence import Evidence, Kind
from core.provenance.exif import read_exif
from core.provenance.generators import read_generators
from core.provenance.trust import TrustedSigners
from core.provenance.video_metadata import expect_opens, read_video_metadata
from core.provenance.xmp import read_xmp
from core.visible_text import printable

OPEN = Limits(max_bytes=2**63, max_pixels=2**63, min_side=1)
"""The artwork has passed the door already, under whatever limits held there."""


def evidence_of(artwork: Artwork, signers: TrustedSigners = NOBODY) -> tuple[Evidence, ...]:
    """Return what the file of a picture says of its provenance; for a frame of a video, nothing.

    It never raises: a reader that fails becomes a finding that says so. Evidence changes no verdict.
    """
    if not artwork.file:
        return ()
    found = _guarded(lambda: read_credentials(artwork, signers), Kind.CREDENTIALS, WHERE)
    try:
        metadata = images.metadata(artwork.file, limits=OPEN)
    except ImageError:
        return (*found, _damaged(Kind.METADATA, "the file's metadata"))
    found += _guarded(lambda: read_xmp(metadata), Kind.METADATA, "XMP")
    found += _guarded(lambda: read_labels(metadata), Kind.LABEL, "label of generated content")
    found += _guarded(lambda: read_generators(metadata), Kind.GENERATOR, "settings of a generator")
    found += _guarded(lambda: read_exif(metadata), Kind.METADATA, "EXIF")
    return tuple(found)


def evidence_of_video(
    file: IO[bytes], video_format: str, signers: TrustedSigners = NOBODY
) -> tuple[Evidence, ...]:
    """Return what the file of a video says of its provenance; it never raises either.

    Args:
        file: its bytes, seekable.
        video_format: a key of `video_formats.DEMUXERS`.
        signers: whom the analyst trusts.
    """
    found = _guarded(lambda: read_video_credentials(file, video_format, signers), Kind.CREDENTIALS, WHERE)
    found += _guarded(lambda: read_video_metadata(file, video_format), Kind.METADATA, "tags of the video")
    return tuple(found)


def evidence_of_file(path: Path, signers: TrustedSigners) -> tuple[str, tuple[Evidence, ...]]:
    """Return the hex sha256 of a file, a picture or a video, and what it says of its provenance.

    Raises:
        ImageError: it cannot be read, or is neither.
    """
    if video_format := _video_format(path):
        return _evidence_of_video_file(path, video_format, signers)
    artwork = images.open(path)
    return artwork.sha256, evidence_of(artwork, signers)


def _evidence_of_video_file(
    path: Path, video_format: str, signers: TrustedSigners
) -> tuple[str, tuple[Evidence, ...]]:
    name = printable(path.name)
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            try:
                expect_opens(file, video_format, name)
            except UnreadableVideoError as error:
                error.sha256 = digest
                raise
            return digest, evidence_of_video(file, video_format, signers)
    except OSError as error:
        raise UnreadableVideoError(
            f"'{name}' cannot be read to its end ({error.strerror or error}): check the disk."
        ) from error


def _video_format(path: Path) -> str:
    """Return the format of a regular file that is a video, else "": opening it as a picture tells what is wrong."""
    try:
        if not path.is_file():
            return ""
        size = path.stat().st_size
        with path.open("rb") as file:
            found = video_formats.recognise(file.read(video_formats.SIGNATURE_BYTES))
    except (OSError, ValueError):
        return ""
    if found and size > video_formats.MAX_BYTES:
        raise UnreadableVideoError(video_formats.too_large(printable(path.name), size))
    return found


def _guarded(read: Callable[[], list[Evidence]], kind: Kind, where: str) -> list[Evidence]:
    try:
        return read()
    except Exception:  # noqa: BLE001  (libraries over hostile bytes: what they raise is anyone's guess)
        return [_damaged(kind, where)]


def _damaged(kind: Kind, where: str) -> Evidence:
    return Evidence.unreadable(kind, where, "damaged, or of a form that Verso does not know")
