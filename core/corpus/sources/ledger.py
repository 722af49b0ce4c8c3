"""What is known of paid calls: which were sent, and which were answered.

A call is noted before it is sent, and its answer is on disk, as it came, before anything else is done with it.
So after any interruption a call is in one of four states:

- `new`: never sent, or declined by the server, which then made and charged nothing;
- `answered`: its answer is in `answers/`; it is never sent again;
- `refused`: the server said that it will never do this;
- `lost`: sent, and neither an answer nor an error came back. Whether it was paid for is not known here, and
  the API has no way to ask. It is left alone unless the user wants it repeated; a repeat carries the same
  `Idempotency-Key`, with which a server that honours that header answers again without charging again.
"""

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Self

from core import atomic
from core.corpus.sources.journal import Entry, Journal
from core.corpus.sources.prompts import Prompt

State = Literal["new", "answered", "refused", "lost"]


@dataclass(frozen=True)
class Call:
    """One request for one picture.

    `quality` and `answer` ("b64_json" or "url") are left to the server where they are "".
    """

    model: str
    prompt: Prompt
    size: str
    quality: str
    answer: str

    @property
    def options(self) -> dict[str, str]:
        """What is sent besides the model, the prompt and the size."""
        options = {"quality": self.quality, "response_format": self.answer}
        return {name: value for name, value in options.items() if value}

    @property
    def key(self) -> str:
        """The call's name: a hash of what is sent."""
        sent = {"model": self.model, "prompt": self.prompt.text, "size": self.size} | self.options
        return hashlib.sha256(json.dumps(sent, sort_keys=True).encode()).hexdigest()[:32]

    @classmethod
    def from_entry(cls, entry: Entry) -> Self:
        """The call that a journal entry was made for."""
        fields = entry["call"]
        return cls(**fields | {"prompt": Prompt(**fields["prompt"])})


class Ledger:
    """The calls of one folder; one process at a time may open it. Safe to share between threads."""

    def __init__(self, folder: Path, journal: Journal) -> None:
        self.folder = folder
        self._journal = journal
        if not journal.entries:
            journal.append({"collection": uuid.uuid4().hex})
        self._collection: str = journal.entries[0]["collection"]

    def calls(self) -> Mapping[str, Call]:
        """Every call that was ever sent, by its key, in the order of sending."""
        sent = [entry for entry in self._journal.entries if entry.get("state") == "sent"]
        return {entry["key"]: Call.from_entry(entry) for entry in sent}

    def states(self) -> Mapping[str, State]:
        """The state of every call that was ever sent, by its key."""
        last = {entry["key"]: entry["state"] for entry in self._journal.entries if "key" in entry}
        return {key: self._state(key, noted) for key, noted in last.items()}

    def _state(self, key: str, noted: str) -> State:
        if answer_path(self.folder, key).exists():
            return "answered"
        states: Mapping[str, State] = {"declined": "new", "refused": "refused"}
        return states.get(noted, "lost")

    def idempotency_key(self, call: Call) -> str:
        """The same for every attempt at a call in this folder, and another in any other folder."""
        return hashlib.sha256(f"{self._collection} {call.key}".encode()).hexdigest()

    def note_sent(self, call: Call) -> None:
        """Note a call that is about to be sent."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        self._journal.append({"key": call.key, "state": "sent", "at": at, "call": asdict(call)})

    def note(self, call: Call, state: Literal["declined", "refused", "lost"], reason: str) -> None:
        """Note how a call ended without an answer."""
        self._journal.append({"key": call.key, "state": state, "reason": reason})

    def keep_answer(self, call: Call, answer: bytes) -> None:
        """Put an answer on disk as it came."""
        atomic.write(answer_path(self.folder, call.key), answer)
        self._journal.append({"key": call.key, "state": "answered"})


def answer_path(folder: Path, key: str) -> Path:
    """Where the answer to a call is kept."""
    return folder / "answers" / f"{key}.json"


def journal_path(folder: Path) -> Path:
    """Where calls are noted."""
    return folder / "calls.jsonl"


def lock_path(folder: Path) -> Path:
    """The lock that whoever opens the ledger holds."""
    return folder / "calls.lock"
