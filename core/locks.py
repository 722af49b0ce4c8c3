"""Locks that processes of one computer hold against each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from core.errors import VersoError


@contextmanager
def alone(lock: Path, otherwise: VersoError) -> Iterator[None]:
    """Hold the file `lock` while the block runs; raise `otherwise` if another process holds it."""
    held = FileLock(lock)
    try:
        held.acquire(timeout=0)
    except Timeout as error:
        raise otherwise from error
    try:
        yield
    finally:
        held.release()
