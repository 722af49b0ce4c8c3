"""Fits classical models on embeddings: in seconds, calibrated on families and sources they never saw."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from core.corpus.cache import ImageCache
from core.corpus.manifest import Manifest
from core.detectors.calibration import PlattScaling
from core.detectors.card import CLASSES, Band, Card, Initialisation, Weights, write_card
from core.detectors.classical import PIPELINE_FILE, pipeline_margins, save_pipeline
from core.detectors.embeddings import EmbeddingMemory
from core.detectors.encoder import load_encoder
from core.errors import TrainingError
from core.evaluation.calibration import BandPolicy, choose_band, fit_platt
from core.training.held_out import Fold, by_family_and_source
from core.training.provenance import code_commit, corpus_of
from core.training.recipe import SVM, Forest, HeadRecipe, LogisticHead, Neighbours, Tree

SPLITS = ("train", "val")
ORIGIN = Initialisation(origin="embeddings of OpenAI CLIP ViT-B/16, frozen", license="MIT")
CALIBRATED_ON = "out-of-fold predictions of held-out families and sources of train and val"

Embeddings = NDArray[np.float32]
Margins = NDArray[np.float32]


def seen_rows(manifest: Manifest) -> pd.DataFrame:
    """Return the rows a head may be fitted and cross-validated on: those of `SPLITS`, numbered from 0."""
    return manifest.frame[manifest.frame["split"].isin(SPLITS)].reset_index(drop=True)


def fit_head(recipe: HeadRecipe, embeddings: Embeddings, frame: pd.DataFrame) -> Pipeline:
    """Fit the pipeline a recipe declares.

    Args:
        recipe: what to fit.
        embeddings: float32 `[N, size]`.
        frame: rows of the manifest, `[N]`.

    Returns:
        a pipeline that standardises and judges; classes 0 (human) and 1 (ai).

    Raises:
        TrainingError: if a class is missing from `frame`.
    """
    targets = (frame["label"] == "ai").to_numpy().astype(np.int64)
    if len(set(targets)) < len(CLASSES):
        raise TrainingError(
            f"A head must be fitted on both classes, but these {len(frame)} images are all "
            f"{frame['label'].iloc[0] if len(frame) else 'missing'}; add images of the other class."
        )
    pipeline = Pipeline([("standardise", StandardScaler()), ("judge", _estimator(recipe))])
    weights = {} if isinstance(recipe.head, Neighbours) else {"judge__sample_weight": _weights(recipe, frame)}
    return pipeline.fit(embeddings, targets, **weights)


def _estimator(recipe: HeadRecipe) -> object:
    head = recipe.head
    if isinstance(head, SVM):
        return SVC(C=head.c, kernel="rbf", gamma="scale")
    if isinstance(head, LogisticHead):
        return LogisticRegression(C=head.c, max_iter=2000)
    if isinstance(head, Forest):
        return RandomForestClassifier(
            head.trees, min_samples_leaf=head.min_samples_leaf, random_state=recipe.seed, n_jobs=-1
        )
    if isinstance(head, Tree):
        return DecisionTreeClassifier(min_samples_leaf=head.min_samples_leaf, random_state=recipe.seed)
    return KNeighborsClassifier(head.k)


def _weights(recipe: HeadRecipe, frame: pd.DataFrame) -> NDArray[np.float64]:
    """Return a weight per row, 1 on average, that sums to the same for both classes."""
    weights = pd.Series(1.0, index=frame.index)
    if recipe.balance == "source":
        weights = frame.groupby("source")["source"].transform("size") ** -0.5
    of_class = weights.groupby(frame["label"]).transform("sum")
    return (weights / of_class * len(frame) / len(CLASSES)).to_numpy(dtype=np.float64)


def out_of_fold_margins(
    recipe: HeadRecipe, embeddings: Embeddings, frame: pd.DataFrame, folds: list[Fold]
) -> Margins:
    """Return the margin of every row, by a head fitted without its fold: float32 `[N]`, NaN in no fold."""
    margins = np.full(len(frame), np.nan, np.float32)
    for fold in folds:
        pipeline = fit_head(recipe, embeddings[fold.fitted], frame.iloc[fold.fitted])
        margins[fold.held_out] = pipeline_margins(pipeline, embeddings[fold.held_out])
    return margins


def calibrate(margins: Margins, frame: pd.DataFrame) -> tuple[PlattScaling, Band]:
    """Fit calibration and band on out-of-fold margins of `frame`."""
    calibration = fit_platt(margins, frame["label"], fitted_on=CALIBRATED_ON)
    band = choose_band(
        calibration(margins), frame["label"], frame["medium"], BandPolicy(), chosen_on=CALIBRATED_ON
    )
    return calibration, band


def train_head(
    recipe: HeadRecipe,
    manifest: Manifest,
    files: ImageCache,
    output: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
) -> Card:
    """Fit a head on split `train`, calibrate it on held-out families and sources, write card and pipeline.

    Embeddings are remembered, so that only the first run over a corpus takes long; an interrupted run goes on
    where it stopped.

    Args:
        recipe: what to fit.
        manifest: the corpus; only its splits `train` and `val` are used.
        files: where the images are.
        output: the model's folder, created if it is not there; its name is the model's name.
        progress: told (images embedded, images in all).

    Raises:
        CorpusError: if images are missing.
        EncoderError: if the encoder cannot be loaded.
        TrainingError: if the corpus has too few families, sources or classes.
    """
    frame = seen_rows(manifest)
    encoder = load_encoder()
    with EmbeddingMemory(encoder) as memory:
        embeddings = memory.embed_files(list(frame["sha256"]), files, recipe.preprocessing, progress)
    folds = by_family_and_source(frame, recipe.folds, recipe.seed)
    calibration, band = calibrate(out_of_fold_margins(recipe, embeddings, frame, folds), frame)
    fitted = np.flatnonzero(frame["split"] == "train")
    pipeline = fit_head(recipe, embeddings[fitted], frame.iloc[fitted])
    output.mkdir(parents=True, exist_ok=True)
    card = Card(
        name=output.resolve().name,
        family=recipe.head.family,
        summary=recipe.summary,
        recipe=recipe.name,
        seed=recipe.seed,
        classes=CLASSES,
        commit=code_commit(),
        trained=datetime.now(UTC).date().isoformat(),
        encoder=encoder.identity,
        preprocessing=recipe.preprocessing,
        calibration=calibration,
        thresholds=band,
        corpus=corpus_of(manifest),
        initialisation=ORIGIN,
        weights=Weights(file=PIPELINE_FILE, sha256=save_pipeline(pipeline, output)),
    )
    write_card(card, output)
    return card
