"""A whole training run: manifest and recipe in, model folder out."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core import atomic
from core.cache_folder import cache_folder
from core.corpus.cache import ImageCache
from core.corpus.manifest import Manifest
from core.detectors.calibration import PlattScaling
from core.detectors.card import CLASSES, Band, Card, Initialisation, Weights, write_card
from core.detectors.encoder import load_encoder
from core.detectors.precision import Compute, best_compute
from core.detectors.resnet import WEIGHTS_FILE, load_resnet, save_head, save_weights
from core.evaluation.calibration import BandPolicy, choose_band, fit_platt
from core.evaluation.predictions import margins
from core.training.checkpoint import CHECKPOINT_FILE, Run
from core.training.data import Example
from core.training.fit import Fitted, Progress, Workplace, fit
from core.training.heads import seen_rows
from core.training.held_out import Fold, by_family_and_source
from core.training.held_out_margins import write_held_out
from core.training.initial import initial_network
from core.training.lessons import School, open_school
from core.training.provenance import code_commit, corpus_of
from core.training.recipe import HeldOut, Recipe

HISTORY_FILE = "history.csv"
CALIBRATION_SPLIT = "val"


def train(
    recipe: Recipe,
    manifest: Manifest,
    cache: ImageCache,
    output: Path,
    *,
    init: Path | None = None,
    workers: int = 0,
    progress: Progress | None = None,
) -> Card:
    """Train, calibrate, and write card, weights and history into `output`.

    Interrupted runs go on from their last checkpoint when called again with the same arguments.

    Args:
        recipe: what to do.
        manifest: the corpus; only its splits `train` and `val` are used.
        cache: where the images are.
        output: the model's folder, created if it is not there; its name is the model's name.
        init: initial weights, see `initial_network`.
        workers: processes that prepare images.
        progress: told about networks, batches and epochs.

    Raises:
        CorpusError: if images are missing.
        EncoderError: if the recipe distils the encoder and its weights are missing or damaged.
        RecipeError: if the teacher a recipe names is no logistic regression on embeddings.
        TrainingError: if the run cannot start or resume, or too few families or sources can be held out.
    """
    at = _Workshop(
        recipe, manifest, cache, init, workers, progress or Progress(), code_commit(), best_compute()
    )
    seen = seen_rows(manifest)
    seen["number"] = seen.groupby("split").cumcount()
    at.school = at.opened(seen)
    parts = [] if recipe.held_out is None else _parts(recipe.held_out, seen, recipe.seed)
    at.progress.network(1, 1 + len(parts))
    card = at.network(seen, output)
    if recipe.held_out is None:
        rows = seen[seen["split"] == CALIBRATION_SPLIT].reset_index(drop=True)
        card = _calibrated(card, at.margins(card, rows, output), rows, f"split {CALIBRATION_SPLIT}")
    else:
        found = _held_out(at, seen, parts, output)
        card = _calibrated(card, found["margin"].to_numpy(), found, recipe.held_out.describe())
        write_held_out(found, output)
    write_card(card, output)
    for folder in (output, *_part_folders(output, parts)):
        (folder / CHECKPOINT_FILE).unlink(missing_ok=True)
    for folder in _part_folders(output, parts):
        shutil.rmtree(folder)
    if at.school:
        shutil.rmtree(at.school.lessons.folder)
    return card


def _parts(held_out: HeldOut, seen: pd.DataFrame, seed: int) -> list[Fold]:
    return by_family_and_source(seen, held_out.parts, seed)[: held_out.networks]


def _part_folders(output: Path, parts: Sequence[Fold]) -> list[Path]:
    return [output / f"without-part-{number}" for number in range(1, len(parts) + 1)]


def _held_out(at: _Workshop, seen: pd.DataFrame, parts: Sequence[Fold], output: Path) -> pd.DataFrame:
    """Return the rows of `seen` that were held out, with `part` and the `margin` of the network that lacks it."""
    found = []
    for number, (fold, folder) in enumerate(zip(parts, _part_folders(output, parts), strict=True), start=1):
        at.progress.network(1 + number, 1 + len(parts))
        card = at.network(seen.iloc[fold.fitted], folder)
        rows = seen.iloc[fold.held_out].reset_index(drop=True)
        found.append(rows.assign(part=number, margin=at.margins(card, rows, folder)))
    return pd.concat(found, ignore_index=True)


@dataclass
class _Workshop:
    """What every network of a run shares."""

    recipe: Recipe
    manifest: Manifest
    cache: ImageCache
    init: Path | None
    workers: int
    progress: Progress
    commit: str
    compute: Compute
    school: School | None = None

    def opened(self, seen: pd.DataFrame) -> School | None:
        """Make the lessons of all pictures of split `train`; None unless the recipe distils."""
        if self.recipe.distillation is None:
            return None
        return open_school(
            self.recipe,
            self.recipe.distillation,
            self._examples(seen[seen["split"] == "train"]),
            load_encoder(self.compute),
            cache_folder("lessons"),
            workers=self.workers,
            progress=self.progress.embedded,
        )

    def network(self, rows: pd.DataFrame, folder: Path) -> Card:
        """Train on the rows of split `train`, measure its epochs on those of `val`, and write all but the card."""
        folder.mkdir(parents=True, exist_ok=True)
        network, initialisation, digest = initial_network(self.init, self.recipe.seed)
        learned, chosen_by = (rows[rows["split"] == split] for split in ("train", "val"))
        fitted = fit(
            network,
            self.recipe,
            self._examples(learned),
            self._examples(chosen_by),
            run=Run.of(
                self.recipe, self.manifest.version, digest, self.school.identity if self.school else ""
            ),
            at=Workplace(folder, self.compute, self.workers, cache_folder("features")),
            course=self.school.course(learned) if self.school else None,
            progress=self.progress,
        )
        history = pd.DataFrame([vars(epoch) for epoch in fitted.history])
        atomic.write(folder / HISTORY_FILE, history.to_csv(index=False, float_format="%.6g").encode())
        return _card(self.recipe, self.manifest, folder, initialisation, fitted, self.commit)

    def margins(self, card: Card, rows: pd.DataFrame, folder: Path) -> NDArray[np.float32]:
        """Return what the weights, as they were saved, say of the images of `rows`: float32 `[N]`."""
        part = Manifest(frame=rows, version=self.manifest.version, path=self.manifest.path)
        return margins(load_resnet(card, folder, self.compute, self.init), part, self.cache)

    def _examples(self, rows: pd.DataFrame) -> list[Example]:
        paths = self.cache.paths(rows["sha256"])
        numbers = rows["number"].tolist()
        return [Example(*each) for each in zip(paths, rows["label"], numbers, strict=True)]


def _card(
    recipe: Recipe,
    manifest: Manifest,
    output: Path,
    initialisation: Initialisation,
    fitted: Fitted,
    commit: str,
) -> Card:
    """Write the weights and describe them, with a calibration that changes nothing yet."""
    return Card(
        name=output.resolve().name,
        family="resnet18",
        summary=recipe.summary,
        recipe=recipe.name,
        seed=recipe.seed,
        classes=CLASSES,
        commit=commit,
        trained=datetime.now(UTC).date().isoformat(),
        kept_epoch=fitted.kept,
        epochs=len(fitted.history),
        preprocessing=recipe.preprocessing,
        calibration=PlattScaling(slope=1.0, intercept=0.0, fitted_on="nothing yet"),
        thresholds=Band(human_below=0.5, ai_above=0.5, policy="none yet"),
        corpus=corpus_of(manifest),
        initialisation=initialisation,
        weights=_save(fitted, recipe, output),
    )


def _save(fitted: Fitted, recipe: Recipe, output: Path) -> Weights:
    """Write the weights, or only the head if the epoch that is kept came before the body was trained."""
    if all(recipe.stage_of(epoch).trains == "head" for epoch in range(fitted.kept + 1)):
        return save_head(fitted.network, output)
    return Weights(file=WEIGHTS_FILE, sha256=save_weights(fitted.network, output))


def _calibrated(card: Card, raw: NDArray[np.float32], frame: pd.DataFrame, of: str) -> Card:
    """Fit calibration and band on the margins `raw` of the images in `frame`; `of` says in words which they are."""
    calibration = fit_platt(raw, frame["label"], fitted_on=of)
    band = choose_band(calibration(raw), frame["label"], frame["medium"], BandPolicy(), chosen_on=of)
    return card.model_copy(update={"calibration": calibration, "thresholds": band})
