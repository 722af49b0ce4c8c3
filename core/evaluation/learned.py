"""Which works a model learned from, as far as its folder and the shipped manifest tell."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable
from pathlib import Path

from core.corpus import manifest as manifests
from core.corpus.manifest import Manifest
from core.detectors.card import Card, read_card
from core.errors import EvaluationError, EvaluationWarning
from core.evaluation.held_out_margins import HELD_OUT_FILE, read_held_out
from core.evaluation.remedies import SHIPPED
from core.evaluation.robustness import PERTURBED_SPLITS

LEARNED_SPLITS = ("train", "val")


def expect_unseen(folders: Iterable[Path], manifest: Manifest) -> None:
    """Check that models learned from none of the works of test and ood in a manifest: their figures would flatter them.

    Those of the manifest that a model was made with are unseen. Of another one the works it learned from must be known:
    the shipped manifest names them, or the `held_out.csv` of a head, which holds all out.

    Args:
        folders: of the models that judge; of a cascade, those of its stages.
        manifest: what they are to be measured on.

    Raises:
        EvaluationError: if a model learned from some of them.

    Warns:
        EvaluationWarning: if not all works are known that a model learned from.
    """
    splits = " and ".join(PERTURBED_SPLITS)
    works = manifest.frame[manifest.frame["split"].isin(PERTURBED_SPLITS)]
    for folder in folders:
        card = read_card(folder)
        if works.empty or card.corpus.version == manifest.version:
            continue
        learned, all_known = _learned(card, folder)
        if count := int((works["sha256"].isin(learned) | works["original_sha256"].isin(learned)).sum()):
            raise EvaluationError(
                f"{count} images of {splits} in {manifest.path} are among those that '{folder.name}' was trained or "
                "calibrated on: name the manifest that it was trained on with --corpus."
            )
        if not all_known:
            warnings.warn(
                f"'{folder.name}' was made with another manifest than {manifest.path} (version "
                f"{card.corpus.version[:12]}…), and which works it learned from is not known: if some of them are in "
                f"{splits}, the figures flatter it. Name the manifest that it was trained on with --corpus.",
                EvaluationWarning,
                stacklevel=2,
            )


def _learned(card: Card, folder: Path) -> tuple[set[str], bool]:
    """Return the sha256 of files that a model is known to have learned from, and whether these are all."""
    if SHIPPED.is_file() and hashlib.sha256(SHIPPED.read_bytes()).hexdigest() == card.corpus.version:
        frame = manifests.read(SHIPPED).frame
        rows = frame[frame["split"].isin(LEARNED_SPLITS)]
        return {*rows["sha256"], *rows["original_sha256"]} - {""}, True
    if not (folder / HELD_OUT_FILE).exists():
        return set(), False
    is_network = card.family == "resnet18"
    return set(read_held_out(folder)["sha256"]), not is_network
