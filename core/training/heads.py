"""Fits classical models on features, calibrated on families and sources they never saw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from core.corpus.cache import ImageCache
from core.corpus.manifest import Manifest
from core.detectors.calibration import PlattScaling
from core.detectors.card import CLASSES, Card, ChosenThresholds, Corpus, Initialisation, Weights
from core.detectors.classical import PIPELINE_FILE, pipeline_margins, save_pipeline
from core.detectors.embeddings import EmbeddingMemory
from core.detectors.features import (
    EncoderFeatures,
    Features,
    Matrix,
    PixelFeatures,
    features_of_files,
    load_features,
)
from core.detectors.pixel_models import PixelKNN, PixelSVM, by_columns
from core.errors import TrainingError
from core.evaluation.calibration import BandPolicy, choose_band, fit_platt
from core.evaluation.held_out_margins import write_held_out
from core.training.held_out import Fold, Rows, by_family_and_source, expect_both_labels
from core.training.lineage import code_commit, corpus_of
from core.training.publishing import publish_card
from core.training.recipe import SVM, Boosting, Forest, HeadRecipe, LogisticHead, Neighbours, Tree
from core.training.views import embed_augmented

SPLITS = ("train", "val")
OWN = "own:"
"""Begins the source of images that a user gave: nothing of theirs is kept but what the head learned."""
ENCODER = Initialisation(origin="embeddings of OpenAI CLIP ViT-B/16, frozen", license="MIT")
NOTHING = Initialisation(origin="none: fitted from the images alone", license="none")
CALIBRATED_ON = "out-of-fold predictions of held-out families and sources of train and val"

Margins = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Gathered:
    """What a head is fitted on: rows of a manifest `[N]`, their features `[N, size]`, and those of their views.

    If the rows have a column `weight`, a row counts that many times for what standardises the features, and for the head
    unless it is one of nearest neighbours; for its calibration and thresholds each counts once.
    """

    frame: pd.DataFrame
    clean: Matrix
    views: Sequence[Matrix]


def seen_rows(manifest: Manifest) -> pd.DataFrame:
    """Return the rows a head may be fitted and cross-validated on: those of `SPLITS`, numbered from 0."""
    return manifest.frame[manifest.frame["split"].isin(SPLITS)].reset_index(drop=True)


def folds_of(recipe: HeadRecipe, frame: pd.DataFrame) -> list[Fold]:
    """Return the families and sources of `frame` that a recipe holds out, each once.

    Raises:
        TrainingError: if there are too few of them, or too few works left without one of the folds.
    """
    folds = by_family_and_source(frame, recipe.folds, recipe.seed)
    expect_both_labels(frame, folds)
    return folds


def gather(
    recipe: HeadRecipe,
    features: Features,
    frame: pd.DataFrame,
    files: ImageCache,
    progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
) -> tuple[Matrix, list[Matrix]]:
    """Return what a recipe fits on: the features of the pictures, and of each of their augmented views.

    Args:
        recipe: says how pictures are preprocessed and augmented.
        features: makes them; embeddings are remembered, so that only the first run takes long.
        frame: rows of the manifest `[N]`.
        files: where the images are.
        progress: told (images done, images in all), for the pictures and for each of the views anew.

    Returns:
        `[N, size]`, and the same for each of `recipe.augmented_views`.

    Raises:
        CorpusError: if images are missing.
    """
    hashes = list(frame["sha256"])
    clean = features_of_files(features, hashes, files, recipe.preprocessing, progress)
    if not isinstance(features, EncoderFeatures):
        return clean, []
    with EmbeddingMemory(features.encoder) as memory:
        views: list[Matrix] = [
            embed_augmented(memory, hashes, files, recipe, number, features.taps, progress=progress)
            for number in range(1, recipe.augmented_views + 1)
        ]
    return clean, views


def fit_on(
    recipe: HeadRecipe, features: Matrix, frame: pd.DataFrame, rows: Rows, views: Sequence[Matrix] = ()
) -> Pipeline:
    """Fit a head on some rows of what `gather` returned: the pictures as they are, then their views."""
    if features.dtype == np.uint8 and _reads_columns(recipe):
        return fit_head(recipe, by_columns(features, rows), frame.iloc[rows])
    of_rows = [features[rows], *(view[rows] for view in views)]
    return fit_head(
        recipe,
        np.concatenate(of_rows, dtype=np.float32) if views else of_rows[0],
        pd.concat([frame.iloc[rows]] * len(of_rows), ignore_index=True),
    )


def fit_head(recipe: HeadRecipe, features: Matrix, frame: pd.DataFrame) -> Pipeline:
    """Fit the pipeline a recipe declares.

    Args:
        recipe: what to fit.
        features: `[N, size]`.
        frame: rows of the manifest, `[N]`.

    Returns:
        a pipeline that standardises, unless the features are pixels, and judges; classes 0 (human) and 1 (ai).

    Raises:
        TrainingError: if a class is missing from `frame`.
    """
    _expect_both_classes(frame, "what it is fitted on")
    targets = (frame["label"] == "ai").to_numpy().astype(np.int64)
    weights = {} if isinstance(recipe.head, Neighbours) else {"judge__sample_weight": _weights(recipe, frame)}
    if not isinstance(recipe.features, PixelFeatures):
        if "weight" in frame:
            weights["standardise__sample_weight"] = frame["weight"].to_numpy(np.float64)
        pipeline = Pipeline([("standardise", StandardScaler()), ("judge", _estimator(recipe))])
        return pipeline.fit(features, targets, **weights)
    pipeline = Pipeline([("judge", _pixel_estimator(recipe))])
    if features.dtype == np.uint8 and _reads_columns(recipe):
        features = by_columns(features, np.arange(len(features)))
    return pipeline.fit(features, targets, **weights)


def _expect_both_classes(frame: pd.DataFrame, where: str) -> None:
    if absent := set(CLASSES) - set(frame["label"]):
        raise TrainingError(
            f"A head must be fitted on both classes, but of the {len(frame)} images of {where} none is "
            f"{' or '.join(sorted(absent))}: add such images."
        )


def _reads_columns(recipe: HeadRecipe) -> bool:
    """Tell whether a recipe fits trees on pixels, for which memory and speed hang on the order of the values."""
    return isinstance(recipe.features, PixelFeatures) and isinstance(recipe.head, Tree | Forest)


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
    if isinstance(head, Boosting):
        return HistGradientBoostingClassifier(
            max_iter=head.trees,
            learning_rate=head.rate,
            max_leaf_nodes=head.leaves,
            min_samples_leaf=head.min_samples_leaf,
            l2_regularization=head.l2,
            early_stopping=False,
            random_state=recipe.seed,
        )
    return KNeighborsClassifier(head.k)


def _pixel_estimator(recipe: HeadRecipe) -> object:
    head = recipe.head
    if isinstance(head, SVM):
        return PixelSVM(head.c)
    if isinstance(head, Neighbours):
        return PixelKNN(head.k)
    return _estimator(recipe)


def _weights(recipe: HeadRecipe, frame: pd.DataFrame) -> NDArray[np.float64]:
    """Return a weight per row: with `balance` "none" its own, else such that both classes sum to the same, 1 on average."""
    weights = frame["weight"] if "weight" in frame else pd.Series(1.0, index=frame.index)
    if recipe.balance == "none":
        return np.asarray(weights, np.float64)
    if recipe.balance in {"source", "medium"}:
        weights = weights * frame.groupby(recipe.balance)["label"].transform("size") ** -0.5
    of_class = weights.groupby(frame["label"]).transform("sum")
    return (weights / of_class * len(frame) / len(CLASSES)).to_numpy(dtype=np.float64)


def out_of_fold_margins(
    recipe: HeadRecipe,
    features: Matrix,
    frame: pd.DataFrame,
    folds: list[Fold],
    views: Sequence[Matrix] = (),
) -> Margins:
    """Return the margin of every row, by a head fitted without its fold: float32 `[N]`, NaN in no fold.

    Heads are fitted on `views` besides `features`; what is held out is judged by `features` alone.
    """
    margins = np.full(len(frame), np.nan, np.float32)
    for fold in folds:
        pipeline = fit_on(recipe, features, frame, fold.fitted, views)
        margins[fold.held_out] = pipeline_margins(pipeline, features[fold.held_out])
    return margins


def _parts(folds: Sequence[Fold], rows: int) -> Rows:
    """Return the number of the fold, counted from 1, that held out each of so many rows."""
    parts = np.zeros(rows, np.intp)
    for number, fold in enumerate(folds, start=1):
        parts[fold.held_out] = number
    return parts


def calibrate(margins: Margins, frame: pd.DataFrame) -> tuple[PlattScaling, ChosenThresholds]:
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

    Embeddings are remembered, so that only the first run over a corpus takes long and an interrupted run goes
    on where it stopped.

    Args:
        recipe: what to fit.
        manifest: the corpus; only its splits `train` and `val` are used.
        files: where the images are.
        output: the model's folder, created if it is not there; its name is the model's name.
        progress: told (images done, images in all), see `gather`.

    Raises:
        CorpusError: if images are missing.
        EncoderError: if the encoder is needed and cannot be loaded.
        TrainingError: if the corpus has too few families, sources or classes.
    """
    frame = seen_rows(manifest)
    folds = folds_of(recipe, frame)
    _expect_both_classes(frame[frame["split"] == "train"], "split train")
    features = load_features(recipe.features)
    gathered = Gathered(frame, *gather(recipe, features, frame, files, progress))
    return write_head(recipe, features, gathered, folds, corpus_of(manifest), output)


def write_head(
    recipe: HeadRecipe,
    features: Features,
    gathered: Gathered,
    folds: list[Fold],
    corpus: Corpus,
    output: Path,
) -> Card:
    """Fit a head on split `train` of what was gathered, calibrate it on `folds`, write card and pipeline into `output`.

    Raises:
        TrainingError: if a class is missing.
    """
    frame, clean, views = gathered.frame, gathered.clean, gathered.views
    margins = out_of_fold_margins(recipe, clean, frame, folds, views)
    calibration, band = calibrate(margins, frame)
    pipeline = fit_on(recipe, clean, frame, np.flatnonzero(frame["split"] == "train"), views)
    output.mkdir(parents=True, exist_ok=True)
    held_out = frame.assign(part=_parts(folds, len(frame)), margin=margins)
    write_held_out(held_out[~frame["source"].str.startswith(OWN)], output)
    card = Card(
        name=output.resolve().name,
        family=recipe.head.family,
        summary=recipe.summary,
        recipe=recipe.name,
        seed=recipe.seed,
        classes=CLASSES,
        commit=code_commit(),
        trained=datetime.now(UTC).date().isoformat(),
        encoder=features.encoder.identity if isinstance(features, EncoderFeatures) else None,
        preprocessing=recipe.preprocessing,
        features=recipe.features,
        calibration=calibration,
        thresholds=band,
        corpus=corpus,
        initialisation=ENCODER if isinstance(features, EncoderFeatures) else NOTHING,
        weights=Weights(file=PIPELINE_FILE, sha256=save_pipeline(pipeline, output)),
    )
    publish_card(card, output)
    return card
