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
from contextlib import nullcontext
from functools import cache
from typing import IO, Any, Final

import c2pa

from core.image_headers import without_pixels
from core.images import Artwork
from core.provenance.containers import credentials_size, video_credentials_size
from core.provenance.evidence import Evidence, Kind, Says, Signer, Trust, foremost
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
WHOLE: Final = ("The picture", "")
CHANGE: Final = ("A part of the picture, or a change to it", " in a part or a change")
EARLIER: Final = ("An earlier version or a part of the picture", " in an earlier version or a part")
"""What a source type is told of, in words and in short."""
OF_THE_WHOLE: Final = {"c2pa.created", "c2pa.opened"}
"""Actions whose source type is that of the picture; others place something in it, or change it."""
LISTED: Final = "signingCredential.trusted"
UNLISTED: Final = "signingCredential.untrusted"
FEW_BYTES: Final = 1_000_000
"""Of Content Credentials of pictures that several threads may read at once."""
_ONE_AT_A_TIME: Final = threading.Lock()
"""Of videos, and of pictures with more than `FEW_BYTES`: the library may take half a gigabyte to check one."""


def read_credentials(artwork: Artwork, signers: TrustedSigners = NOBODY) -> list[Evidence]:
    """Return what the Content Credentials of a file say of generators and cameras, whether they are intact, and by whom.

    Raises:
        Exception: whatever the library raises on damaged ones.
    """
    if artwork.format not in MIME or MARK not in _where_they_stand(artwork):
        return []
    size = credentials_size(artwork.file, artwork.format)
    with _ONE_AT_A_TIME if size > FEW_BYTES else nullcontext():
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
    broken, listed = _broken(store), _listed(store)

    def found(label: str, said: str, name: str, says: Says = Says.NEUTRAL) -> Evidence:
        issuer = manifests[label].get("signature_info", {}).get("issuer") or "nobody named"
        trust = Trust.BROKEN if label in broken else Trust.INTACT
        known = (Signer.LISTED if label in listed else Signer.UNKNOWN) if checked else Signer.UNVERIFIED
        signer = None if label in broken else known
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
    for label, value, whole in _source_types(manifests):
        says, name, meaning = source_type(value)
        of, short = next(
            about
            for holds, about in (
                (label != active, EARLIER),
                (not whole, CHANGE),
                (True, WHOLE),
            )
            if holds
        )
        told.append(found(label, f"{of}: {meaning}", f"{name}{short}", says))
    return foremost(told, MOST_FINDINGS) or [
        found(active, "Nothing of how the picture was made", "no source type")
    ]


def _word(name: str, trust: Trust, signer: Signer | None) -> str:
    known = {Signer.LISTED: ", signer listed", Signer.UNKNOWN: ", signer unknown"}
    return (
        f"{name}, {'intact' if trust is Trust.INTACT else 'broken'}{known.get(signer, '') if signer else ''}"
    )


def _listed(store: dict[str, Any]) -> set[str]:
    """Return the labels of the manifests that listed signers vouch for: the one in force, and those it builds on.

    That an earlier picture, or a part, belongs to this one is the word of who signed the later manifest alone: the earlier
    file is not at hand. So each manifest counts only if the one that builds on it does.
    """
    active = store["active_manifest"]
    results = store.get("validation_results", {})
    if LISTED not in _codes(results.get("activeManifest", {}).get("success", [])):
        return set()
    found, waiting = set(), [active]
    while waiting:
        label = waiting.pop()
        found.add(label)
        for ingredient in _ingredients(store, label):
            earlier = ingredient.get("active_manifest")
            if earlier not in found and _is_listed(results, ingredient):
                waiting.append(earlier)
    return found


def _is_listed(results: dict[str, Any], ingredient: dict[str, Any]) -> bool:
    """Whether a listed signer signed what a manifest builds on, by the list at hand.

    The library tells only what differs from what was recorded as the later manifest was signed.
    """
    label = ingredient.get("active_manifest")
    succeeded, failed = (
        _codes(status for status in _differing(results, end) if f"/{label}/" in status.get("url", ""))
        for end in ("success", "failure")
    )
    recorded = ingredient.get("validation_results", {}).get("activeManifest", {})
    as_recorded = LISTED in _codes(recorded.get("success", [])) and UNLISTED not in failed
    return LISTED in succeeded or as_recorded


def _ingredients(store: dict[str, Any], label: str) -> list[dict[str, Any]]:
    """Return what a manifest says it was made of."""
    ingredients: list[dict[str, Any]] = store["manifests"].get(label, {}).get("ingredients", [])
    return ingredients


def _differing(results: dict[str, Any], end: str) -> Iterator[dict[str, Any]]:
    for delta in results.get("ingredientDeltas", []):
        yield from delta["validationDeltas"].get(end, [])


def _codes(statuses: Iterable[dict[str, Any]]) -> list[str]:
    return [status["code"] for status in statuses]


def _broken(store: dict[str, Any]) -> set[str]:
    """Return the labels of the manifests of which anything failed besides what concerns who signed and when.

    That is every one if the file is not what was signed, and one that a later manifest builds on if it was recorded so
    as that was signed: its file is not at hand any more to be checked again (C2PA 2.2, 18.14.10).
    """
    if _failed(store.get("validation_results", {})):
        return set(store["manifests"])
    return {
        ingredient["active_manifest"]
        for label in store["manifests"]
        for ingredient in _ingredients(store, label)
        if "active_manifest" in ingredient and _failed(ingredient.get("validation_results", {}))
    }


def _failed(results: dict[str, Any]) -> bool:
    parts = [results.get("activeManifest", {})]
    parts += [delta["validationDeltas"] for delta in results.get("ingredientDeltas", [])]
    codes = [code for part in parts for code in _codes(part.get("failure", []))]
    return any(not code.startswith(ABOUT_THE_SIGNER) for code in codes)


def _source_types(manifests: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
    """Yield the label of a manifest, a digital source type in it, and whether that is told of the whole picture.

    Each action may have one, of its own or by its template, and so may those it is related to (C2PA 2.2, 18.14).
    """
    for label, manifest in manifests.items():
        for assertion in manifest.get("assertions", []):
            if not assertion["label"].startswith("c2pa.actions"):
                continue
            templates = {each.get("action"): each for each in assertion["data"].get("templates", [])}
            for action in assertion["data"].get("actions", []):
                for each in (action, *action.get("related", [])):
                    filled = templates.get("*", {}) | templates.get(each.get("action"), {}) | each
                    if isinstance(value := filled.get("digitalSourceType"), str):
                        yield label, value, filled.get("action") in OF_THE_WHOLE and "changes" not in filled
