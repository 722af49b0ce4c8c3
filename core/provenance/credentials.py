"""Content Credentials (C2PA 2.x): what a signed manifest in the file says of how the picture came to be.

Integrity is the library's finding that the signatures hold and that the file is the one that was signed; that a
certificate has expired by now does not hurt it. Who signed is another matter: it is told by the analyst's list of trusted
issuers, see `core.provenance.trust`, and needs a certificate that holds today or has a time stamp. Nothing is fetched,
neither manifests kept elsewhere nor revocations.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterable, Iterator
from functools import cache
from typing import IO, Any, Final

import c2pa

from core.image_headers import without_pixels
from core.images import Artwork
from core.provenance.containers import credentials_size, video_credentials_size
from core.provenance.evidence import Evidence, Kind, Says, Signer, Trust
from core.provenance.source_types import source_type
from core.provenance.trust import TrustedSigners

MIME: Final = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "TIFF": "image/tiff",
    "GIF": "image/gif",
    "AVIF": "image/avif",
}
VIDEO_MIME: Final = {"MP4": "video/mp4", "AVI": "video/avi"}
"""QuickTime's MOV is read as an MP4; other formats of videos cannot hold Content Credentials that the library reads."""
NOBODY: Final = TrustedSigners()
MOST_BYTES: Final = 5_000_000
"""Of Content Credentials that are read; their reader may take a hundred times that in memory."""
MOST_JSON: Final = 10_000_000
MOST_FINDINGS: Final = 8
MARK: Final = b"c2pa"
ABOUT_THE_SIGNER: Final = ("signingCredential.", "timeStamp.", "claimSignature.outsideValidity")
"""Beginnings of the codes of failures that concern who signed and when, not what."""
OFFLINE: Final = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
REMOTE: Final = "Remote"
"""Beginning of what the library says where it would have to fetch a manifest."""
WHERE: Final = "C2PA manifest"
LISTED: Final = "signingCredential.trusted"
UNLISTED: Final = "signingCredential.untrusted"
_ONE_AT_A_TIME: Final = threading.Lock()
"""Of videos: the library may take half a gigabyte to check one, however long it is."""


def read_credentials(artwork: Artwork, signers: TrustedSigners = NOBODY) -> list[Evidence]:
    """Return what the Content Credentials of a file say of generators and cameras, whether they are intact, and by whom.

    Raises:
        Exception: whatever the library raises on damaged ones.
    """
    if artwork.format not in MIME or MARK not in _where_they_stand(artwork):
        return []
    size = credentials_size(artwork.file, artwork.format)
    return _read(io.BytesIO(artwork.file), MIME[artwork.format], size, signers)


def _where_they_stand(artwork: Artwork) -> bytes:
    """Return the part of a file that holds its credentials or says where they are: a JPEG's stand before its pixels."""
    return without_pixels(artwork.file, "JPEG") if artwork.format == "JPEG" else artwork.file


def read_video_credentials(
    file: IO[bytes], video_format: str, signers: TrustedSigners = NOBODY
) -> list[Evidence]:
    """Return the same of a video, seekable and open for reading.

    Raises:
        Exception: whatever the library raises on damaged ones.
    """
    size = video_credentials_size(file, video_format)
    if not size:
        return []
    with _ONE_AT_A_TIME:
        file.seek(0)
        return _read(file, VIDEO_MIME[video_format], size, signers)


def _read(file: IO[bytes], mime: str, size: int, signers: TrustedSigners) -> list[Evidence]:
    if size > MOST_BYTES:
        return [_unreadable(f"more than {MOST_BYTES / 1e6:.0f} MB of them, or too many parts")]
    try:
        reader = c2pa.Reader.try_create(mime, file, context=_offline(signers.pem))
    except c2pa.C2paError as error:
        if str(error).startswith(REMOTE):
            return [_elsewhere()]
        raise
    if reader is None:
        return []
    with reader:
        text = reader.json()
    if len(text) > MOST_JSON:
        return [_unreadable("their text is too long")]
    return _told(json.loads(text), checked=bool(signers))


@cache
def _offline(anchors: str) -> c2pa.Context:
    return c2pa.Context.from_dict(OFFLINE | ({"trust": {"trust_anchors": anchors}} if anchors else {}))


def _unreadable(why: str) -> Evidence:
    return Evidence.unreadable(Kind.CREDENTIALS, WHERE, why)


def _elsewhere() -> Evidence:
    return Evidence(
        Kind.CREDENTIALS,
        WHERE,
        "The file points to Content Credentials kept elsewhere. Verso fetches nothing: look them up yourself.",
        "kept elsewhere",
    )


def _told(store: dict[str, Any], *, checked: bool = False) -> list[Evidence]:
    """Say what a manifest store holds; `checked` is whether the library was given a list of trusted signers."""
    manifests, active = store["manifests"], store["active_manifest"]
    trust = Trust.BROKEN if _broken(store) else Trust.INTACT

    def found(label: str, said: str, name: str, says: Says = Says.NEUTRAL) -> Evidence:
        issuer = manifests[label].get("signature_info", {}).get("issuer") or "nobody named"
        signer = None if trust is Trust.BROKEN else _signer(store, label) if checked else Signer.UNVERIFIED
        return Evidence(
            Kind.CREDENTIALS,
            WHERE,
            f"{said}; signed by a certificate that names {issuer}.",
            _word(name, trust, signer),
            says,
            trust,
            signer,
        )

    told = []
    for label, value in _source_types(manifests):
        says, name, meaning = source_type(value)
        of = "The picture" if label == active else "An earlier version or a part of the picture"
        told.append(found(label, f"{of}: {meaning}", name, says))
    if distinct := list(dict.fromkeys(told))[:MOST_FINDINGS]:
        return sorted(distinct, key=lambda each: list(Says).index(each.says))
    return [found(active, "Nothing of how the picture was made", "no source type")]


def _word(name: str, trust: Trust, signer: Signer | None) -> str:
    known = {Signer.LISTED: ", signer listed", Signer.UNKNOWN: ", signer unknown"}
    return (
        f"{name}, {'intact' if trust is Trust.INTACT else 'broken'}{known.get(signer, '') if signer else ''}"
    )


def _signer(store: dict[str, Any], label: str) -> Signer:
    """Tell whether a listed signer signed a manifest: the one in force, or one that it builds on.

    Of the latter the library tells only what differs from what was recorded as the next manifest was signed. That
    record counts if a listed signer wrote it and nothing differs.
    """
    results = store.get("validation_results", {})
    listed = LISTED in _codes(results.get("activeManifest", {}).get("success", []))
    if label != store["active_manifest"]:
        succeeded, failed = (
            _codes(status for status in _differing(results, end) if f"/{label}/" in status.get("url", ""))
            for end in ("success", "failure")
        )
        listed = LISTED in succeeded or (
            listed and UNLISTED not in failed and _recorded_as_listed(store, label)
        )
    return Signer.LISTED if listed else Signer.UNKNOWN


def _differing(results: dict[str, Any], end: str) -> Iterator[dict[str, Any]]:
    for delta in results.get("ingredientDeltas", []):
        yield from delta["validationDeltas"].get(end, [])


def _recorded_as_listed(store: dict[str, Any], label: str) -> bool:
    for ingredient in store["manifests"][store["active_manifest"]].get("ingredients", []):
        recorded = ingredient.get("validation_results", {}).get("activeManifest", {})
        if ingredient.get("active_manifest") == label and LISTED in _codes(recorded.get("success", [])):
            return UNLISTED not in _codes(recorded.get("failure", []))
    return False


def _codes(statuses: Iterable[dict[str, Any]]) -> list[str]:
    return [status["code"] for status in statuses]


def _broken(store: dict[str, Any]) -> bool:
    """Whether anything failed besides what concerns who signed and when, in the manifest or in those it builds on."""
    results = store.get("validation_results", {})
    parts = [results.get("activeManifest", {})]
    parts += [delta["validationDeltas"] for delta in results.get("ingredientDeltas", [])]
    codes = [code for part in parts for code in _codes(part.get("failure", []))]
    return any(not code.startswith(ABOUT_THE_SIGNER) for code in codes)


def _source_types(manifests: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the label of a manifest and a digital source type in it, for each of its actions that has one."""
    for label, manifest in manifests.items():
        for assertion in manifest.get("assertions", []):
            if assertion["label"].startswith("c2pa.actions"):
                for action in assertion["data"].get("actions", []):
                    if isinstance(value := action.get("digitalSourceType"), str):
                        yield label, value
