"""A whole training run: manifest and recipe in, model folder out.

Its networks are made in the folder `training` inside the model's. The model that was there before stays whole until the
new one is: then weights, history, works held out and card take their places together, and `training` goes.
"""

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
from core.detectors.card import CLASSES, Card, ChosenThresholds, Initialisation, Weights
from core.detectors.encoder import Encoder, load_encoder
from core.detectors.precision import Compute, best_compute
from core.detectors.resnet import WEIGHTS_FILE, load_resnet, save_head, save_weights
from core.errors import TrainingError
from core.evaluation.calibration import BandPolicy, choose_band, fit_platt
from core.evaluation.held_out_margins import HELD_OUT_FILE, write_held_out
from core.evaluation.predictions import margins
from core.locks import alone
from core.training.checkpoint import CHECKPOINT_FILE, Run, load_checkpoint
from core.training.data import Example
from core.training.fit import Fitted, Progress, Workplace, expect_both_classes, fit
from core.training.heads import SPLITS, seen_rows
from core.training.held_out import Fold, by_family_and_source
from core.training.history import HISTORY_FILE
from core.training.initial import initial_network
from core.training.lessons import School, open_school, taught_by, teacher_of
from core.training.lineage import code_commit, corpus_of
from core.training.publishing import publish_card
from core.training.recipe import Recipe

CALIBRATION_SPLIT = "val"
WORK, WHOLE, LESSONS = "training", "whole", "lessons"
"""Folders: in the model's, what a run makes and needs until it is done; in there, the model's network and the lessons."""
CODE_FILE = "code.txt"
"""In the run's folder: the commits of the code that it began and went on with, a line each."""
LOCK_FILE = ".lock"


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
    """Train, calibrate, and write card, weights and history into `output`, whose model stays whole until then.

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
        TrainingError: if the run cannot start or resume, another process trains in `output`, or too few families or sources
            can be held out.
    """
    compute = best_compute()
    seen = seen_rows(manifest)
    seen["number"] = seen.groupby("split").cumcount()
    parts = [] if recipe.held_out is None else by_family_and_source(seen, recipe.held_out.parts, recipe.seed)
    parts = parts[: recipe.held_out.networks] if recipe.held_out else []
    _expect_material(seen, parts, cache)
    at = _Workshop(
        recipe,
        manifest,
        cache,
        output,
        init,
        workers,
        progress or Progress(),
        "",
        compute,
        None if recipe.distillation is None else load_encoder(compute),
    )
    run = at.run_from(initial_network(init, recipe)[2])
    work = output / WORK
    work.mkdir(parents=True, exist_ok=True)
    with alone(work / LOCK_FILE, _by_another(output)):
        for checkpoint in work.glob(f"*/{CHECKPOINT_FILE}"):
            load_checkpoint(checkpoint.parent, run)
        at.commit = _codes(work)
        at.school = at.opened(seen, work / LESSONS)
        at.progress.network(1, 1 + len(parts))
        card = at.network(seen, work / WHOLE)
        held_out: pd.DataFrame | None = None
        if recipe.held_out is None:
            rows = seen[seen["split"] == CALIBRATION_SPLIT].reset_index(drop=True)
            card = _calibrated(card, at.margins(card, rows, work / WHOLE), rows, f"split {CALIBRATION_SPLIT}")
        else:
            held_out = _held_out(at, seen, parts, work)
            card = _calibrated(card, held_out["margin"].to_numpy(), held_out, recipe.held_out.describe())
        _publish(work / WHOLE, held_out, card, output)
        shutil.rmtree(work)
    return card


def _expect_material(seen: pd.DataFrame, parts: Sequence[Fold], cache: ImageCache) -> None:
    """Check before hours of work that its last network, too, finds what it is to learn from."""
    cache.paths(seen["sha256"])
    for number in range(len(parts) + 1):
        rows = seen if number == 0 else seen.iloc[parts[number - 1].fitted]
        without = f", without part {number} of what is held out," if number else ""
        for split in SPLITS:
            expect_both_classes(rows.loc[rows["split"] == split, "label"], f"Split '{split}'{without}")


def _codes(work: Path) -> str:
    """Note the commit of the code, and return it after those a resumed run was made with before."""
    known = (work / CODE_FILE).read_text().splitlines() if (work / CODE_FILE).exists() else []
    now = code_commit()
    if now not in known[-1:]:
        known.append(now)
        atomic.write(work / CODE_FILE, "\n".join(known).encode())
    return ", then ".join(known)


def _by_another(output: Path) -> TrainingError:
    return TrainingError(
        f"Another process trains in {output}; wait until it is done, or choose another --output."
    )


def _publish(made: Path, held_out: pd.DataFrame | None, card: Card, output: Path) -> None:
    """Move what a run made to its places in the model's folder; the card comes last."""
    for path in made.iterdir():
        if path.name != CHECKPOINT_FILE:
            path.replace(output / path.name)
    if held_out is None:
        (output / HELD_OUT_FILE).unlink(missing_ok=True)
    else:
        write_held_out(held_out, output)
    publish_card(card, output)


def _held_out(at: _Workshop, seen: pd.DataFrame, parts: Sequence[Fold], work: Path) -> pd.DataFrame:
    """Return the rows of `seen` that were held out, with `part` and the `margin` of the network that lacks it."""
    found = []
    for number, fold in enumerate(parts, start=1):
        at.progress.network(1 + number, 1 + len(parts))
        folder = work / f"without-part-{number}"
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
    output: Path
    init: Path | None
    workers: int
    progress: Progress
    commit: str
    compute: Compute
    encoder: Encoder | None
    school: School | None = None

    def run_from(self, initialisation: str) -> Run:
        """Return what the checkpoints of a run that starts from these weights belong to."""
        teacher = ""
        if self.recipe.distillation is not None and self.encoder is not None:
            teacher = taught_by(self.encoder, teacher_of(self.recipe, self.recipe.distillation)[0])
        return Run.of(self.recipe, self.manifest.version, initialisation, teacher)

    def opened(self, seen: pd.DataFrame, folder: Path) -> School | None:
        """Make the lessons of all pictures of split `train`; None unless the recipe distils."""
        if self.recipe.distillation is None or self.encoder is None:
            return None
        return open_school(
            self.recipe,
            self.recipe.distillation,
            self._examples(seen[seen["split"] == "train"]),
            self.encoder,
            folder,
            workers=self.workers,
            progress=self.progress.embedded,
        )

    def network(self, rows: pd.DataFrame, folder: Path) -> Card:
        """Train on the rows of split `train`, measure its epochs on those of `val`, and write all but the card."""
        folder.mkdir(parents=True, exist_ok=True)
        network, initialisation, digest = initial_network(self.init, self.recipe)
        learned, chosen_by = (rows[rows["split"] == split] for split in ("train", "val"))
        fitted = fit(
            network,
            self.recipe,
            self._examples(learned),
            self._examples(chosen_by),
            run=self.run_from(digest),
            at=Workplace(folder, self.compute, self.workers, cache_folder("features")),
            course=self.school.course(learned) if self.school else None,
            progress=self.progress,
        )
        history = pd.DataFrame([vars(epoch) for epoch in fitted.history])
        atomic.write(folder / HISTORY_FILE, history.to_csv(index=False, float_format="%.6g").encode())
        return self._card(initialisation, fitted, _save(fitted, self.recipe, folder))

    def _card(self, initialisation: Initialisation, fitted: Fitted, weights: Weights) -> Card:
        """Describe a network, with a calibration that changes nothing yet."""
        recipe = self.recipe
        return Card(
            name=self.output.resolve().name,
            family="resnet18",
            summary=recipe.summary,
            recipe=recipe.name,
            seed=recipe.seed,
            classes=CLASSES,
            commit=self.commit,
            trained=datetime.now(UTC).date().isoformat(),
            kept_epoch=fitted.kept,
            epochs=len(fitted.history),
            preprocessing=recipe.preprocessing,
            calibration=PlattScaling(slope=1.0, intercept=0.0, fitted_on="nothing yet"),
            thresholds=ChosenThresholds(human_below=0.5, ai_above=0.5, policy="none yet"),
            corpus=corpus_of(self.manifest),
            initialisation=initialisation,
            weights=weights,
        )

    def margins(self, card: Card, rows: pd.DataFrame, folder: Path) -> NDArray[np.float32]:
        """Return what the weights, as they were saved, say of the images of `rows`: float32 `[N]`."""
        part = Manifest(frame=rows, version=self.manifest.version, path=self.manifest.path)
        return margins(load_resnet(card, folder, self.compute, self.init), part, self.cache)

    def _examples(self, rows: pd.DataFrame) -> list[Example]:
        paths = self.cache.paths(rows["sha256"])
        numbers = rows["number"].tolist()
        return [Example(*each) for each in zip(paths, rows["label"], numbers, strict=True)]


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
