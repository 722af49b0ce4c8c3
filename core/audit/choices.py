"""What an analyst can rule on a verdict, in words: agree, override, or unsure; and what an override decides."""

from __future__ import annotations

from dataclasses import dataclass

from core.audit.store.records import DECIDED, Choice
from core.verdict import Label


@dataclass(frozen=True)
class Offer:
    """One choice as it is offered. `decides` opens the note where the verdict and the ruling leave open what was decided."""

    label: str
    key: str
    meaning: str
    choice: Choice
    decides: str = ""

    def note(self, written: str) -> str:
        """Return the note to keep with the ruling, what was decided first."""
        return ": ".join(part for part in (self.decides, written.strip()) if part)


_UNSURE = Offer("Unsure", "U", "You cannot tell either.", Choice.UNSURE)
_OPEN = "The model cannot tell, you can: {}. The note of the ruling begins with that."
_OFFERS = {
    Label.HUMAN: (
        Offer("Agree", "A", f"The verdict is right: {DECIDED[Label.HUMAN]}.", Choice.AGREE),
        Offer("Override", "O", f"The verdict is wrong: {DECIDED[Label.AI]}.", Choice.OVERRIDE),
        _UNSURE,
    ),
    Label.AI: (
        Offer("Agree", "A", f"The verdict is right: {DECIDED[Label.AI]}.", Choice.AGREE),
        Offer("Override", "O", f"The verdict is wrong: {DECIDED[Label.HUMAN]}.", Choice.OVERRIDE),
        _UNSURE,
    ),
    Label.INCONCLUSIVE: (
        *(
            Offer(
                f"Override: {DECIDED[label]}",
                key,
                _OPEN.format(DECIDED[label]),
                Choice.OVERRIDE,
                DECIDED[label],
            )
            for label, key in ((Label.HUMAN, "H"), (Label.AI, "G"))
        ),
        _UNSURE,
    ),
}


def offers(verdict: Label) -> tuple[Offer, ...]:
    """Return what can be ruled on a verdict.

    Where the model cannot tell, there is nothing to agree with: the analyst decides for a class, or is unsure too.
    """
    return _OFFERS[verdict]


def outcome(verdict: str, ruling: str, note: str) -> str:
    """Return what a ruling on a verdict decided, one of `DECIDED`; "" if nothing, as of one who is unsure."""
    match (ruling, verdict):
        case (Choice.AGREE, Label.AI) | (Choice.OVERRIDE, Label.HUMAN):
            return DECIDED[Label.AI]
        case (Choice.AGREE, Label.HUMAN) | (Choice.OVERRIDE, Label.AI):
            return DECIDED[Label.HUMAN]
        case (Choice.OVERRIDE, Label.INCONCLUSIVE):
            return next((word for word in DECIDED.values() if note.startswith(word)), "")
    return ""


def told(verdict: str, ruling: str, note: str) -> str:
    """Say a ruling in a few words, with what it decided: "override: generated"."""
    return ": ".join(filter(None, (ruling, outcome(verdict, ruling, note))))


def reason(verdict: str, ruling: str, note: str) -> str:
    """Return a ruling's note without what it decided, which `told` says."""
    decided = outcome(verdict, ruling, note) if verdict == Label.INCONCLUSIVE else ""
    return note.removeprefix(decided).removeprefix(": ") if decided else note
