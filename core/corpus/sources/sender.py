"""Sends paid calls from a process of its own, so that an answer under way outlives the program that asked.

Killing the program that asked (even with SIGKILL, even with its terminal) leaves this process to wait for the
answers to the calls already sent, put them on disk and end; it sends no further call and repeats none.
"""

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, NoReturn, Protocol, Self
from urllib.parse import urlsplit

import httpx2
import openai
from filelock import FileLock

from core.corpus.sources.download import Attempts, Hosts, PassingError, retry_after
from core.corpus.sources.journal import Journal
from core.corpus.sources.ledger import Call, Ledger, journal_path, lock_path
from core.corpus.sources.politeness import Politeness
from core.errors import ItemRefusedError, SourceError

KEY_VARIABLE: Final = "OPENAI_API_KEY"
REASON_LENGTH: Final = 300
NOT_SENT: Final = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
DECLINED_FOR_NOW: Final = frozenset({408, 409, 425, 429, 500, 502, 503})
UNKNOWN_OUTCOME: Final = frozenset({504, 524})
MAY_BE_PAID: Final = (
    "It may have been paid for, so it is not sent again by itself: --repeat-lost sends it again, under the same "
    "idempotency key."
)
NO_MONEY: Final = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})


@dataclass(frozen=True)
class Settings:
    """Where calls go and how. `answer_timeout` (seconds) bounds the wait for one answer."""

    folder: Path
    base_url: str
    politeness: Politeness
    answer_timeout: float = 600.0


@dataclass(frozen=True)
class Outcome:
    """How a call ended: with its answer on disk if `reason` is empty. `stops` says that no other can succeed."""

    key: str
    reason: str = ""
    final: bool = False
    attempts: int = 1
    stops: bool = False


class Joinable(Protocol):
    """Something that runs and can be waited for."""

    def join(self) -> None:
        """Return when it has ended."""
        ...


Start = Callable[[Connection, Settings], Joinable]


def in_own_process(connection: Connection, settings: Settings) -> Joinable:
    """Start answering calls from `connection` in a process that outlives this one."""
    process = multiprocessing.get_context("spawn").Process(target=_serve_apart, args=(connection, settings))
    process.start()
    connection.close()
    return process


class Sender:
    """The asking side. Use it as a context manager.

    Args:
        settings: where calls go and how.
        start: starts the sending side, with the first call.
    """

    def __init__(self, settings: Settings, start: Start = in_own_process) -> None:
        self._settings = settings
        self._start = start
        self._lock = threading.Lock()
        self._running: _Running | None = None

    @property
    def answer_timeout(self) -> float:
        """The longest wait for one answer, in seconds."""
        return self._settings.answer_timeout

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._running is not None:
            self._running.wait()

    def call(self, call: Call) -> Outcome:
        """Send one call and wait until its outcome is on disk. Called from several threads.

        Raises:
            SourceError: the sending process has ended, or there is no key.
        """
        with self._lock:
            if self._running is None:
                expect_key()
                self._running = _Running(self._settings, self._start)
            running = self._running
        return running.submit(call).result()

    def stop(self) -> None:
        """Send nothing more and repeat nothing; calls under way are still answered."""
        with self._lock:
            if self._running is not None:
                self._running.stop()


class _Running:
    """A sending side and the calls it has not yet reported on."""

    def __init__(self, settings: Settings, start: Start) -> None:
        self._connection, theirs = multiprocessing.Pipe()
        self._sending = start(theirs, settings)
        self._lock = threading.Lock()
        self._waiting: dict[str, Future[Outcome]] = {}
        self._ended = False
        self._reader = threading.Thread(target=self._read, name="verso-sender-reader", daemon=True)
        self._reader.start()

    def submit(self, call: Call) -> Future[Outcome]:
        future: Future[Outcome] = Future()
        with self._lock:
            if self._ended:
                future.set_exception(_ended_early())
                return future
            self._waiting[call.key] = future
            with suppress(OSError):  # the process is gone, and `_read` says so to all who wait
                self._connection.send(call)
        return future

    def stop(self) -> None:
        with self._lock, suppress(OSError):
            self._connection.send(None)

    def wait(self) -> None:
        self._sending.join()
        self._reader.join()

    def _read(self) -> None:
        with suppress(EOFError, OSError):
            while True:
                outcome: Outcome = self._connection.recv()
                with self._lock:
                    future = self._waiting.pop(outcome.key)
                future.set_result(outcome)
        with self._lock:
            self._ended = True
            for future in self._waiting.values():
                future.set_exception(_ended_early())


def _ended_early() -> SourceError:
    return SourceError(
        "The process that sends the paid calls has ended: run again, and no answer is paid twice."
    )


def expect_key() -> str:
    """The API key from the environment.

    Raises:
        SourceError: there is none.
    """
    key = os.environ.get(KEY_VARIABLE, "")
    if not key:
        raise SourceError(
            f"{KEY_VARIABLE} is not set: put the API key into that environment variable; it is read from "
            "nowhere else."
        )
    return key


def _serve_apart(connection: Connection, settings: Settings) -> None:
    """Serve beyond the reach of the signals that end a terminal's programs."""
    if hasattr(os, "setsid"):
        os.setsid()
    serve(connection, settings)


def serve(connection: Connection, settings: Settings) -> None:
    """Answer calls from `connection` until it ends or sends None, then close it."""
    folder = settings.folder
    with connection, FileLock(lock_path(folder)), Journal(journal_path(folder)) as journal:
        _Server(connection, settings, Ledger(folder, journal)).run()


@dataclass
class _Server:
    connection: Connection
    settings: Settings
    ledger: Ledger
    stop: threading.Event = field(default_factory=threading.Event)
    reporting: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.key = expect_key()
        self.host = urlsplit(self.settings.base_url).netloc
        self.hosts = Hosts(self.settings.politeness.interval, self.stop)
        self.attempts = Attempts(self.settings.politeness, self.stop)
        self.client = openai.OpenAI(
            api_key=self.key,
            base_url=self.settings.base_url,
            max_retries=0,
            http_client=openai.DefaultHttpxClient(
                timeout=httpx2.Timeout(
                    self.settings.answer_timeout, connect=self.settings.politeness.connect_timeout
                ),
                # A connection kept from an earlier call can break unseen, and the next call be lost on it.
                limits=httpx2.Limits(max_keepalive_connections=0),
                follow_redirects=False,
            ),
        )

    def run(self) -> None:
        reports = []
        with self.client, ThreadPoolExecutor(self.settings.politeness.workers) as pool:
            with suppress(EOFError, OSError):
                while (call := self.connection.recv()) is not None:
                    reports.append(pool.submit(self._report_on, call))
            self.stop.set()
        for report in reports:
            report.result()

    def _report_on(self, call: Call) -> None:
        outcome = Outcome(call.key, "The process that sends the paid calls failed.", stops=True)
        try:
            outcome = self._settle(call)
        finally:
            with self.reporting, suppress(OSError):
                self.connection.send(outcome)

    def _settle(self, call: Call) -> Outcome:
        try:
            self.attempts.run(lambda: self._attempt(call))
        except ItemRefusedError as error:
            return Outcome(call.key, str(error), error.final, error.attempts)
        except SourceError as error:
            return Outcome(call.key, str(error), stops=True)
        except OSError as error:
            return Outcome(call.key, f"{self.settings.folder} cannot be written ({error}).", stops=True)
        return Outcome(call.key)

    def _attempt(self, call: Call) -> None:
        self.hosts.wait_for(self.host)
        if self.stop.is_set():
            raise ItemRefusedError("The run ended before this was sent: run again.", final=False)
        self.ledger.note_sent(call)
        try:
            response = self.client.images.with_raw_response.generate(
                model=call.model,
                prompt=call.prompt.text,
                n=1,
                size=call.size,
                extra_body=call.options,
                extra_headers={"Idempotency-Key": self.ledger.idempotency_key(call)},
            )
        except openai.APIStatusError as error:
            self._raise_for_status(call, error)
        except openai.APIConnectionError as error:
            self._raise_for_connection(call, error)
        else:
            self.ledger.keep_answer(call, response.content)

    def _raise_for_connection(self, call: Call, error: openai.APIConnectionError) -> NoReturn:
        cause = error.__cause__ or error
        found = f"{type(cause).__name__}: {cause}"
        if not isinstance(cause, NOT_SENT):
            self._lose(call, f"the connection broke ({found})")
        self.ledger.note(call, "declined", found)
        raise PassingError(f"{self.host} cannot be reached ({found}): run again later.") from error

    def _raise_for_status(self, call: Call, error: openai.APIStatusError) -> NoReturn:
        status = error.status_code
        said = f"{self.host} answered {status}: {self._without_key(error.message)}"
        if status in UNKNOWN_OUTCOME:
            self._lose(call, said)
        if why := self._hopeless(call, status, error.code):
            self.ledger.note(call, "declined", said)
            raise SourceError(why) from error
        if status in DECLINED_FOR_NOW:
            self.ledger.note(call, "declined", said)
            wait = retry_after(error.response.headers.get("retry-after"))
            self.hosts.hold(self.host, min(wait or 0.0, self.settings.politeness.longest_retry_after))
            raise PassingError(said, wait) from error
        self.ledger.note(call, "refused", said)
        raise ItemRefusedError(said, final=True) from error

    def _hopeless(self, call: Call, status: int, code: str | None) -> str:
        """Why no call can succeed, or ""."""
        if code in NO_MONEY:
            return f"The account at {self.host} cannot pay ({code}): top it up or raise its limit, then run again."
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return f"{self.host} refuses the key in {KEY_VARIABLE} ({status}): check it and what it may do."
        if status == HTTPStatus.NOT_FOUND:
            return (
                f"{self.host} knows no model {call.model} or no Images API at {self.settings.base_url} (404): "
                "check --model and --base-url."
            )
        if status < HTTPStatus.BAD_REQUEST:
            return f"{self.settings.base_url} redirects ({status}): give the final address as --base-url."
        return ""

    def _lose(self, call: Call, why: str) -> NoReturn:
        self.ledger.note(call, "lost", why)
        raise ItemRefusedError(f"No answer reached this disk: {why}. {MAY_BE_PAID}", final=False)

    def _without_key(self, text: str) -> str:
        return text.replace(self.key, "<the key>")[:REASON_LENGTH]
