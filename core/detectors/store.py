"""Finds and loads the models in `models/`."""

from __future__ import annotations

import os
from pathlib import Path

from core.detectors import bodies, cascade
from core.detectors.card import CARD_FILE, Card, how_to_make, read_card
from core.detectors.encoder_weights import HOW_TO_GET, chosen_weights
from core.detectors.precision import Compute, best_compute
from core.detectors.protocol import Detector
from core.detectors.resnet import load_resnet
from core.errors import ModelError, UnknownModelError
from core.named_paths import named_path

DEFAULT_MODEL = "verso"
FALLBACK_MODEL = "verso-fast"
"""Judges on every computer: it needs no encoder."""


def models_folder() -> Path:
    """Return the folder of models: `VERSO_MODELS`, else `models/` beside `core/`."""
    configured = os.environ.get("VERSO_MODELS")
    return named_path(configured) if configured else Path(__file__).resolve().parents[2] / "models"


def model_names() -> list[str]:
    """Return the names of the models that have a card, in alphabetical order; not all can be loaded."""
    return sorted(path.parent.name for path in models_folder().glob(f"*/{CARD_FILE}"))


def is_loadable(card: Card, folder: Path) -> bool:
    """Whether the files a model needs are on this computer; nothing is read, so they may still be damaged."""
    return not what_is_missing(card, folder)


def what_is_missing(card: Card, folder: Path) -> str:
    """Say which files a model needs and does not find on this computer, and how to get them; empty if none."""
    weights = folder / card.weights.file
    if not weights.is_file():
        return (
            f"its weights {weights.name} are not shipped with Verso. Where the images of the corpus are, they are made anew "
            f"with {how_to_make(card, folder)}"
        )
    int8 = card.weights.int8
    if int8 is not None and best_compute().int8 and not (folder / int8.file).is_file():
        return f"its 8-bit weights {int8.file} are not there; restore them from the repository"
    body = card.weights.body
    if body is not None and not bodies.is_on_this_computer(body):
        fetch = "fetch it with `python -m core body fetch`, or " if body == bodies.PACKAGED_DIGEST else ""
        return (
            f"the ResNet-18 body it was trained on ({card.initialisation.origin}) is not on this computer; {fetch}start "
            f"Verso with `{bodies.VARIABLE}` set to the path of its file"
        )
    if card.family == cascade.FAMILY:
        return _what_its_stages_miss(card, folder)
    encoder = chosen_weights()[0]
    if card.encoder is not None and not encoder.is_file():
        return f"the encoder's weights {encoder.name} are not on this computer; {HOW_TO_GET}"
    return ""


def _what_its_stages_miss(card: Card, folder: Path) -> str:
    try:
        stages = cascade.read_stages(card, folder)
        for name in stages.names:
            stage = find_model(name)
            stage_card = read_card(stage)
            cascade.expect_plain(stage_card)
            if missing := what_is_missing(stage_card, stage):
                return f"its stage '{name}' cannot judge: {missing}"
    except ModelError as error:
        return str(error)
    return ""


def default_model() -> str:
    """Return `DEFAULT_MODEL`, or `FALLBACK_MODEL` where there is that one and the former cannot judge on this computer."""
    folder = models_folder() / DEFAULT_MODEL
    if not _has_card(models_folder() / FALLBACK_MODEL):
        return DEFAULT_MODEL
    return DEFAULT_MODEL if _has_card(folder) and is_loadable(read_card(folder), folder) else FALLBACK_MODEL


def stand_in() -> str:
    """Say which model judges instead of `DEFAULT_MODEL` where none is named, and why; empty if that one judges."""
    if default_model() == DEFAULT_MODEL:
        return ""
    folder = models_folder() / DEFAULT_MODEL
    why = (
        what_is_missing(read_card(folder), folder)
        if _has_card(folder)
        else f"there is none in {folder.parent}"
    )
    return f"{DEFAULT_MODEL} cannot judge on this computer: {why}. {FALLBACK_MODEL} judges instead."


def find_model(name: str) -> Path:
    """Return the folder of the model called `name`, or the folder itself if a path is given.

    Raises:
        UnknownModelError: if there is none; the message lists those there are.
    """
    folder = models_folder() / name
    for candidate in (folder, Path(name)):
        if _has_card(candidate):
            return candidate
    known = ", ".join(model_names()) or "none"
    raise UnknownModelError(f"There is no model '{name}' in {models_folder()}. Known models: {known}.")


def whole_name(name: str) -> str:
    """Return a name that finds the same model from any folder: a path becomes absolute."""
    named = not _has_card(models_folder() / name) and _has_card(Path(name))
    return str(Path(name).absolute()) if named else name


def shown_name(folder: Path) -> str:
    """Return what finds the model in `folder` from anywhere: its name, or its whole path."""
    found_by_name = (models_folder() / folder.name).absolute() == folder.absolute()
    return folder.name if found_by_name else str(folder.absolute())


def _has_card(folder: Path) -> bool:
    return os.path.isfile(folder / CARD_FILE)  # noqa: PTH113 - Path.is_file raises where this user may not look


def load_card(name: str) -> Card:
    """Read the card of the model called `name` without loading its weights."""
    return read_card(find_model(name))


def load_detector(name: str | None = None, compute: Compute | None = None) -> Detector:
    """Load the model called `name`, or the default one, with the preprocessing and calibration of its card.

    Raises:
        ModelError: if there is no such model or its files do not fit each other.
        EncoderError: if it judges embeddings and the encoder cannot be loaded.
    """
    folder = find_model(name or default_model())
    card = read_card(folder)
    if card.family == cascade.FAMILY:
        return cascade.load_cascade(card, folder, lambda stage: _stage(stage, compute))
    return _plain(card, folder, compute)


def _stage(name: str, compute: Compute | None) -> Detector:
    folder = find_model(name)
    card = read_card(folder)
    cascade.expect_plain(card)
    return _plain(card, folder, compute)


def _plain(card: Card, folder: Path, compute: Compute | None) -> Detector:
    if card.family == "resnet18":
        return load_resnet(card, folder, compute)
    from core.detectors.classical import load_classical  # noqa: PLC0415  (scikit-learn takes seconds)

    return load_classical(card, folder, compute)
