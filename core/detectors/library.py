"""The library of models: every folder of `models/` with its card, or with what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.detectors.card import CARD_FILE, Card, read_card
from core.detectors.store import models_folder
from core.errors import ModelError


@dataclass(frozen=True)
class Entry:
    """A folder of `models/`: its card, or else the sentence that says why there is none to show.

    `name` is the folder's name, which is what `load_detector` and the command line take.
    """

    name: str
    folder: Path
    card: Card | None
    problem: str = ""


@dataclass(frozen=True)
class ModelFile:
    """A file of a model's folder; `holds` says what is in it, or is empty for a file no model needs."""

    name: str
    size: int
    holds: str


def model_folders() -> list[Path]:
    """Return the folders of `models/` in alphabetical order; hidden ones are left out."""
    root = models_folder()
    if not root.is_dir():
        return []
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))


def entries() -> list[Entry]:
    """Return an entry for every folder of `models/`; a broken card does not hide the others."""
    found = []
    for folder in model_folders():
        try:
            found.append(Entry(folder.name, folder, read_card(folder)))
        except ModelError as error:
            found.append(Entry(folder.name, folder, None, str(error)))
    return found


def places_of(entry: Entry, asked: str) -> list[str] | None:
    """Return where in an entry the words of `asked` stand, or None if one of them stands nowhere.

    Case, hyphens and underscores do not matter: "resnet18" finds "ResNet-18". No words are found everywhere,
    which gives an empty list.
    """
    found: dict[str, None] = {}
    for word in _plain(asked).split():
        places = [place for place, text in _texts(entry) if word in _plain(text)]
        if not places:
            return None
        found |= dict.fromkeys(places)
    return list(found)


def _texts(entry: Entry) -> Iterator[tuple[str, str]]:
    """Give everything that may be searched for: (what it is, its text)."""
    yield "name", entry.name
    if entry.card is None:
        yield "problem", entry.problem
        return
    card = entry.card
    yield "name", card.name
    yield "family", card.family
    yield "summary", card.summary
    yield "recipe", card.recipe
    yield "initial weights", f"{card.initialisation.origin} {card.initialisation.license}"
    yield "corpus version", card.corpus.version
    yield "code", card.commit
    yield "date", card.trained
    for failure in card.known_failures:
        yield "known failure", failure
    for figures in card.splits.values():
        for group in figures.groups:
            yield f"{'medium' if group.label == 'human' else 'generator'} {group.name}", group.name


def _plain(text: str) -> str:
    return text.casefold().replace("-", "").replace("_", "")


def files_of(entry: Entry) -> list[ModelFile]:
    """Return the files of a model's folder, the largest first; sizes in bytes."""
    holds = {
        CARD_FILE: "the card",
        "predictions.csv": "what it said of every val, test and ood image",
        "robustness.csv": "what it said of every test and ood image after each perturbation",
        "faithfulness.csv": "how well its maps show what it judges by, image by image",
        "history.csv": "its training, epoch by epoch",
        "held_out.csv": "what copies of it that had not seen an image's source or family said of it",
    }
    weights = entry.card.weights if entry.card else None
    if weights is not None:
        holds[weights.file] = "the weights"
        if weights.int8 is not None:
            holds[weights.int8.file] = (
                "its body in 8 bits, which judges where the processor multiplies bytes natively"
            )
    files = [
        ModelFile(path.name, path.stat().st_size, holds.get(path.name, ""))
        for path in entry.folder.iterdir()
        if path.is_file()
    ]
    return sorted(files, key=lambda file: (-file.size, file.name))
