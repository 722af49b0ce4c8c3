"""Write a file whole or not at all."""

import os
from pathlib import Path


def write(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that a reader, or a crash at any moment, never sees half of it.

    The bytes go to `.<name>.part` beside the target, are flushed to disk, and are then renamed over it. The
    name of the part is fixed, so a writer that is killed leaves at most one and the next write takes it over.
    Two writers of the same path must hold a lock around this call.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
