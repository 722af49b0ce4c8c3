"""The inputs of an audit asked for in the queue, and the bytes of one of its files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from core.audit.inputs.listing import Entry, Source
from core.audit.inputs.relative import Relative
from core.audit.inputs.sources import sources_of
from core.audit.queue import PICTURES, UPLOADS, Queue, Request
from core.audit.store.records import Planned
from core.errors import AuditError, ImageError
from core.images import DEFAULT_LIMITS, read_at_most
from core.visible_text import printable


def input_sources(queue: Queue, request: Request) -> list[Source]:
    """Return the inputs of a request, held to where its files may lie; uploads under their own names.

    Raises:
        AuditError: an input is gone or lies elsewhere, or the uploads were removed.
    """
    removed = not (queue.folder(request.id) / UPLOADS).is_dir()
    if removed and any(
        Path(path).is_relative_to(queue.folder(request.id).absolute()) for path in request.inputs
    ):
        raise AuditError(
            "The files uploaded for this audit were removed from the server, and its pictures with them: what was found about "
            "them stays. To look at them again, audit them anew."
        )
    uploads = f"{printable(str((queue.folder(request.id) / UPLOADS).absolute()))}{os.sep}"
    prefixes = {
        path: f"{uploads}{PICTURES}{os.sep}" if path.endswith(f"{os.sep}{PICTURES}") else uploads
        for path in request.inputs
    }
    found = sources_of([Path(path) for path in request.inputs], queue.roots(request.id))
    return [Relative(source, prefixes[path]) for path, source in zip(request.inputs, found, strict=True)]


def picture_bytes(sources: Sequence[Source], item: Planned) -> bytes:
    """Read the file of one picture of an audit.

    Raises:
        ImageError: it was refused, is a video or too large, cannot be read any more, or is not the file that was judged.
        AuditError: the place where it lies does not answer.
    """
    if item.refused:
        raise ImageError(item.refused)
    if item.video:
        raise ImageError(f"'{item.path}' is a video: its shots were judged, it has no picture to show.")
    with sources[item.source].stream(Entry(item.path, item.locator, item.size, item.stamp)) as stream:
        data = read_at_most(stream, DEFAULT_LIMITS.max_bytes + 1)
    if len(data) > DEFAULT_LIMITS.max_bytes:
        raise ImageError(f"'{item.path}' is over the limit of {DEFAULT_LIMITS.max_bytes / 1e6:.0f} MB.")
    if hashlib.sha256(data).hexdigest() != item.sha256:
        raise ImageError(
            f"'{item.path}' was changed since it was judged, and what lies there now is not shown: put the file back as it "
            "was, or audit it anew."
        )
    return data
