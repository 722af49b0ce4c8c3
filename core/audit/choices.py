"""What an analyst can rule on a verdict, in words: agree, override, or unsure; and what an override decides."""

from __future__ import annotations

from dataclasses import dataclass

from core.audit.store.records import Choice
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
        Offer("Agree", "A", "The verdict is right: human-made.", Choice.AGREE),
        Offer("Override", "O", "The verdict is wrong: generated.", Choice.OVERRIDE),
        _UNSURE,
    ),
    Label.AI: (
        Offer("Agree", "A", "The verdict is right: generated.", Choice.AGREE),
        Offer("Override", "O", "The verdict is wrong: human-made.", Choice.OVERRIDE),
        _UNSURE,
    ),
    Label.INCONCLUSIVE: (
        Offer("Override: human-made", "H", _OPEN.format("human-made"), Choice.OVERRIDE, "human-made"),
        Offer("Override: generated", "G", _OPEN.format("generated"), Choice.OVERRIDE, "generated"),
        _UNSURE,
    ),
}


def offers(verdict: Label) -> tuple[Offer, ...]:
    """Return what can be ruled on a verdict.

    Where the model cannot tell, there is nothing to agree with: the analyst decides for a class, or is unsure too.
    """
    return _OFFERS[verdict]
