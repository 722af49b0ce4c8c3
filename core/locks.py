"""Locks that processes of one computer hold against each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from core.errors import VersoError

PATIENCE: Final = 1.0
"""Seconds to wait for a lock: whoever only looks whether it is held holds it for an instant."""


@contextmanager
def alone(lock: Path, otherwise: VersoError) -> Iterator[None]:
    """Hold the file `lock` while the block runs; raise `otherwise` if another holds it for longer than `PATIENCE`."""
    held = FileLock(lock)
    try:
        held.acquire(timeout=PATIENCE)
    except Timeout as error:
        raise otherwise from error
    try:
        yield
    finally:
        held.release()
