"""Classical models (scikit-learn) that judge features of a picture; see `core.detectors.features`."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import skops.io
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from skops.io.exceptions import UntrustedTypesFoundException
from torch import Tensor

from core import atomic
from core.detectors.card import CLASSES, Card, how_to_make, read_weights
from core.detectors.encoder import Embedder
from core.detectors.features import EncoderFeatures, Features, Matrix, PixelFeatures, load_features
from core.detectors.pixel_models import PixelKNN, PixelSVM
from core.detectors.precision import Compute
from core.errors import EncoderWarning, ModelError
from core.images import Artwork

PIPELINE_FILE = "pipeline.skops"

ALLOWED_TYPES = (
    "core.detectors.pixel_models.PixelKNN",
    "core.detectors.pixel_models.PixelSVM",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.tree._tree.Tree",
)
"""Types a pipeline may hold beyond those skops itself deems safe."""

ESTIMATORS: dict[str, type] = {
    "svm": SVC,
    "logistic-regression": LogisticRegression,
    "random-forest": RandomForestClassifier,
    "decision-tree": DecisionTreeClassifier,
    "knn": KNeighborsClassifier,
    "gradient-boosting": HistGradientBoostingClassifier,
}

ON_PIXELS: dict[str, type] = {**ESTIMATORS, "svm": PixelSVM, "knn": PixelKNN}

LEAST_SHARE = 0.01
"""Shares of votes are kept this far from 0 and 1 before their log-odds are taken."""


def pipeline_margins(pipeline: Pipeline, features: Matrix) -> NDArray[np.float32]:
    """Return score(`ai`) - score(`human`): float32 `[N]` for features `[N, size]`.

    The decision function where the model has one (SVM, logistic regression, gradient boosting); else the
    log-odds of its share of votes, kept `LEAST_SHARE` away from 0 and 1.
    """
    if hasattr(pipeline, "decision_function"):
        return np.asarray(pipeline.decision_function(features), np.float32)
    shares = pipeline.predict_proba(features)[:, CLASSES.index("ai")]
    return np.asarray(logit(np.clip(shares, LEAST_SHARE, 1 - LEAST_SHARE)), np.float32)


class ClassicalDetector:
    """A fitted pipeline behind features, safe to share between threads."""

    def __init__(self, card: Card, pipeline: Pipeline, features: Features) -> None:
        self.card = card
        self.pipeline = pipeline
        self.features = features

    def raw_margins(self, artworks: Sequence[Artwork]) -> NDArray[np.float32]:
        """Return the margin of each artwork, uncalibrated: float32 `[N]`."""
        if not artworks:
            return np.empty(0, np.float32)
        return pipeline_margins(self.pipeline, self.features.of(artworks, self.card.preprocessing))

    def predict(self, artworks: Sequence[Artwork]) -> NDArray[np.float32]:
        """Return `p_ai` of each artwork: float32 `[N]` in [0, 1], calibrated."""
        return self.card.calibration(self.raw_margins(artworks))


class EmbeddingDetector(ClassicalDetector):
    """A fitted pipeline behind an encoder."""

    def __init__(self, card: Card, pipeline: Pipeline, features: EncoderFeatures) -> None:
        super().__init__(card, pipeline, features)
        self.features: EncoderFeatures = features

    def predict_crops(self, crops: Sequence[Tensor]) -> NDArray[np.float32]:
        """Return `p_ai` of artworks given as `Preprocessing.crops` cuts them, at least one: float32 `[N]`."""
        windows = [self.card.preprocessing.normalize(each) for each in crops]
        return self.card.calibration(pipeline_margins(self.pipeline, self.features.of_windows(windows)))

    def repeats(self, other: EmbeddingDetector) -> bool:
        """Whether it runs the very pass through an encoder that `other` runs: the same layers read the same windows."""
        same_windows = self.card.preprocessing == other.card.preprocessing
        return same_windows and self.features.same_pass(other.features)


def save_pipeline(pipeline: Pipeline, folder: Path) -> str:
    """Write a fitted pipeline into a model folder and return the sha256 of its file."""
    data: bytes = skops.io.dumps(pipeline, compression=8)
    atomic.write(folder / PIPELINE_FILE, data)
    return hashlib.sha256(data).hexdigest()


def load_classical(
    card: Card, folder: Path, compute: Compute | None = None, encoder: Embedder | None = None
) -> ClassicalDetector:
    """Load the pipeline that belongs to `card`, and the encoder if it judges embeddings and none is given.

    Raises:
        ModelError: if the pipeline is missing, is not that of the card, holds a type that is not allowed, is
            of another family, or takes another number of features than the card declares.
        EncoderError: if the encoder cannot be loaded, or lacks a tap.

    Warns:
        EncoderWarning: if the pipeline was fitted on embeddings of other weights than those at hand.
    """
    if card.features is None:
        raise ModelError(f"Model '{card.name}': its card declares no features to judge; restore the card.")
    pipeline = _pipeline(card, folder)
    features = load_features(card.features, compute, encoder)
    if pipeline.n_features_in_ != features.size:
        raise ModelError(
            f"Model '{card.name}': {card.weights.file} takes {pipeline.n_features_in_} numbers per picture, but its "
            f"features '{card.features.kind}' are {features.size}; restore the model, or set VERSO_ENCODER to the "
            "encoder it was fitted on."
        )
    if not isinstance(features, EncoderFeatures):
        return ClassicalDetector(card, pipeline, features)
    if card.encoder != features.encoder.identity:
        warnings.warn(
            f"Model '{card.name}' was fitted on embeddings of other encoder weights ({str(card.encoder)[:12]}… "
            f"instead of {features.encoder.identity[:12]}…); refit it with {how_to_make(card, folder)}.",
            EncoderWarning,
            stacklevel=2,
        )
    return EmbeddingDetector(card, pipeline, features)


def _pipeline(card: Card, folder: Path) -> Pipeline:
    data = read_weights(card, folder)
    try:
        pipeline = skops.io.loads(data, trusted=list(ALLOWED_TYPES))
    except UntrustedTypesFoundException as error:
        raise ModelError(
            f"Model '{card.name}': {card.weights.file} holds types that Verso does not load ({error}); do not use it."
        ) from error
    except (BadZipFile, KeyError, ValueError, TypeError) as error:
        raise ModelError(
            f"Model '{card.name}': {card.weights.file} is no skops file ({error}); restore the folder."
        ) from error
    wanted = (ON_PIXELS if isinstance(card.features, PixelFeatures) else ESTIMATORS).get(card.family)
    if not isinstance(pipeline, Pipeline) or wanted is None or not isinstance(pipeline[-1], wanted):
        raise ModelError(
            f"Model '{card.name}': its card says family '{card.family}', but {card.weights.file} holds a "
            f"{type(pipeline[-1] if isinstance(pipeline, Pipeline) else pipeline).__name__}; restore the folder."
        )
    classes = np.asarray(getattr(pipeline, "classes_", ())).tolist()
    if classes != list(range(len(CLASSES))):
        raise ModelError(
            f"Model '{card.name}': {card.weights.file} must tell the classes 0 ({CLASSES[0]}) and 1 ({CLASSES[1]}) "
            f"apart, but has {classes or 'not been fitted'}; fit it again."
        )
    return pipeline
