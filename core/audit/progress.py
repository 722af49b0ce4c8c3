"""How far an audit is, how fast it goes and how long it will take."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from core.audit.store.records import Counts, State

WINDOW = 30.0
"""Seconds over which the rate is measured."""


@dataclass(frozen=True)
class Progress:
    """A moment of an audit. While it is planned, `planned` counts the files found and `counts` is None.

    `rate` is files a second over the last `WINDOW` seconds of this run, 0 before the first; `seconds_left` is None while
    that is not known.
    """

    state: State
    planned: int = 0
    counts: Counts | None = None
    rate: float = 0.0
    seconds_left: float | None = None


Watcher = Callable[[Progress], None]


class Pace:
    """Measures how many files a second are done."""

    def __init__(self, done: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._marks = deque([(clock(), done)])

    def rate(self, done: int) -> float:
        """Note that `done` files are done by now, and return the rate."""
        now = self._clock()
        self._marks.append((now, done))
        while len(self._marks) > 2 and now - self._marks[1][0] > WINDOW:  # noqa: PLR2004 - a rate needs two
            self._marks.popleft()
        since, before = self._marks[0]
        return (done - before) / (now - since) if now > since else 0.0

    def moment(self, state: State, counts: Counts) -> Progress:
        """Return the progress at these counts."""
        rate = self.rate(counts.done)
        return Progress(
            state=state,
            planned=counts.total + counts.duplicates,
            counts=counts,
            rate=rate,
            seconds_left=counts.waiting / rate if rate else None,
        )
