"""What one finding about a file's provenance is, and how several are told in one line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from core.visible_text import printable

LONGEST: Final = 300
"""Characters that are kept of a text found in a file."""
CUT: Final = "…"


class Kind(StrEnum):
    """What kind of trace a finding is."""

    CREDENTIALS = "Content Credentials"
    SOURCE_TYPE = "digital source type"
    LABEL = "AI label"
    GENERATOR = "generator text"
    SOFTWARE = "software"
    CAMERA = "camera"
    ARTIST = "artist"
    METADATA = "metadata"


class Says(StrEnum):
    """What a finding speaks for; `HUMAN` is made by a person or captured by a device."""

    AI = "ai"
    HUMAN = "human"
    NEUTRAL = "neutral"


class Trust(StrEnum):
    """How far a finding can be trusted: whether it is signed, and whether the signature fits the file."""

    INTACT = "signed and unchanged since"
    BROKEN = "signed, but the signature does not fit the file any more"
    CLAIM = "a plain claim: anyone can write or remove it"
    UNREADABLE = "could not be read"


class Signer(StrEnum):
    """Who signed, told apart from whether the signature fits."""

    LISTED = "the signer is on your list"
    UNKNOWN = "the signer is not on your list, or its certificate has expired"
    UNVERIFIED = "who signed is not verified"


@dataclass(frozen=True)
class Evidence:
    """One finding. Its texts are printable and at most `LONGEST` characters long, whatever the file holds.

    `where` names the place in the file, `finding` is what stands there in plain words, `word` the same in a word or
    two for tables. `signer` is None unless `trust` is `INTACT`: a broken signature vouches for nothing. That a file holds no evidence is none: most files lose theirs on their way.
    """

    kind: Kind
    where: str
    finding: str
    word: str
    says: Says = Says.NEUTRAL
    trust: Trust = Trust.CLAIM
    signer: Signer | None = None

    @property
    def worth(self) -> str:
        """How far it can be trusted, in words."""
        return f"{self.trust}; {self.signer}" if self.signer else self.trust

    def __post_init__(self) -> None:
        for name in ("where", "finding", "word"):
            object.__setattr__(self, name, plain(getattr(self, name)))

    @classmethod
    def unreadable(cls, kind: Kind, where: str, why: str) -> Evidence:
        """Return the finding that something is there that could not be read."""
        return cls(kind, where, f"Could not be read: {why}.", "could not be read", trust=Trust.UNREADABLE)


def plain(text: str, longest: int = LONGEST) -> str:
    """Return a stranger's text on one line, printable, and cut to `longest` characters."""
    start = text[: 4 * longest]
    line = printable(" ".join(start.split()))
    return line if len(line) <= longest and len(start) == len(text) else line[: longest - 1] + CUT


def summary(found: Sequence[Evidence]) -> str:
    """Return findings in one line for a table, as "ai: generator text (ComfyUI)"; "" if there are none.

    The same for the same file, whenever and wherever it is read.
    """
    said = (f"{each.says}: {each.kind} ({each.word})" for each in found)
    return "; ".join(dict.fromkeys(said))


def foremost(found: Iterable[Evidence], most: int) -> list[Evidence]:
    """Return findings, each once, at most `most`: AI before human before neutral, so that none is cut for one that says less."""
    order = list(Says)
    return sorted(dict.fromkeys(found), key=lambda each: order.index(each.says))[:most]


def strongest(found: Sequence[Evidence]) -> Says | None:
    """Return what the findings speak for at most: AI before human before neutral; None if there are none."""
    return next((says for says in Says if any(each.says is says for each in found)), None)
