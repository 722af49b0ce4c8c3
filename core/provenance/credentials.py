"""Content Credentials (C2PA 2.x): what a signed manifest in the file says of how the picture came to be.

Integrity is the library's finding that the signatures hold and that the file is the one that was signed. Who signed is
not verified: Verso brings no list of trusted signers. Whether a certificate has expired by now is passed over, so that a
file says the same next year. Nothing is fetched, neither manifests kept elsewhere nor revocations.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import c2pa

from core.images import Artwork
from core.provenance.containers import credentials_size
from core.provenance.evidence import Evidence, Kind, Says, Trust
from core.provenance.source_types import source_type

MIME: Final = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "TIFF": "image/tiff",
    "GIF": "image/gif",
    "AVIF": "image/avif",
}
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


def read_credentials(artwork: Artwork) -> list[Evidence]:
    """Return what the Content Credentials of a file say of generators and cameras, and whether they are intact.

    Raises:
        Exception: whatever the library raises on damaged ones.
    """
    if artwork.format not in MIME or MARK not in artwork.file:
        return []
    if credentials_size(artwork.file, artwork.format) > MOST_BYTES:
        return [_unreadable(f"more than {MOST_BYTES / 1e6:.0f} MB of them")]
    try:
        reader = c2pa.Reader.try_create(MIME[artwork.format], io.BytesIO(artwork.file), context=_offline())
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
    return _told(json.loads(text))


@cache
def _offline() -> c2pa.Context:
    return c2pa.Context.from_dict(OFFLINE)


def _unreadable(why: str) -> Evidence:
    return Evidence.unreadable(Kind.CREDENTIALS, WHERE, why)


def _elsewhere() -> Evidence:
    return Evidence(
        Kind.CREDENTIALS,
        WHERE,
        "The file points to Content Credentials kept elsewhere. Verso fetches nothing: look them up yourself.",
        "kept elsewhere",
    )


def _told(store: dict[str, Any]) -> list[Evidence]:
    manifests, active = store["manifests"], store["active_manifest"]
    trust = Trust.BROKEN if _broken(store) else Trust.INTACT
    signer = manifests[active].get("signature_info", {}).get("issuer") or "nobody named"
    by = f"signed by a certificate that names {signer}"
    found = []
    for label, value in _source_types(manifests):
        says, name, meaning = source_type(value)
        of = "The picture" if label == active else "An earlier version or a part of the picture"
        found.append(
            Evidence(Kind.CREDENTIALS, WHERE, f"{of}: {meaning}; {by}.", _word(name, trust), says, trust)
        )
    distinct = list(dict.fromkeys(found))[:MOST_FINDINGS]
    if distinct:
        return sorted(distinct, key=lambda each: list(Says).index(each.says))
    said = f"Nothing of how the picture was made; {by}."
    return [Evidence(Kind.CREDENTIALS, WHERE, said, _word("no source type", trust), trust=trust)]


def _word(name: str, trust: Trust) -> str:
    return f"{name}, {'intact' if trust is Trust.INTACT else 'broken'}"


def _broken(store: dict[str, Any]) -> bool:
    """Whether anything failed besides what concerns who signed and when, in the manifest or in those it builds on."""
    results = store.get("validation_results", {})
    parts = [results.get("activeManifest", {})]
    parts += [delta["validationDeltas"] for delta in results.get("ingredientDeltas", [])]
    codes = [failure["code"] for part in parts for failure in part.get("failure", [])]
    return any(not code.startswith(ABOUT_THE_SIGNER) for code in codes)


def _source_types(manifests: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the label of a manifest and a digital source type in it, for each of its actions that has one."""
    for label, manifest in manifests.items():
        for assertion in manifest.get("assertions", []):
            if assertion["label"].startswith("c2pa.actions"):
                for action in assertion["data"].get("actions", []):
                    if isinstance(value := action.get("digitalSourceType"), str):
                        yield label, value
