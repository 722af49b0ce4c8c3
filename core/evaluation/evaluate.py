"""A whole evaluation: predictions, robustness if asked for, and the figures on the card."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from core.corpus.cache import ImageCache
from core.corpus.manifest import Manifest
from core.detectors.card import read_card
from core.detectors.cascade import CascadeDetector
from core.detectors.classical import EmbeddingDetector
from core.detectors.protocol import Detector
from core.detectors.store import find_model
from core.errors import EvaluationError
from core.evaluation.learned import expect_unseen
from core.evaluation.measured import UNPERTURBED, fingerprint, is_current, record
from core.evaluation.perturbations import Condition
from core.evaluation.predictions import (
    PREDICTIONS_FILE,
    REPORTED_SPLITS,
    margins,
    predictions_frame,
    read_predictions,
    write_predictions,
)
from core.evaluation.report_card import refresh_card
from core.evaluation.robustness_run import forget_outdated, measure_robustness
from core.locks import alone

LOCK_FILE = ".evaluate.lock"


def evaluate(
    detector: Detector,
    folder: Path,
    manifest: Manifest,
    files: ImageCache,
    conditions: Sequence[Condition] = (),
    progress: Callable[[str, int, int], None] = lambda doing, done, total: None,  # noqa: ARG005
) -> None:
    """Judge the val, test and ood images of `manifest`, and put the figures on the card of `folder`.

    With conditions, every test and ood image is judged under each of them too; predictions and conditions that
    an earlier run made with the same model are then kept, so that an interrupted run goes on. Without,
    predictions are always made anew.

    Args:
        detector: the model of `folder`.
        folder: gets `predictions.csv`, `robustness.csv` and the figures.
        manifest: names the images.
        files: where they lie.
        conditions: perturbations to measure.
        progress: told (what is being judged, images done, images in all).

    Raises:
        CorpusError: if images are not on this computer.
        EvaluationError: if there are no such images, those of a split are all of one class, or the model (of a cascade: a
            stage) learned from some of test or ood; if the encoder at hand is not the one it was fitted on; if files of an
            earlier run cannot be read, or another process measures this model.
        ImageError: if an image cannot be read.

    Warns:
        EvaluationWarning: as `expect_unseen`.
    """
    rows = manifest.frame[manifest.frame["split"].isin(REPORTED_SPLITS)].reset_index(drop=True)
    _expect_both_labels(rows, manifest)
    stages = detector.stages.names if isinstance(detector, CascadeDetector) else ()
    expect_unseen([find_model(name) for name in stages] or [folder], manifest)
    _expect_its_encoder(detector)
    reported = Manifest(frame=rows, version=manifest.version, path=manifest.path)
    with alone(folder / LOCK_FILE, _by_another(folder)):
        if not conditions or not _judged_before(folder, reported):
            raw = margins(detector, reported, files, lambda done, total: progress("judging", done, total))
            write_predictions(predictions_frame(reported, detector.card.calibration(raw)), folder)
            record(folder, UNPERTURBED, fingerprint(detector.card, UNPERTURBED))
        if conditions:
            measure_robustness(detector, folder, reported, files, conditions, progress)
        else:
            forget_outdated(folder, reported)
        refresh_card(folder, manifest)


def _by_another(folder: Path) -> EvaluationError:
    return EvaluationError(
        f"The model in {folder} is being measured by another process; wait until that is done."
    )


def _expect_both_labels(rows: pd.DataFrame, manifest: Manifest) -> None:
    """Refuse images that no figures can be made of before anything measured earlier is replaced."""
    if rows.empty:
        raise EvaluationError(
            f"{manifest.path} names no image of {', '.join(REPORTED_SPLITS)}, and these are what a model is measured on."
        )
    for split, labels in rows.groupby("split")["label"].unique().items():
        if len(labels) == 1:
            raise EvaluationError(
                f"The images of {split} in {manifest.path} are all {labels[0]}, and figures need both classes: add images of "
                "the other one, or put these into no split."
            )


def _expect_its_encoder(detector: Detector) -> None:
    """Refuse to put down as a model's what its head says of embeddings that it was not fitted on."""
    stages = detector.detectors if isinstance(detector, CascadeDetector) else (detector,)
    for stage in stages:
        if isinstance(stage, EmbeddingDetector) and stage.card.encoder != stage.features.encoder.identity:
            raise EvaluationError(
                f"Model '{stage.card.name}' was fitted on embeddings of another encoder than the one at hand, and its figures "
                "would not be its own: point VERSO_ENCODER to that one (unset: the one Verso fetches), or fit it again."
            )


def _judged_before(folder: Path, reported: Manifest) -> bool:
    """Tell whether `predictions.csv` is of this model and these images."""
    if not is_current(read_card(folder), UNPERTURBED) or not (folder / PREDICTIONS_FILE).exists():
        return False
    wanted = predictions_frame(reported, np.zeros(len(reported.frame)))
    found = read_predictions(folder, reported.path)
    return found.drop(columns="p_ai").equals(wanted.drop(columns="p_ai"))
