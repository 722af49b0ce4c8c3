"""A whole training run: manifest and recipe in, model folder out."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.cache_folder import cache_folder
from core.corpus import atomic
from core.corpus.cache import ImageCache
from core.corpus.manifest import Manifest
from core.detectors.calibration import PlattScaling
from core.detectors.card import CLASSES, Band, Card, Initialisation, Weights, write_card
from core.detectors.embeddings import EmbeddingMemory
from core.detectors.encoder import CLIP_PREPROCESSING, load_encoder
from core.detectors.precision import Compute, best_compute
from core.detectors.resnet import WEIGHTS_FILE, ResNetDetector, load_resnet, save_head, save_weights
from core.errors import CorpusError
from core.evaluation.calibration import BandPolicy, choose_band, fit_platt
from core.evaluation.predictions import margins
from core.training.checkpoint import CHECKPOINT_FILE, Run
from core.training.data import Example
from core.training.distillation import Targets
from core.training.fit import Fitted, Progress, Workplace, fit
from core.training.initial import initial_network
from core.training.provenance import code_commit, corpus_of
from core.training.recipe import Recipe

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
    """Train, calibrate on `val`, and write card, weights and history into `output`.

    Interrupted runs go on from the last whole epoch when called again with the same arguments.

    Args:
        recipe: what to do.
        manifest: the corpus; only its splits `train` and `val` are used.
        cache: where the images are.
        output: the model's folder, created if it is not there; its name is the model's name.
        init: initial weights, see `initial_network`.
        workers: processes that prepare images.
        progress: told about batches and epochs.

    Raises:
        CorpusError: if images are missing.
        EncoderError: if the recipe distils the encoder and its weights are missing or damaged.
        TrainingError: if the run cannot start or resume.
    """
    output.mkdir(parents=True, exist_ok=True)
    commit = code_commit()
    compute = best_compute()
    network, initialisation, digest = initial_network(init, recipe.seed)
    progress = progress or Progress()
    targets, teacher = _taught(recipe, manifest, cache, compute, progress)
    fitted = fit(
        network,
        recipe,
        _examples(manifest, cache, "train"),
        _examples(manifest, cache, "val"),
        run=Run.of(recipe, manifest.version, digest, teacher),
        at=Workplace(output, compute, workers, cache_folder("features")),
        targets=targets,
        progress=progress,
    )
    card = _card(recipe, manifest, output, initialisation, fitted, commit)
    raw, frame = _validation_margins(load_resnet(card, output, compute, init), manifest, cache)
    card = _calibrated(card, raw, frame, f"split {CALIBRATION_SPLIT}")
    history = pd.DataFrame([vars(epoch) for epoch in fitted.history])
    atomic.write(output / HISTORY_FILE, history.to_csv(index=False, float_format="%.6g").encode())
    write_card(card, output)
    (output / CHECKPOINT_FILE).unlink()
    return card


def _taught(
    recipe: Recipe, manifest: Manifest, cache: ImageCache, compute: Compute, progress: Progress
) -> tuple[Targets | None, str]:
    """Return the encoder's embeddings of the training images and its identity; nothing unless it is distilled."""
    if recipe.distillation is None:
        return None, ""
    hashes = list(manifest.frame.loc[manifest.frame["split"] == "train", "sha256"])
    encoder = load_encoder(compute)
    with EmbeddingMemory(encoder) as memory:
        targets = memory.embed_files(
            hashes, cache, CLIP_PREPROCESSING, progress.embedded, recipe.distillation.taps
        )
    return targets, encoder.identity


def _examples(manifest: Manifest, cache: ImageCache, split: str) -> list[Example]:
    rows = manifest.frame[manifest.frame["split"] == split]
    paths = [cache.find(sha256) for sha256 in rows["sha256"]]
    absent = sum(path is None for path in paths)
    if absent:
        raise CorpusError(
            f"{absent} of the {len(rows)} images of split '{split}' are not on this machine; fetch them with "
            "`python -m core corpus fetch github`, or set VERSO_CORPUS to the folder that holds them."
        )
    return [
        Example(path, label) for path, label in zip(paths, rows["label"], strict=True) if path is not None
    ]


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
        best_epoch=fitted.best.epoch,
        epochs=len(fitted.history),
        preprocessing=recipe.preprocessing,
        calibration=PlattScaling(slope=1.0, intercept=0.0, fitted_on="nothing yet"),
        thresholds=Band(human_below=0.5, ai_above=0.5, policy="none yet"),
        corpus=corpus_of(manifest),
        initialisation=initialisation,
        weights=_save(fitted, recipe, output),
    )


def _save(fitted: Fitted, recipe: Recipe, output: Path) -> Weights:
    """Write the weights, or only the head if the best epoch came before the body was trained."""
    if all(recipe.stage_of(epoch).trains == "head" for epoch in range(fitted.best.epoch + 1)):
        return save_head(fitted.network, output)
    return Weights(file=WEIGHTS_FILE, sha256=save_weights(fitted.network, output))


def _validation_margins(
    detector: ResNetDetector, manifest: Manifest, cache: ImageCache
) -> tuple[NDArray[np.float32], pd.DataFrame]:
    """Return what the weights, as they were saved, say of the split `CALIBRATION_SPLIT`, and its rows."""
    rows = manifest.frame[manifest.frame["split"] == CALIBRATION_SPLIT].reset_index(drop=True)
    part = Manifest(frame=rows, version=manifest.version, path=manifest.path)
    return margins(detector, part, cache), rows


def _calibrated(card: Card, raw: NDArray[np.float32], frame: pd.DataFrame, of: str) -> Card:
    """Fit calibration and band on the margins `raw` of the images in `frame`; `of` says in words which they are."""
    calibration = fit_platt(raw, frame["label"], fitted_on=of)
    band = choose_band(calibration(raw), frame["label"], frame["medium"], BandPolicy(), chosen_on=of)
    return card.model_copy(update={"calibration": calibration, "thresholds": band})
