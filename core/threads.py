"""Work shared among threads, with its results in order and never much of it in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

AHEAD = 4
"""How many results may wait for a slow one before them, for each worker: enough to keep the others busy."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Generator[Result]:
    """Yield `function(item)` of each item in the order of the items, computed by `workers` threads.

    At most `AHEAD` items for each worker are begun or wait to be yielded, however many there are. An exception of
    `function` is raised where its result would have come. When the caller stops early, work not begun is dropped
    and work begun is waited for.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix="verso")
    begun: deque[Future[Result]] = deque()
    try:
        for item in items:
            begun.append(pool.submit(function, item))
            if len(begun) == AHEAD * workers:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
