"""From what a user names to the sources of an audit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.audit.inputs.archives import ArchivedFiles
from core.audit.inputs.files import Files, Folder
from core.audit.inputs.listing import Source
from core.audit.inputs.lists import SUFFIXES, ListOfFiles
from core.audit.inputs.roots import Roots
from core.errors import AuditError
from core.images import printable

ZIP_START = (b"PK\x03\x04", b"PK\x05\x06")


def sources_of(inputs: Sequence[Path], roots: Roots | None = None) -> list[Source]:
    """Return the source of each input: a folder, a zip archive, a list (.txt, .csv, .tsv) or a single file.

    Args:
        inputs: paths, as the user gave them.
        roots: the folders to stay in; None for anywhere.

    Raises:
        AuditError: an input does not exist, cannot be read or lies outside `roots`.
        ArchiveError: an archive is refused.
    """
    return [_source_of(path, roots) for path in inputs]


def _source_of(path: Path, roots: Roots | None) -> Source:
    shown = printable(str(path))
    if roots is not None and not roots.hold(path):
        raise AuditError(f"{shown} lies outside the folders that may be read here: {roots}.")
    if path.is_dir():
        return Folder(path)
    if not path.is_file():
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
