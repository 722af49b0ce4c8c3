"""Waits for what another thread or process does."""

import time
from collections.abc import Callable

LONGEST = 60.0


def wait_until(happened: Callable[[], object]) -> None:
    """Return once `happened` says so; fail after `LONGEST` seconds."""
    ends = time.monotonic() + LONGEST
    while not happened():
        assert time.monotonic() < ends, f"what was waited for did not happen within {LONGEST:.0f} seconds"
        time.sleep(0.01)
