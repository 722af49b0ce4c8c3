"""Memory between training steps: glibc is told to keep what a step gave back for the next one.

By default it returns every large block to the system at once, which must fill it with zeros, page by page, when the next
step asks for it again. `benchmarks/training_memory.py` measures what that costs.
"""

from __future__ import annotations

import ctypes
import platform

TRIM_THRESHOLD, MMAP_MAX = -1, -4
"""Parameters of mallopt(3), as glibc's malloc.h numbers them."""


def keep_freed_memory() -> None:
    """Let this process keep the memory it frees, for good; does nothing where the C library is not glibc.

    The process then holds as much as it ever needed at once.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(MMAP_MAX, 0)
    libc.mallopt(TRIM_THRESHOLD, -1)
