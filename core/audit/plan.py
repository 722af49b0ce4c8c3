"""The plan of an audit: one row per file, with its sha256, which files repeat others, and what is examined together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice, zip_longest

from core.audit.inputs.listing import NO_SIZE, Entry, Identity, Source, identify
from core.audit.store.audits import AuditStore
from core.audit.store.records import Planned
from core.errors import AuditError
from core.threads import in_order

CHUNK = 16
"""Pictures examined together; a video is examined by itself.

Chunks follow from the plan alone. A network's last digits can depend on what shares a batch with a picture, so
the same batches whatever the number of workers, and after whatever interruption, make the same results.
"""
FLUSH = 256
"""Files noted in the store at once while planning."""

Listed = tuple[int, Entry, Identity | None]


class Chunks:
    """Deals files to chunks in the order of the plan."""

    def __init__(self) -> None:
        self._number = 0
        self._filled = 0

    def of(self, *, video: bool) -> int:
        """Return the chunk of the next file."""
        if video and self._filled:
            self._next()
        number = self._number
        self._filled += 1
        if video or self._filled == CHUNK:
            self._next()
        return number

    def _next(self) -> None:
        self._number += 1
        self._filled = 0


def make_plan(
    store: AuditStore,
    audit_id: str,
    sources: Sequence[Source],
    workers: int,
    progress: Callable[[int], bool],
) -> bool:
    """List and hash every file of the sources and keep the plan; return whether it is complete.

    An interrupted plan is made anew: only whole plans are run.

    Args:
        store: keeps the plan.
        audit_id: whose plan it is.
        sources: the inputs, in order.
        workers: threads that hash.
        progress: told how many files are planned, after each step; returns whether to go on.

    Raises:
        AuditError: there is no file, or a source as a whole cannot be used.
    """
    store.forget_plan(audit_id)
    chunks, count = Chunks(), 0
    listed = in_order(_identified, _entries(sources), workers)
    while some := list(islice(listed, FLUSH)):
        store.add_items(audit_id, _planned(store, audit_id, some, count, chunks))
        count += len(some)
        if not progress(count):
            listed.close()
            return False
    if not count:
        raise AuditError(
            "There is nothing to audit: the inputs hold no file. Name a folder, archive or list that does."
        )
    store.set_planned(audit_id, count)
    return True


def check_unchanged(store: AuditStore, audit_id: str, sources: Sequence[Source]) -> None:
    """Compare the sources with the plan that was made of them.

    Files whose size and time are known and as planned are taken for the same; the others are hashed.

    Raises:
        AuditError: a file was added, removed, renamed or changed since.
    """
    for planned, found in zip_longest(store.planned(audit_id), _entries(sources)):
        if found is None:
            raise _changed(f"'{planned.path}' is missing")
        number, source, entry = found
        if planned is None:
            raise _changed(f"'{entry.path}' was not there")
        if (number, entry.locator) != (planned.source, planned.locator):
            raise _changed(f"in the place of '{planned.path}' is '{entry.path}'")
        same = (entry.size, entry.stamp, entry.refused) == (planned.size, planned.stamp, planned.refused)
        if same and entry.size != NO_SIZE:
            continue
        identity = identify(source, entry)
        if (identity.sha256 if identity else "") != planned.sha256:
            raise _changed(f"'{planned.path}' has other bytes")


def _changed(how: str) -> AuditError:
    return AuditError(
        f"The inputs are not what this audit was planned for: {how}. Put them back as they were and resume, "
        "or start a new audit in another --output."
    )


def _entries(sources: Sequence[Source]) -> Iterator[tuple[int, Source, Entry]]:
    for number, source in enumerate(sources):
        for entry in source.entries():
            yield number, source, entry


def _identified(listed: tuple[int, Source, Entry]) -> Listed:
    number, source, entry = listed
    return number, entry, identify(source, entry)


def _planned(
    store: AuditStore, audit_id: str, some: Sequence[Listed], start: int, chunks: Chunks
) -> list[Planned]:
    hashes = {identity.sha256 for _, _, identity in some if identity and identity.sha256}
    first = store.first_of(audit_id, hashes)
    planned = []
    for position, (source, entry, identity) in enumerate(some, start):
        sha256, video = (identity.sha256, identity.video) if identity else ("", "")
        original = None if identity and identity.stranger else first.get(sha256)
        if sha256 and original is None:
            first[sha256] = position
        planned.append(
            Planned(
                position=position,
                path=entry.path,
                source=source,
                locator=entry.locator,
                size=entry.size,
                stamp=entry.stamp,
                refused=entry.refused,
                sha256=sha256,
                video=video,
                original=original,
                chunk=chunks.of(video=bool(video)) if original is None else None,
            )
        )
    return planned
