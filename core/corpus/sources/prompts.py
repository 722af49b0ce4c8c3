"""Prompts for generated artworks: templates × vocabulary over subject, medium, style and period.

No subject is shared by two splits: each belongs to one by its own hash. As every prompt names its subject,
no prompt of the training split can come back in the test split, whatever the seed.
"""

import hashlib
import random
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

from core.errors import SourceError

VOCABULARY = Path(__file__).with_name("prompts.toml")
SHARES: Mapping[str, float] = {"train": 0.70, "val": 0.15, "test": 0.15}


@dataclass(frozen=True)
class Prompt:
    """One prompt, what it is made of, and the split it belongs to. `medium` is a medium of the manifest."""

    text: str
    split: str
    subject: str
    medium: str
    style: str
    period: str


@dataclass(frozen=True)
class Medium:
    """A medium of the manifest and the words that prompts use for it."""

    name: str
    words: Sequence[str]


@dataclass(frozen=True)
class Style:
    """A style and the periods it was painted in."""

    name: str
    periods: Sequence[str]


@dataclass(frozen=True)
class Vocabulary:
    """Everything prompts are made of."""

    templates: Sequence[str]
    subjects: Sequence[str]
    media: Sequence[Medium]
    styles: Sequence[Style]

    @property
    def size(self) -> int:
        """How many prompts can be made, counting alike ones twice."""
        wordings = sum(len(medium.words) for medium in self.media)
        manners = sum(len(style.periods) for style in self.styles)
        return len(self.templates) * len(self.subjects) * wordings * manners


@cache
def vocabulary() -> Vocabulary:
    """The vocabulary that comes with Verso."""
    data = tomllib.loads(VOCABULARY.read_text(encoding="utf-8"))
    return Vocabulary(
        templates=data["templates"],
        subjects=data["subjects"],
        media=[Medium(**medium) for medium in data["media"]],
        styles=[Style(**style) for style in data["styles"]],
    )


def plan(count: int, seed: int) -> list[Prompt]:
    """The first `count` of an endless order of distinct prompts.

    The order depends on nothing but the seed and the vocabulary, so a larger plan begins with the smaller
    one. Splits are drawn 70/15/15.

    Raises:
        SourceError: fewer than one prompt is asked for, or more than half of what the vocabulary can give.
    """
    words = vocabulary()
    if not 1 <= count <= words.size // 2:
        raise SourceError(
            f"{count} prompts were asked for: expected 1 to {words.size // 2}, which the vocabulary can give."
        )
    return list(islice(_endless(seed, words), count))


def split_of(subject: str) -> str:
    """The split that a subject belongs to, by its hash: 70 % train, 15 % val, 15 % test."""
    place = int(hashlib.sha256(subject.encode()).hexdigest()[:8], 16) / 16**8
    bound = 0.0
    for split, share in SHARES.items():
        bound += share
        if place < bound:
            return split
    return split


def _endless(seed: int, words: Vocabulary) -> Iterator[Prompt]:
    rng = random.Random(seed)  # noqa: S311 - an order to repeat, not a secret
    subjects = {split: [s for s in words.subjects if split_of(s) == split] for split in SHARES}
    seen: set[str] = set()
    while True:
        (split,) = rng.choices(list(SHARES), list(SHARES.values()))
        medium, style = rng.choice(words.media), rng.choice(words.styles)
        parts = {
            "subject": rng.choice(subjects[split]),
            "medium": rng.choice(medium.words),
            "style": style.name,
            "period": rng.choice(style.periods),
        }
        starts = {name.capitalize(): part[0].upper() + part[1:] for name, part in parts.items()}
        text = rng.choice(words.templates).format(**parts, **starts)
        if text not in seen:
            seen.add(text)
            yield Prompt(text, split, parts["subject"], medium.name, style.name, parts["period"])
