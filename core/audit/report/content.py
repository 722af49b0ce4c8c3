"""What a report says of an audit, before it is laid out."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from core.audit.configuration import Configuration, digest_of
from core.audit.model import load_card
from core.audit.report.figures import Expected, Rates, Share, expected_false_accusations, rates_of, share_of
from core.audit.results import CSV_FILE
from core.audit.shots import Shots
from core.audit.store.audits import PAGE, AuditStore
from core.audit.store.pages import Kind, ResultPages, Wanted
from core.audit.store.records import Audit, Counts, Row, Ruled
from core.errors import ModelError
from core.evaluation.base_rate import EXPECT
from core.verdict import Label

if TYPE_CHECKING:
    from core.detectors.card import Card

METHOD: Final = (
    "The model calls some works by people ai, and misses some AI works. How often is known from works of generators and "
    f"sources it never saw (split '{EXPECT}' of its card). From these rates the report works back from the share called ai "
    "here to the share that is AI, and from there to how many of those called ai are works by people. This assumes that the "
    "works here are as hard for the model as those were. The range allows for chance in all counts, and its high end for a "
    "model that finds every AI work here; the true uncertainty is larger."
)
FOR_EXPERTS: Final = (
    "For experts: estimated share of AI = (share called ai - rate of human works called ai) / (rate of AI works called ai - "
    "rate of human works called ai), held to 0 to 1 (the estimator of Rogan and Gladen, 1978). Expected false accusations = "
    "images judged × (1 - estimated share of AI) × rate of human works called ai, at most the number called ai. The range "
    "takes the 95 % intervals of that rate and of the share called ai here, at its high end 1 for the rate of AI works called ai, and "
    "of what these give the 2.5 % and 97.5 % points of a Poisson count."
)
DEVICES: Final = {"cpu": "the computer's processor", "cuda": "a graphics card", "mps": "a graphics chip"}
NUMBERS: Final = {
    "bfloat16": "numbers of 16 bits",
    "float16": "numbers of 16 bits",
    "float32": "numbers of 32 bits",
    "int8": "of 8 bits where a network has such weights",
    "tiles": "of 16 bits in an encoder all the same",
}
LIMITS: Final = (
    "A verdict is a statistical judgement about one picture. Alone it proves nothing about a person.",
    "Inconclusive means that the model does not know. It is no suspicion.",
    "An interval of a count says what chance does to a count of this size; it does not contain the model's errors.",
    "The model's error rates hold for works like those it was measured on; it can do worse on rare media or generators.",
    "Large JPEGs are decoded at a reduced scale, which Review does not do: its p_ai can differ slightly from the one here.",
    "Exact duplicates are judged once and counted once. Shots of a video are listed and not counted.",
    "Hidden files, and what file managers leave behind, were passed over in folders and archives and are not listed.",
    "Evidence is what a file says of itself, and changes no verdict. Silence means nothing: most files lose their traces.",
)


@dataclass(frozen=True)
class Contested:
    """A file that was ruled on in different ways: its row, and every ruling on it, the newest first."""

    row: Row
    rulings: list[Ruled]


@dataclass(frozen=True)
class Content:
    """All a report says but its rows. `card` is None where the card the audit was made with is not at hand.

    `unreadable` counts the files without a verdict and `no_picture` those of them that are text or documents, duplicates
    included. `stages` counts the images by the stage that judged, where the model has stages; `evidence` those whose files say
    something of where they come from, by what it speaks for at most; `videos` the videos judged, and `shots` the shots of each
    by verdict.
    """

    audit: Audit
    card: Card | None
    counts: Counts
    unreadable: int
    no_picture: int
    shares: dict[str, Share | None]
    stages: dict[str, int]
    evidence: dict[str, int]
    videos: int
    shots: Shots
    rates: tuple[Rates, ...]
    expected: Expected | None
    no_estimate: str
    last_ruled: str
    contested: tuple[Contested, ...]
    hashes: dict[str, str]


def content_of(store: AuditStore, audit: Audit, folder: Path, newest: int) -> Content:
    """Gather what a report says of an audit whose results lie in `folder`, with the rulings up to number `newest`."""
    counts, card = store.counts(audit.id), _card(audit)
    rates = tuple(rates_of(name, figures) for name, figures in card.splits.items()) if card else ()
    of_ood = next((one for one in rates if one.split == EXPECT), None)
    results = store.results(audit, newest)
    videos = results.videos()
    pictures = counts.judged - sum(videos.values())
    accused = counts.verdicts.get(Label.AI, 0) - videos.get(Label.AI, 0)
    expected = expected_false_accusations(pictures, accused, of_ood) if of_ood else None
    judges = results.judges()
    return Content(
        audit,
        card,
        counts,
        store.unreadable(audit.id),
        store.no_picture(audit.id),
        {label: share_of(counts.verdicts.get(label, 0), counts.judged) for label in Label},
        {} if set(judges) == {audit.configuration.model} else judges,
        results.evidence(),
        sum(videos.values()),
        results.shots(),
        rates,
        expected,
        "" if expected else _why_not(card, pictures, of_ood),
        results.last_ruled(),
        tuple(Contested(row, results.rulings_on(row)) for row in _contested(results)),
        _hashes(audit.configuration, card, folder),
    )


def _contested(results: ResultPages) -> Iterator[Row]:
    """Give the files ruled on in different ways, exact duplicates aside."""
    wanted = Wanted(kinds=(Kind.CONTESTED,))
    for offset in range(0, results.count(wanted), PAGE):
        yield from (row for row in results.page(wanted, offset, PAGE) if row.original is None)


def _card(audit: Audit) -> Card | None:
    try:
        card = load_card(audit.model)
    except ModelError:  # the report says that it is not at hand
        return None
    return card if digest_of(card) == audit.configuration.card else None


def _why_not(card: Card | None, pictures: int, rates: Rates | None) -> str:
    if not pictures:
        return "No image was judged."
    if card is None:
        return "The card the audit was made with is not at hand: it was changed, or the model is gone."
    if rates is None or rates.human_called_ai is None:
        return f"The model's card states no error rates on split '{EXPECT}'."
    return f"The card's split '{EXPECT}' does not say how often AI works are called ai, or not more often than human works."


def arithmetic_of(compute: str) -> str:
    """Say in words what `Configuration.compute` says, and that in brackets."""
    device, _, formats = compute.partition(" ")
    numbers = [NUMBERS.get(each) for each in formats.split()]
    if device not in DEVICES or not numbers or None in numbers:
        return compute
    return f"on {DEVICES[device]}, in {', '.join(map(str, numbers))} ({compute})"


def _hashes(configuration: Configuration, card: Card | None, folder: Path) -> dict[str, str]:
    with (folder / CSV_FILE).open("rb") as file:
        results = hashlib.file_digest(file, "sha256").hexdigest()
    about = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text("utf-8"))
    known = {
        f"sha256 of {CSV_FILE}": results,
        "sha256 of the model's weights": configuration.weights,
        "sha256 of the model's card, measured figures aside": configuration.card,
        "Arithmetic": arithmetic_of(configuration.compute),
        "sha256 of the list of trusted signers": configuration.signers or "no list was given",
        "Limits of files and archives": configuration.limits or "the usual ones",
        "Verso": f"{about['project']['version']}, method {configuration.method}",
    }
    if card:
        known |= {
            "Pictures the model learned from (corpus version: sha256 of the manifest)": card.corpus.version,
            "Code that trained the model": f"{card.commit}, {card.trained}",
        }
    return known
