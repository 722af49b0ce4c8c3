"""From what a user names to the sources of an audit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.audit.inputs.address import Address, Input
from core.audit.inputs.archives import ArchivedFiles
from core.audit.inputs.files import Files, Folder
from core.audit.inputs.listing import Source
from core.audit.inputs.lists import SUFFIXES, ListOfFiles
from core.audit.inputs.remote import RemoteFiles
from core.audit.inputs.roots import Roots
from core.errors import AuditError
from core.visible_text import printable

ZIP_START = (b"PK\x03\x04", b"PK\x05\x06")


def sources_of(inputs: Sequence[Input], roots: Roots | None = None) -> list[Source]:
    """Return the source of each input: a folder, a zip archive, a list (.txt, .csv, .tsv), a single file, an address.

    Args:
        inputs: as the user gave them.
        roots: the folders to stay in, which no address does; None for anywhere.

    Raises:
        AuditError: an input does not exist, cannot be read or lies outside `roots`.
        ArchiveError: an archive is refused.
    """
    return [_source_of(each, roots) for each in inputs]


def _source_of(named: Input, roots: Roots | None) -> Source:
    shown = printable(str(named))
    if roots is not None and not roots.hold(named):
        raise AuditError(f"{shown} lies outside the folders that may be read here: {roots}.")
    return RemoteFiles(named) if isinstance(named, Address) else _on_this_computer(named, shown, roots)


def _on_this_computer(path: Path, shown: str, roots: Roots | None) -> Source:
    try:
        if path.is_dir():
            return Folder(path)
        is_file = path.is_file()
    except OSError as error:
        raise AuditError(
            f"{shown} cannot be reached ({error.strerror}): check the path and its permissions."
        ) from error
    if not is_file:
        raise AuditError(f"{shown} is no file and no folder on this computer: check the path.")
    if path.suffix.lower() in SUFFIXES:
        return ListOfFiles(path, roots)
    if path.suffix.lower() == ".zip" or _start(path) in ZIP_START:
        return ArchivedFiles(path)
    return Files(path)


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(len(ZIP_START[0]))
    except OSError as error:
        raise AuditError(
            f"{printable(str(path))} cannot be read ({error.strerror}): check its permissions."
        ) from error
