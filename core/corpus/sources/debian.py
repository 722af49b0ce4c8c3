"""Files out of Debian packages, which hold part of the published corpus.

Formats: the package index (Debian Repository Format), deb(5), and the `ar` archive around a package, ar(5).
"""

import hashlib
import io
import lzma
import tarfile
import threading
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from core.corpus.sources.download import Downloader
from core.errors import ItemRefusedError, SourceError

AR_MAGIC = b"!<arch>\n"
AR_HEADER = 60


@dataclass(frozen=True)
class Listed:
    """What the index of a release says of a package."""

    filename: str
    sha256: str


class Packages:
    """Packages of Debian releases, each downloaded once. Safe to share between threads.

    Args:
        downloader: fetches indexes and packages; its limits must allow for files of some 200 MB.
        mirror: the address of an archive, below which lie its `dists` and `pool`.
    """

    def __init__(self, downloader: Downloader, mirror: str) -> None:
        self._downloader = downloader
        self._mirror = mirror.rstrip("/")
        self._lock = threading.Lock()
        self._indexes: dict[str, Mapping[str, Listed]] = {}
        self._files: dict[tuple[str, str], Mapping[str, bytes]] = {}

    def files(self, release: str, package: str, paths: Collection[str]) -> Mapping[str, bytes]:
        """The files of a package by their absolute paths; those it does not hold are left out.

        The paths asked for first are the ones remembered: ask for all of a package at once.

        Raises:
            ItemRefusedError: the package cannot be had.
        """
        with self._lock:
            if (release, package) not in self._files:
                self._files[release, package] = _unpacked(self._package(release, package), paths)
            return self._files[release, package]

    def stop(self) -> None:
        """Repeat no request any more."""
        self._downloader.stop()

    def _package(self, release: str, package: str) -> bytes:
        listed = self._index(release).get(package)
        if listed is None:
            raise ItemRefusedError(
                f"{self._mirror} has no package {package} in {release}: give another archive as --debian-mirror.",
                final=True,
            )
        data = self._downloader.file(f"{self._mirror}/{listed.filename}")
        if hashlib.sha256(data).hexdigest() != listed.sha256:
            raise ItemRefusedError(
                f"{listed.filename} differs from what the index of {self._mirror} says: run again later.",
                final=False,
            )
        return data

    def _index(self, release: str) -> Mapping[str, Listed]:
        if release not in self._indexes:
            address = f"{self._mirror}/dists/{release}/main/binary-amd64/Packages.xz"
            self._indexes[release] = _read_index(self._downloader.file(address), address)
        return self._indexes[release]


def _read_index(data: bytes, address: str) -> Mapping[str, Listed]:
    try:
        text = lzma.decompress(data).decode("utf-8")
    except (lzma.LZMAError, UnicodeDecodeError) as error:
        raise SourceError(f"{address} is not a package index ({error}): check --debian-mirror.") from error
    listed = {}
    for stanza in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line and line[0] != " ")
        if {"Package", "Filename", "SHA256"} <= fields.keys():
            listed[fields["Package"]] = Listed(fields["Filename"], fields["SHA256"])
    return listed


def _unpacked(package: bytes, paths: Collection[str]) -> Mapping[str, bytes]:
    """The wanted regular files of a package, read into memory; nothing of the archive is written to disk."""
    wanted = set(paths)
    found = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(_data_member(package)), mode="r:*") as archive:
            for member in archive:
                path = "/" + member.name.removeprefix("./").lstrip("/")
                file = archive.extractfile(member) if member.isreg() and path in wanted else None
                if file is not None:
                    found[path] = file.read()
    except (tarfile.TarError, lzma.LZMAError, EOFError, OSError, ValueError) as error:
        raise ItemRefusedError(f"A Debian package cannot be unpacked ({error}).", final=True) from error
    return found


def _data_member(package: bytes) -> bytes:
    for name, content in _ar_members(package):
        if name.startswith("data.tar"):
            return content
    raise ItemRefusedError("A Debian package holds no data.tar: it cannot be unpacked.", final=True)


def _ar_members(archive: bytes) -> Iterator[tuple[str, bytes]]:
    at = len(AR_MAGIC)
    while archive.startswith(AR_MAGIC) and at + AR_HEADER <= len(archive):
        header = archive[at : at + AR_HEADER]
        size = int(header[48:58])
        start = at + AR_HEADER
        content = archive[start : start + size]
        if len(content) < size:
            raise EOFError("it ends early")
        yield header[:16].decode("ascii").strip().rstrip("/"), content
        at = start + size + size % 2
