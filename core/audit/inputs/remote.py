"""Files at an address: in S3 or wherever fsspec has a file system for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from http import HTTPStatus
from typing import IO, Any, Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

from fsspec import AbstractFileSystem, filesystem

from core import images
from core.audit.inputs.address import MARK, Address
from core.audit.inputs.listing import HIGHEST, NO_SIZE, Entry
from core.audit.inputs.spooled import spooled
from core.clutter import is_clutter
from core.errors import AuditError, ImageTooLargeError, UnreadableFileError, VersoError
from core.images import DEFAULT_LIMITS, Artwork
from core.visible_text import printable

LIBRARIES: Final = "requirements-addresses.txt"
LOCAL: Final = ("file", "local")
ARCHIVES: Final = (".zip",)
WEB: Final = ("http://", "https://")
PASSING: Final = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)
"""What a web server answers when it would do as asked at another time; so are all of 5xx."""
CONTAINER_FIRST: Final = ("abfs", "abfss")
"""Addresses of Azure, in which a container stands where others have a user."""
SECRET: Final = re.compile(
    r"(?:signature|token|secret|password|passwd|credential|(?:api|access)[-_]?key)$|"
    r"^(?:sig|auth|hmac|jwt|pwd|key|rlkey|code|policy|awsaccesskeyid|key-pair-id)$",
    re.IGNORECASE,
)
"""Names in a query whose values open a file to whoever has them: signatures of storages, keys, tokens, and what goes with them."""

DEEPEST: Final = 100
"""Folders inside each other that are listed: what goes on below most likely leads round in a circle."""

Info = dict[str, Any]


class RemoteFiles:
    """A file at an address, or all files below it, folder by folder, each sorted by name.

    Hidden files and clutter are left out, as in a folder of this computer. A folder inside that is refused, or gone, stands
    as one entry that cannot be judged. Credentials come from the environment, as
    the library of each kind of storage documents it. Safe to share between threads, and to send to another process.

    Raises:
        AuditError: there is no library for such addresses, or the address is of a kind that is not read here.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self._shown = _shown(address)
        self._files = _file_system(address, self._shown)
        self._is_web = address.text.startswith(WEB)

    def entries(self) -> Iterator[Entry]:
        """List the files.

        Raises:
            AuditError: the address does not answer, or nothing lies there.
        """
        path = self._files._strip_protocol(self.address.text)  # noqa: SLF001 - fsspec's own name for what others need too
        if self.address.text.endswith("/"):
            yield from self._below(self._inside(path))
            return
        with self._answering(self._shown):
            info = self._files.info(path)
        if info["type"] == "directory":
            yield from self._below(self._inside(path))
        else:
            yield self._entry(info)

    @contextmanager
    def stream(self, entry: Entry) -> Iterator[IO[bytes]]:
        """Open a file for reading once from start to end.

        Raises:
            UnreadableFileError: it is gone, or may not be read.
            AuditError: its place does not answer; it may do so later.
        """
        try:
            with self._files.open(entry.locator.decode(errors="surrogatepass"), "rb") as stream:
                yield stream
        except VersoError:
            raise
        except Exception as error:  # each kind of storage raises errors of its own
            reason = self._reason(error)
            if _is_about_the_file(reason):
                raise UnreadableFileError(
                    f"'{entry.path}' cannot be read ({reason}): check that it is still there and may be read."
                ) from error
            raise _unanswered(entry.path, reason) from error

    def seekable(self, entry: Entry) -> AbstractContextManager[IO[bytes]]:
        """Copy a video into a temporary file that goes when it is closed."""
        return spooled(self, entry)

    def artwork(self, entry: Entry, enough: int | None = None) -> Artwork:
        """Open a file as a picture."""
        name = entry.path.rsplit("/", 1)[-1]
        if entry.size > DEFAULT_LIMITS.max_bytes:
            raise ImageTooLargeError(
                f"'{name}' has {entry.size / 1e6:,.1f} MB, over the limit of {DEFAULT_LIMITS.max_bytes / 1e6:,.1f} MB a "
                "file: save a smaller copy and try that."
            )
        with self.stream(entry) as stream:
            data = images.read_at_most(stream, DEFAULT_LIMITS.max_bytes + 1)
        return images.open(data, name=name, enough=enough)

    def _below(self, found: Sequence[Info], depth: int = 1) -> Iterator[Entry]:
        """List the files of a folder in which these were `found`, and of those inside it."""
        for info in found:
            if info["type"] != "directory":
                yield self._entry(info)
                continue
            try:
                inside = self._inside(info["name"], depth)
            except AuditError as error:
                reason = self._reason(error.__cause__) if isinstance(error.__cause__, Exception) else None
                if reason is None or not _is_about_the_file(reason):
                    raise
                yield self._unlisted(info, reason)
            else:
                yield from self._below(inside, depth + 1)

    def _inside(self, folder: str, depth: int = 0) -> list[Info]:
        """Return what lies in a folder, sorted by name.

        Raises:
            AuditError: it cannot be listed, or lies too deep.
        """
        if depth > DEEPEST:
            raise AuditError(
                f"{self._shown} has more than {DEEPEST} folders inside each other, or leads round in a circle: name a folder "
                "further down, or its files one by one."
            )
        with self._answering(self._files.unstrip_protocol(folder)):
            found: list[Info] = self._files.ls(folder, detail=True)
        kept = []
        for info in sorted(found, key=lambda one: _name(one).encode(errors="surrogatepass")):
            name = _name(info)
            itself = info["name"].rstrip("/") == folder.rstrip("/")  # how object stores note an empty folder
            sorts = self._is_web and name.startswith("?")  # a link to the same folder in another order
            if not (itself or sorts or is_clutter(name)):
                kept.append(info)
        return kept

    def _unlisted(self, folder: Info, reason: Exception) -> Entry:
        shown = printable(self._files.unstrip_protocol(folder["name"]))
        refused = (
            f"Nothing in this folder was judged: {shown} cannot be listed ({reason}). Check that it is still there and may "
            "be read, or move it out of the input."
        )
        return Entry(shown, folder["name"].encode(errors="surrogatepass"), NO_SIZE, 0, refused)

    def _entry(self, info: Info) -> Entry:
        shown = printable(self._files.unstrip_protocol(info["name"]))
        locator = info["name"].encode(errors="surrogatepass")
        if info["type"] != "file":
            refused = (
                f"'{shown}' is a link or a device, which is not followed: name what it leads to instead."
            )
            return Entry(shown, locator, NO_SIZE, 0, refused)
        return Entry(shown, locator, _size(info), _stamp(info))

    def _reason(self, error: Exception) -> Exception:
        """Return what went wrong: of a web server, fsspec calls it "not found" whatever it is, and keeps the cause."""
        cause = error.__cause__
        if not self._is_web or not isinstance(error, FileNotFoundError) or isinstance(cause, ValueError):
            return error  # ValueError: led on to what is no address
        return cause if isinstance(cause, Exception) else error

    @contextmanager
    def _answering(self, shown: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            raise _unanswered(shown, self._reason(error)) from error


def _file_system(address: Address, shown: str) -> AbstractFileSystem:
    protocol = address.text.partition(MARK)[0]
    if protocol in LOCAL:
        raise AuditError(f"{shown} lies on this computer: name its path, without {protocol}{MARK}.")
    if "::" in address.text or address.text.lower().endswith(ARCHIVES):
        raise AuditError(
            f"{shown} is an archive, which is read from a disk only: download it and name the file."
        )
    try:
        return filesystem(protocol, use_listings_cache=False, skip_instance_cache=True)
    except ImportError as error:
        raise AuditError(
            f"{shown} needs a library that is not installed ({error}): run `pip install -r {LIBRARIES}`, which has "
            "those for s3:// and https://, or install the one it names."
        ) from error
    except Exception as error:
        raise AuditError(
            f"{shown} is no address that can be read ({error}): name one such as s3://bucket/folder or "
            "https://host/picture.png."
        ) from error


def _shown(address: Address) -> str:
    """Return the address for messages.

    Raises:
        AuditError: it holds a user, a password, a token or a signature, which would stand in every report.
    """
    try:
        parts = urlsplit(address.text)
    except ValueError as error:
        raise AuditError(f"{printable(address.text)} is no address ({error}): check its spelling.") from error
    _refuse_secrets(parts)
    return printable(address.text)


def _refuse_secrets(parts: SplitResult) -> None:
    container = parts.scheme in CONTAINER_FIRST and parts.password is None
    if parts.username is not None and not container:
        raise AuditError(
            "An address with a user or a password in it would stand in the report: leave out what stands before the "
            "'@', and give it by the environment, as the library of that storage documents."
        )
    for name, _ in parse_qsl(parts.query.replace(";", "&"), keep_blank_values=True):
        if SECRET.search(name):
            raise AuditError(
                f"An address with '{printable(name)}' in it would stand in the report, and open the file to whoever reads "
                "it: give the credentials by the environment, as the library of that storage documents, or download the "
                "files and name their folder."
            )


def _name(info: Info) -> str:
    return str(info["name"]).rstrip("/").rsplit("/", 1)[-1]


def _size(info: Info) -> int:
    size = info.get("size")
    return size if isinstance(size, int) and 0 <= size <= HIGHEST else NO_SIZE


def _stamp(info: Info) -> int:
    """Return 63 bits that change with whatever a storage says of a file: its time, its ETag."""
    facts = repr(sorted((key, str(value)) for key, value in info.items())).encode(errors="surrogatepass")
    return int.from_bytes(hashlib.sha256(facts).digest()[:8]) >> 1


def _is_about_the_file(error: Exception) -> bool:
    """Whether asking again would not help: the file is missing, forbidden, refused by a web server (4xx), led on for ever (3xx)."""
    status = getattr(error, "status", 0)
    refused = isinstance(status, int) and 300 <= status < 500 and status not in PASSING  # noqa: PLR2004
    return refused or isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError)


def _unanswered(shown: str, error: Exception) -> AuditError:
    return AuditError(
        f"{printable(shown)} cannot be read ({error or type(error).__name__}): check the address, the network and the "
        "credentials; an audit that had begun goes on with --resume."
    )
