"""Carries out the audits of the queue, in turns; one process, which ends when nothing is left or its parent is gone.

`python -m core.audit.worker`
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from filelock import FileLock

from core.audit.lifecycle import NOTE, Order, carry_out
from core.audit.pictures import input_sources
from core.audit.progress import Progress
from core.audit.queue import Moment, Queue, Request, Wish
from core.audit.store.audits import AuditStore
from core.audit.store.records import State
from core.errors import DamagedRequestError, FolderInUseError, VersoError

TURN: Final = 60.0
"""Seconds an audit runs before the next one that waits has its turn; planning is not interrupted."""
NOTED_EVERY: Final = 0.5
IDLE: Final = 30.0
"""Seconds without anything to do after which the worker ends, and gives its memory back."""
MOST_DEATHS: Final = 3
"""Times the process may die with an audit, without one more chunk done, before that audit is paused."""
HELD_BACK: Final = (
    f"The system ended this audit {MOST_DEATHS} times before it could finish its next files, most likely because memory "
    "ran out. Free memory, then resume it."
)
BLOCK: Final = 4096
ENDED: Final = (State.FINISHED, State.CANCELLED)


class TurnOverError(Exception):
    """Others wait: the audit goes on in its next turn."""


class Worker:
    """Runs the audits of a queue, the one that has waited longest first."""

    def __init__(self, queue: Queue, store: AuditStore) -> None:
        self._queue = queue
        self._store = store
        self._served: dict[str, float] = {}
        self._stuck: set[str] = set()
        """Audits that failed without a way to note it, for example on a full disk; another process will try again."""
        self._made_way: dict[str, float] = {}
        """Audits whose last turn ended because others waited, and when they were asked to run then."""

    def recover(self) -> None:
        """See to the audit that the process before this one died with, if one did, and to those cancelled since."""
        for request in self._queue.all():
            self._cancel_if_asked(request.id)
        audit_id = self._queue.current()
        with suppress(OSError):
            self._queue.set_current("")
        if not audit_id:
            return
        self._served[audit_id] = time.time()  # it had its turn: others go first
        if self._queue.died(audit_id, self._store.counts(audit_id).done) < MOST_DEATHS:
            return
        self._queue.hold_back(audit_id, HELD_BACK)
        known = self._store.find(audit_id)
        if known is not None and known.state not in ENDED:
            self._store.set_state(audit_id, State.PAUSED)

    def next(self) -> Request | None:
        """Return the audit whose turn it is."""
        waiting = [one for one in self._queue.all() if self._waits(one) and one.id not in self._stuck]
        return min(waiting, key=self._since, default=None)

    def run(self, request: Request, turn: float = TURN) -> None:
        """Give one audit its turn; it may end, be stopped, fail, or wait for its next turn."""
        turn_of = _Turn(self._queue, self._store, request, turn, self.others_wait)
        made_way = self._made_way.pop(request.id, None)
        try:
            self._queue.set_current(request.id)
            folder = self._queue.output(request)
            order = Order(
                tuple(map(Path, request.inputs)),
                folder,
                request.model,
                resume=(folder / NOTE).exists(),
                audit_id=request.id,
                name=request.name,
                next_turn=made_way == request.asked,
            )
            carry_out(order, self._store, input_sources(self._queue, request), turn_of.watch)
        except TurnOverError:
            self._made_way[request.id] = request.asked
        except (
            FolderInUseError
        ):  # the command line runs it, or the page writes its files: others have their turn
            time.sleep(NOTED_EVERY)
        except VersoError as error:
            self._note(request.id, str(error))
        except OSError as error:
            self._note(
                request.id,
                f"The server's system stopped this audit ({error.strerror or error}): see to that, for example make room on its "
                "disk, then resume it.",
            )
        except Exception as error:
            self._note(request.id, f"The audit stopped unexpectedly ({error!r}): resume it.")
            raise
        finally:
            self._served[request.id] = time.time()
            with suppress(OSError):
                self._queue.set_current("")
            with suppress(OSError, VersoError):  # it is asked again when the next process begins
                self._cancel_if_asked(request.id)

    def _cancel_if_asked(self, audit_id: str) -> None:
        """Cancel an audit whose turn was over before it could see that it was asked to."""
        request = self._queue.find(audit_id)
        if request is not None and request.wish is Wish.CANCEL:
            self._store.cancel(audit_id)

    def _note(self, audit_id: str, why: str) -> None:
        """Note why an audit cannot go on, unless its request cannot be read any more: the page says so then."""
        try:
            self._queue.fail(audit_id, why)
        except DamagedRequestError:
            pass
        except OSError:
            self._stuck.add(audit_id)

    def others_wait(self, audit_id: str) -> bool:
        """Whether an audit other than this one waits."""
        return any(self._waits(one) for one in self._queue.all() if one.id != audit_id)

    def _waits(self, request: Request) -> bool:
        if request.wish is not Wish.RUN or request.failure:
            return False
        known = self._store.find(request.id)
        return known is None or known.state not in ENDED

    def _since(self, request: Request) -> float:
        return max(request.asked, self._served.get(request.id, 0.0))


class _Turn:
    """Watches one audit: notes its pace, passes wishes on, ends its turn."""

    def __init__(
        self,
        queue: Queue,
        store: AuditStore,
        request: Request,
        seconds: float,
        others_wait: Callable[[str], bool],
    ) -> None:
        self._queue, self._store, self._request = queue, store, request
        self._others_wait = others_wait
        self._seconds = seconds
        self._ends: float | None = None
        self._next_note = 0.0

    def watch(self, progress: Progress) -> None:
        """Do so after each step of the audit."""
        now = time.monotonic()
        if now < self._next_note:
            return
        self._next_note = now + NOTED_EVERY
        moment = Moment(progress.planned, progress.rate, progress.seconds_left)
        with suppress(OSError):  # a pace is no reason to stop
            self._queue.set_moment(self._request.id, moment)
        known = self._queue.find(self._request.id)
        if known and known.name != self._request.name:
            # given since the turn began, and maybe before the store had the audit
            self._store.rename(known.id, known.name)
            self._request = known
        wish = known.wish if known else Wish.CANCEL
        if wish is not Wish.RUN:
            self._pass_on(State.PAUSING if wish is Wish.PAUSE else State.CANCELLING)
        elif self._ends is None:  # the clock starts with the judging, so that every turn gets something done
            self._ends = now + self._seconds if progress.counts else None
        elif now > self._ends and self._others_wait(self._request.id):
            raise TurnOverError

    def _pass_on(self, wish: State) -> None:
        before = self._store.state(self._request.id)
        if wish is State.PAUSING and before in {State.PLANNING, State.RUNNING}:
            self._store.ask(self._request.id, State.PAUSING)
        elif wish is State.CANCELLING and before in {State.PLANNING, State.RUNNING, State.PAUSING}:
            self._store.ask(self._request.id, State.CANCELLING)


def main() -> None:
    """Work until nothing was left for `IDLE` seconds, until whoever started this closes its end of stdin, or until SIGTERM."""
    queue = Queue.of_this_computer()
    lock = FileLock(queue.home / ".worker.lock", thread_local=False)
    signal.signal(signal.SIGTERM, lambda *_: _end(queue, lock))
    threading.Thread(target=_end_with_parent, args=(queue, lock, sys.stdin.fileno()), daemon=True).start()
    with lock, AuditStore.open() as store:
        worker, busy = Worker(queue, store), time.monotonic()
        worker.recover()
        queue.discard_old()
        while time.monotonic() - busy < IDLE:
            request = worker.next()
            if request is None:
                time.sleep(NOTED_EVERY)
                continue
            worker.run(request)
            busy = time.monotonic()


def _end_with_parent(queue: Queue, lock: FileLock, stdin: int) -> None:
    while os.read(
        stdin, BLOCK
    ):  # of the descriptor itself: a reader of sys.stdin holds its lock when Python ends
        pass
    _end(queue, lock)


def _end(queue: Queue, lock: FileLock) -> None:
    try:
        if lock.is_locked:  # else it is the audit of another process
            queue.set_current("")  # nobody's fault: the audit at hand did not die of itself
    finally:
        os._exit(1)  # as kill -9 would: audits are made for that


if __name__ == "__main__":
    main()
