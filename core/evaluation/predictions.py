"""`predictions.csv`: what a model said of every validation, test and ood image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core import atomic, images
from core.corpus.cache import ImageCache
from core.corpus.manifest import Manifest
from core.detectors.classical import ClassicalDetector, EmbeddingDetector, pipeline_margins
from core.detectors.features import features_of_files
from core.detectors.pixels import Pixels
from core.detectors.precision import on_every_core
from core.detectors.protocol import Detector
from core.errors import EvaluationError
from core.evaluation.remedies import SHIPPED, how_to_evaluate

PREDICTIONS_FILE = "predictions.csv"
COLUMNS = ("sha256", "split", "label", "generator", "source", "p_ai")
REPORTED_SPLITS = ("val", "test", "ood")
DECIMALS = 6
BATCH = 16
LARGE_BATCH = 128
"""A model on pixels goes through all pictures it remembers once for each batch, however small; in a batch of one on
embeddings there are smaller ones for every core."""


def batch_size(detector: Detector) -> int:
    """Return how many pictures of the corpus a model is best given at once."""
    on_pixels = isinstance(detector, ClassicalDetector) and isinstance(detector.features, Pixels)
    return LARGE_BATCH if on_pixels or isinstance(detector, EmbeddingDetector) else BATCH


def margins(
    detector: Detector,
    manifest: Manifest,
    cache: ImageCache,
    progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
) -> NDArray[np.float32]:
    """Return the uncalibrated margin of every image of `manifest`, in its order: float32 `[N]`.

    A model that judges embeddings is given those remembered from earlier runs.

    Raises:
        CorpusError: if images are not on this computer.
    """
    hashes = list(manifest.frame["sha256"])
    cache.paths(hashes)  # or some would be missed only after much work
    if isinstance(detector, EmbeddingDetector):
        remembered = features_of_files(
            detector.features, hashes, cache, detector.card.preprocessing, progress
        )
        return pipeline_margins(detector.pipeline, remembered)
    return _margins(detector, hashes, cache, progress)


def _margins(
    detector: Detector, hashes: list[str], cache: ImageCache, progress: Callable[[int, int], None]
) -> NDArray[np.float32]:
    size = batch_size(detector)
    batches = [hashes[start : start + size] for start in range(0, len(hashes), size)]

    def judged(batch: list[str]) -> NDArray[np.float32]:
        return detector.raw_margins([images.open(path) for path in cache.paths(batch)])

    found: list[NDArray[np.float32]] = []
    for margins_of in on_every_core(judged, batches):
        found.append(margins_of)
        progress(min(len(found) * size, len(hashes)), len(hashes))
    return np.concatenate(found)


def predictions_frame(manifest: Manifest, p_ai: NDArray[np.floating]) -> pd.DataFrame:
    """Join the probabilities of a manifest's images to the columns of `predictions.csv`."""
    frame = manifest.frame[["sha256", "split", "label", "generator", "source"]].copy()
    frame["p_ai"] = np.round(p_ai.astype(np.float64), DECIMALS)
    return frame[list(COLUMNS)].sort_values(["split", "sha256"], ignore_index=True)


def write_predictions(frame: pd.DataFrame, folder: Path) -> None:
    """Write `predictions.csv` into a model folder."""
    text = frame.to_csv(index=False, float_format=f"%.{DECIMALS}f", lineterminator="\n")
    atomic.write(folder / PREDICTIONS_FILE, text.encode())


def read_predictions(folder: Path, corpus: Path = SHIPPED) -> pd.DataFrame:
    """Read `predictions.csv` of a model folder: columns `COLUMNS`, `p_ai` float64 in [0, 1].

    Errors name the command that makes it for the manifest `corpus`.

    Raises:
        EvaluationError: if the file is missing, lacks a column or holds a value that is no probability.
    """
    path = folder / PREDICTIONS_FILE
    command = how_to_evaluate(folder, corpus=corpus)
    try:
        frame = pd.read_csv(path, dtype=dict.fromkeys(COLUMNS[:-1], str), keep_default_na=False)
        frame["p_ai"] = pd.to_numeric(frame["p_ai"])
    except FileNotFoundError as error:
        raise EvaluationError(f"{path} is missing; make it with `{command}`.") from error
    except (KeyError, ValueError) as error:
        raise EvaluationError(f"{path} cannot be read ({error}); restore it or run `{command}`.") from error
    if list(frame.columns) != list(COLUMNS) or not frame["p_ai"].between(0, 1).all():
        raise EvaluationError(
            f"{path} must have the columns {', '.join(COLUMNS)} and every p_ai in [0, 1]; run `{command}`."
        )
    return frame
