"""What the store takes and gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from core.audit.configuration import Configuration
from core.audit.inputs.address import Input
from core.verdict import Label


class State(StrEnum):
    """How far an audit is. `PAUSING` and `CANCELLING` are wishes that whoever runs it fulfils."""

    PLANNING = "planning"
    RUNNING = "running"
    PAUSING = "pausing"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    FINISHED = "finished"


class ItemState(StrEnum):
    """How far one file of an audit is; `NO_PICTURE` is a refused one that is text or a document."""

    WAITING = "waiting"
    JUDGED = "judged"
    REFUSED = "refused"
    NO_PICTURE = "no picture"
    DUPLICATE = "duplicate"


class Choice(StrEnum):
    """What an analyst can rule about a verdict."""

    AGREE = "agree"
    OVERRIDE = "override"
    UNSURE = "unsure"


DECIDED: Final = {Label.AI: "generated", Label.HUMAN: "human-made"}
"""What a ruling can decide, in words."""


@dataclass(frozen=True)
class Audit:
    """One audit. `inputs` and `output` are absolute, `model` is what the user called it, `created` ISO 8601 in UTC.

    `planned` counts the files of its plan, None until the plan is complete. `output` is the folder of its results, None
    in audits of an earlier Verso. `name` is what its owner calls it, or "".
    """

    id: str
    created: str
    state: State
    inputs: tuple[Input, ...]
    model: str
    configuration: Configuration
    planned: int | None = None
    output: Path | None = None
    name: str = ""


@dataclass(frozen=True)
class Planned:
    """One file of the plan; see the columns of `items`."""

    position: int
    path: str
    source: int
    locator: bytes
    size: int
    stamp: int
    refused: str
    sha256: str
    video: str
    original: int | None
    chunk: int | None


@dataclass(frozen=True)
class Finding:
    """What was found about a file (`part` 0) or about a shot of a video (`part` 1...).

    Either `error` is set, or `width`, `height` (pixels), `format`, `verdict`, `p_ai` and `model`, which judged: of a
    cascade the stage, of a video all that judged its frames, joined by " + ". `look` is a picture's perceptual hash.
    `picture` is whether an error is of what should be a picture or video. `path` names a shot. `evidence` is what a file says of its provenance, as `core.provenance.evidence.summary`
    has it, and `evidence_says` what that speaks for at most; both None where the file says nothing, and of shots.
    """

    position: int
    part: int = 0
    path: str = ""
    width: int | None = None
    height: int | None = None
    format: str | None = None
    verdict: str | None = None
    p_ai: float | None = None
    model: str | None = None
    error: str | None = None
    look: int | None = None
    evidence: str | None = None
    evidence_says: str | None = None
    picture: bool = True


@dataclass(frozen=True)
class Row:
    """One line of the results, columns as in contract 4.3, and where it stands in the store.

    `original` is the position of the first file with its bytes, None unless it repeats one. `state` is an `ItemState`, of a duplicate that of the first file with its bytes. `model` is None where nothing judged,
    and in audits of an earlier Verso.
    """

    position: int
    part: int
    original: int | None
    state: str
    look_alike: int | None
    path: str
    sha256: str
    width: int | None
    height: int | None
    format: str | None
    verdict: str | None
    p_ai: float | None
    model: str | None
    evidence: str | None
    evidence_says: str | None
    duplicate_of: str | None
    error: str | None
    ruling: str | None
    ruled_by: str | None
    ruled_at: str | None
    note: str | None


@dataclass(frozen=True)
class Ruled:
    """One ruling on a file; `ruled_at` is ISO 8601 in UTC."""

    ruling: str
    ruled_by: str
    ruled_at: str
    note: str


@dataclass(frozen=True)
class Counts:
    """How many files, duplicates aside, wait, were judged and could not be; how many are exact duplicates.

    `verdicts` counts the judged by verdict; `no_picture` those of the refused that are text or documents.
    """

    waiting: int
    refused: int
    duplicates: int
    verdicts: dict[str, int]
    no_picture: int = 0

    def after(self, findings: Sequence[Finding]) -> Counts:
        """Return the counts once these findings are kept."""
        verdicts, refused, waiting = Counter(self.verdicts), self.refused, self.waiting
        no_picture = self.no_picture
        for finding in findings:
            if finding.part:
                continue
            waiting -= 1
            if finding.verdict is None:
                refused += 1
                no_picture += not finding.picture
            else:
                verdicts[finding.verdict] += 1
        return Counts(waiting, refused, self.duplicates, dict(verdicts), no_picture)

    @property
    def judged(self) -> int:
        """Files with a verdict."""
        return sum(self.verdicts.values())

    @property
    def unreadable(self) -> int:
        """Refused files that should be pictures or videos."""
        return self.refused - self.no_picture

    @property
    def total(self) -> int:
        """Files to examine."""
        return self.waiting + self.done

    @property
    def done(self) -> int:
        """Files examined."""
        return self.judged + self.refused
