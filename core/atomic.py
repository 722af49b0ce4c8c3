"""Write a file whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def part_of(path: Path) -> Path:
    """Return the file beside `path` that holds what is being written."""
    return path.with_name(f".{path.name}.part")


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a path to write to; what was written there replaces `path` when the block ends well.

    A reader, or a crash at any moment, never sees half of it: the bytes lie in `part_of` the target, are flushed to
    disk, and are then renamed over it. The name of the part is fixed, so a writer that is killed leaves at most one
    and the next takes it over. Two writers of the same path must hold a lock around the block.
    """
    part = part_of(path)
    yield part
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    part.replace(path)


def write(path: Path, data: bytes) -> None:
    """Write `data` to `path` as `whole` does; missing folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as part:
        part.write_bytes(data)
