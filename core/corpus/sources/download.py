"""Fetch files politely over HTTP and believe nothing about them that was not checked.

Requests to one host keep a distance; what may pass (429, 5xx, time-outs, broken connections, damaged
bodies) is asked for again with growing waits, or after the wait that `Retry-After` names (RFC 9110, 10.2.3).
"""

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Self, TypeVar

import httpx
import tenacity

from core import images
from core.corpus.sources.base import Original
from core.corpus.sources.politeness import Politeness
from core.errors import CorruptImageError, ImageError, ItemRefusedError

USER_AGENT = "verso-corpus/0.1 (research on artworks)"
PASSING_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
UNSTATED_TYPES = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/binary"})

HOST = re.compile(r"[\w.:-]+")

ResultT = TypeVar("ResultT")


class PassingError(Exception):
    """An attempt failed in a way that may pass; `retry_after` is the wait in seconds that was asked for."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Hosts:
    """Keeps a distance between requests to the same host, in whichever threads they are made.

    Args:
        interval: the least time between two, in seconds.
        stop: when set, no one waits any more.
    """

    def __init__(self, interval: float, stop: threading.Event) -> None:
        self._interval = interval
        self._stop = stop
        self._lock = threading.Lock()
        self._free_at: dict[str, float] = {}
        self._failures: Counter[str] = Counter()

    def wait_for(self, host: str) -> None:
        """Return when it is this request's turn."""
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._free_at.get(host, now))
            self._free_at[host] = turn + self._interval
        self._stop.wait(turn - now)

    def hold(self, host: str, seconds: float) -> None:
        """Make no request to the host for a time, as it asked."""
        with self._lock:
            self._free_at[host] = max(self._free_at.get(host, 0.0), time.monotonic() + seconds)

    def note(self, host: str, *, answered: bool) -> None:
        """Note whether the host gave a definite answer for an address, or was in trouble."""
        with self._lock:
            self._failures[host] = 0 if answered else self._failures[host] + 1

    def failures(self, host: str) -> int:
        """How many addresses in a row found the host in trouble."""
        with self._lock:
            return self._failures[host]


class Attempts:
    """Tries a call again while it fails in a way that may pass."""

    def __init__(self, politeness: Politeness, stop: threading.Event) -> None:
        self._politeness = politeness
        self._stop = stop

    def run(self, call: Callable[[], ResultT]) -> ResultT:
        """The result of the call.

        Raises:
            ItemRefusedError: it failed for good, or as often as politeness allows.
        """
        made = 0

        def counted() -> ResultT:
            nonlocal made
            if self._stop.is_set():
                raise PassingError("The run was ended before this was asked for: run again.")
            made += 1
            return call()

        try:
            return self._retrying()(counted)
        except PassingError as error:
            raise ItemRefusedError(str(error), final=False, attempts=made) from error
        except ItemRefusedError as error:
            error.attempts = made
            raise

    def _retrying(self) -> tenacity.Retrying:
        polite = self._politeness
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(self._is_worth_waiting_for),
            stop=tenacity.stop_after_attempt(polite.attempts) | tenacity.stop_when_event_set(self._stop),
            wait=_AsTheServerSays(
                tenacity.wait_random_exponential(multiplier=polite.first_wait, max=polite.longest_wait)
            ),
            sleep=tenacity.sleep_using_event(self._stop),
            reraise=True,
        )

    def _is_worth_waiting_for(self, error: BaseException) -> bool:
        return isinstance(error, PassingError) and (
            error.retry_after is None or error.retry_after <= self._politeness.longest_retry_after
        )


class _AsTheServerSays(tenacity.wait.wait_base):
    def __init__(self, otherwise: tenacity.wait.wait_base) -> None:
        self._otherwise = otherwise

    def __call__(self, retry_state: tenacity.RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        if isinstance(error, PassingError) and error.retry_after is not None:
            return error.retry_after
        return float(self._otherwise(retry_state))


class Downloader:
    """Downloads files; safe to share between threads. Use it as a context manager.

    Args:
        politeness: how hard a server may be asked.
        max_bytes: of one file.
    """

    def __init__(self, politeness: Politeness, max_bytes: int = images.DEFAULT_LIMITS.max_bytes) -> None:
        self.politeness = politeness
        self._max_bytes = max_bytes
        self._stop = threading.Event()
        self._hosts = Hosts(politeness.interval, self._stop)
        self._attempts = Attempts(politeness, self._stop)
        self._client = httpx.Client(
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
            timeout=httpx.Timeout(politeness.read_timeout, connect=politeness.connect_timeout),
            limits=httpx.Limits(max_connections=politeness.workers),
            follow_redirects=True,
            max_redirects=politeness.redirects,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._client.close()

    def stop(self) -> None:
        """Wait for nothing any more: requests under way are finished, none is repeated."""
        self._stop.set()

    def file(self, url: str) -> bytes:
        """The bytes of a file of any kind.

        Raises:
            ItemRefusedError: the address gives no file; the message says what was found there.
        """
        return self._ask(_http(url), partial(self._get, images_only=False))

    def image(self, url: str) -> Original:
        """An image file, which the door has let in.

        Raises:
            ItemRefusedError: the address gives no such file; the message says what was found there.
        """
        return self._ask(_http(url), self._image)

    def _ask(self, url: httpx.URL, get: Callable[[httpx.URL], ResultT]) -> ResultT:
        if self._hosts.failures(url.host) >= self.politeness.patience:
            raise ItemRefusedError(
                f"{url} was not asked for: {url.host} was in trouble at {self.politeness.patience} addresses in "
                "a row. Run again later.",
                final=False,
                attempts=0,
            )
        try:
            got = self._attempts.run(lambda: get(url))
        except ItemRefusedError as error:
            self._hosts.note(url.host, answered=error.final)
            raise
        self._hosts.note(url.host, answered=True)
        return got

    def _image(self, url: httpx.URL) -> Original:
        data = self._get(url, images_only=True)
        try:
            return Original(data, images.open(data))
        except CorruptImageError as error:
            raise PassingError(f"{url} sent a damaged image ({len(data)} bytes): {error}") from error
        except ImageError as error:
            raise ItemRefusedError(f"{url}: {error}", final=True) from error

    def _get(self, url: httpx.URL, *, images_only: bool) -> bytes:
        self._hosts.wait_for(url.host)
        deadline = time.monotonic() + self.politeness.total_timeout
        with _clear_errors(url), self._client.stream("GET", url) as response:
            self._check_status(response, url)
            if images_only:
                self._check_type(response, url)
            self._check_size(int(response.headers.get("content-length", 0)), url)
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                self._check_transfer(len(body), deadline, url)
        return bytes(body)

    def _check_status(self, response: httpx.Response, url: httpx.URL) -> None:
        if response.status_code == httpx.codes.OK:
            return
        found = f"{url} answered {response.status_code} {response.reason_phrase}".rstrip()
        if response.status_code not in PASSING_STATUSES:
            raise ItemRefusedError(f"{found}: check the address.", final=True)
        wait = retry_after(response.headers.get("retry-after"))
        if wait is None:
            raise PassingError(f"{found}: run again later.")
        self._hosts.hold(url.host, min(wait, self.politeness.longest_retry_after))
        raise PassingError(f"{found} and asks to wait {wait:.0f} s: run again later.", wait)

    def _check_type(self, response: httpx.Response, url: httpx.URL) -> None:
        stated = response.headers.get("content-type", "").split(";")[0].strip().lower()
        if not stated.startswith("image/") and stated not in UNSTATED_TYPES:
            raise ItemRefusedError(f"{url} sent {stated}, not an image: check the address.", final=True)

    def _check_transfer(self, received: int, deadline: float, url: httpx.URL) -> None:
        self._check_size(received, url)
        if time.monotonic() > deadline:
            raise PassingError(
                f"{url} sent {received} bytes in {self.politeness.total_timeout:g} s and was not done: "
                "run again later."
            )

    def _check_size(self, size: int, url: httpx.URL) -> None:
        if size > self._max_bytes:
            raise ItemRefusedError(
                f"{url} is over the limit of {self._max_bytes / 1e6:,.1f} MB a file: leave it out.",
                final=True,
            )


def retry_after(header: str | None) -> float | None:
    """The wait in seconds that a `Retry-After` header asks for (a number or a date), or None."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def is_address(text: str) -> bool:
    """Whether the text is an http or https address with a host."""
    try:
        _http(text)
    except ItemRefusedError:
        return False
    return True


def _http(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
        host = url.host
        host.encode("idna")
    except (httpx.InvalidURL, UnicodeError) as error:
        raise ItemRefusedError(f"{text!r} is not an address ({error}).", final=True) from error
    if url.scheme not in {"http", "https"} or not HOST.fullmatch(host):
        raise ItemRefusedError(f"{text!r} is not an http or https address.", final=True)
    return url


@contextmanager
def _clear_errors(url: httpx.URL) -> Iterator[None]:
    try:
        yield
    except httpx.TooManyRedirects as error:
        raise ItemRefusedError(f"{url} redirects in a loop or too often.", final=True) from error
    except httpx.UnsupportedProtocol as error:
        raise ItemRefusedError(f"{url} redirects away from http and https.", final=True) from error
    except httpx.TimeoutException as error:
        raise PassingError(f"{url} did not answer in time: run again later.") from error
    except (httpx.TransportError, httpx.DecodingError) as error:
        raise PassingError(f"{url} broke the connection ({error}): run again later.") from error
