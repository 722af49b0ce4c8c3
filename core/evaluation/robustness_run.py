"""Judges perturbed pictures into `robustness.csv`, one condition after the other, in runs that may be interrupted.

Until all are done, what is known of a condition lies beside it, in `robustness.<condition>.<fingerprint>.part`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core import atomic, images
from core.corpus.cache import ImageCache
from core.corpus.manifest import Manifest
from core.detectors.card import Card, read_card
from core.detectors.cascade import CascadeDetector
from core.detectors.classical import EmbeddingDetector, pipeline_margins
from core.detectors.embeddings import EmbeddingMemory
from core.detectors.precision import on_every_core
from core.detectors.protocol import Detector
from core.errors import EvaluationError
from core.evaluation.measured import fingerprint, record
from core.evaluation.perturbations import CONDITIONS, Condition, perturb, perturbed_key
from core.evaluation.predictions import DECIMALS, LARGE_BATCH, batch_size
from core.evaluation.robustness import (
    KEY,
    PERTURBED_SPLITS,
    ROBUSTNESS_FILE,
    current_columns,
    read_probabilities,
)
from core.evaluation.stage_robustness import MeasuredStages

SAVE_EVERY = 2 * LARGE_BATCH
"""Images between two saves; whole batches, so that a run that goes on forms the batches of one that never stopped."""

Judge = Callable[[Sequence[Sequence[str]], Condition], Iterator[NDArray[np.floating]]]
"""Gives `p_ai` of each batch of files, named by their sha256, after a condition: `[N]` each."""


def forget_outdated(folder: Path, manifest: Manifest) -> pd.DataFrame:
    """Leave in `robustness.csv` only what belongs to the model and the manifest as they are now.

    Returns:
        what is left, a row for each image of `PERTURBED_SPLITS` (index `sha256`).

    Raises:
        EvaluationError: if there is a `robustness.csv` that cannot be read.
    """
    hashes = _hashes(manifest)
    kept = current_columns(folder, read_card(folder), manifest.path)
    if set(kept.index) != set(hashes):
        kept = pd.DataFrame(index=pd.Index(hashes, name=KEY))
    _write(kept, folder)
    return kept.loc[hashes]


def measure_robustness(
    detector: Detector,
    folder: Path,
    manifest: Manifest,
    files: ImageCache,
    conditions: Sequence[Condition],
    progress: Callable[[str, int, int], None] = lambda title, done, total: None,  # noqa: ARG005
) -> None:
    """Judge every test and ood image under conditions; add their columns to `robustness.csv`.

    A condition that is measured already is skipped, unless what decides `p_ai` has changed since (weights,
    preprocessing, calibration, or the condition itself). The columns are added when all are done, so that a new
    `robustness.csv` tells of a run that came to its end. A run that was interrupted loses at most `SAVE_EVERY` images
    and the batches under way, goes on when called again, and ends in the file that one run would have made. Two processes
    must not measure one model at the same time; `evaluate` sees to that.

    Args:
        detector: the model of `folder`.
        folder: gets the file; the card in it records each condition.
        manifest: names the images.
        files: where they lie.
        conditions: what to do to them.
        progress: told (title of the condition, images judged in this run, images this run has to judge).

    Raises:
        CorpusError: if images are not on this computer.
        EvaluationError: if files of an earlier run cannot be read. Of a cascade: if a stage was not measured under one of
            the conditions.
        ImageError: if an image cannot be read.
    """
    hashes = _hashes(manifest)
    files.paths(hashes)
    with _judging(detector, files, manifest.path) as judge:
        measured = forget_outdated(folder, manifest)
        columns = [
            _Column(condition, folder, fingerprint(detector.card, condition), hashes)
            for condition in conditions
            if condition.name not in measured
        ]
        _forget_parts(folder, detector.card)
        total = sum(len(column.left) for column in columns)
        done = 0
        for column in columns:
            progress(column.condition.title, done, total)
            for judged in column.judge(judge, batch_size(detector)):
                done += judged
                progress(column.condition.title, done, total)
            measured[column.condition.name] = [column.p_ai[sha256] for sha256 in hashes]
        _write(measured, folder)
        for column in columns:
            record(folder, column.condition, column.made_with)
            column.part.unlink(missing_ok=True)


@contextmanager
def _judging(detector: Detector, files: ImageCache, corpus: Path) -> Iterator[Judge]:
    """Give what judges perturbed pictures; embeddings are remembered, for several heads share them.

    A cascade judges none: its stages have.
    """
    if isinstance(detector, EmbeddingDetector):
        with EmbeddingMemory(detector.features.encoder) as memory:
            yield _one_by_one(partial(_judge_embeddings, detector, detector.features.taps, memory, files))
    elif isinstance(detector, CascadeDetector):
        yield _one_by_one(MeasuredStages.of(detector, corpus).judge)
    else:
        yield partial(_judge_pictures, detector, files)


def _one_by_one(judge: Callable[[Sequence[str], Condition], NDArray[np.floating]]) -> Judge:
    return lambda batches, condition: (judge(batch, condition) for batch in batches)


def _judge_pictures(
    detector: Detector, files: ImageCache, batches: Sequence[Sequence[str]], condition: Condition
) -> Iterator[NDArray[np.floating]]:
    def judged(batch: Sequence[str]) -> NDArray[np.floating]:
        return detector.predict([perturb(images.open(path), condition) for path in files.paths(batch)])

    return on_every_core(judged, batches)


def _judge_embeddings(
    detector: EmbeddingDetector,
    taps: tuple[str, ...],
    memory: EmbeddingMemory,
    files: ImageCache,
    hashes: Sequence[str],
    condition: Condition,
) -> NDArray[np.float32]:
    preprocessing = detector.card.preprocessing
    embeddings = memory.embed_views(
        [perturbed_key(sha256, condition) for sha256 in hashes],
        hashes,
        files,
        preprocessing,
        lambda picture, sha256: preprocessing.tensor(condition(picture, sha256)),
        taps=taps,
    )
    return detector.card.calibration(pipeline_margins(detector.pipeline, embeddings))


class _Column:
    """One condition on its way into `robustness.csv`; what is known of it already is in `part`."""

    def __init__(self, condition: Condition, folder: Path, made_with: str, hashes: Sequence[str]) -> None:
        self.condition = condition
        self.made_with = made_with
        self.part = folder / _part_name(condition, made_with)
        self.p_ai: dict[str, float] = {}
        if self.part.exists():
            remedy = "delete it and run the command again"
            known = read_probabilities(self.part, remedy)
            if list(known.columns) != [KEY, condition.name]:
                raise EvaluationError(
                    f"{self.part} must have the columns {KEY} and {condition.name}; {remedy}."
                )
            self.p_ai = dict(zip(known[KEY], known[condition.name], strict=True))
        self.left = [sha256 for sha256 in hashes if sha256 not in self.p_ai]

    def judge(self, judge: Judge, size: int) -> Iterator[int]:
        """Judge the images that are left, `size` at once; give the size of each batch once it is judged."""
        batches = [self.left[start : start + size] for start in range(0, len(self.left), size)]
        done = 0
        for batch, found in zip(batches, judge(batches, self.condition), strict=True):
            p_ai = np.round(found.astype(np.float64), DECIMALS)
            self.p_ai.update(zip(batch, p_ai.tolist(), strict=True))
            done += len(batch)
            if done == len(self.left) or done % SAVE_EVERY == 0:
                atomic.write(self.part, _csv(pd.DataFrame({self.condition.name: self.p_ai})))
            yield len(batch)


def _part_name(condition: Condition, made_with: str) -> str:
    return f"robustness.{condition.name}.{made_with}.part"


def _forget_parts(folder: Path, card: Card) -> None:
    """Delete what an interrupted run left that was measured with something else than `card` describes."""
    current = {_part_name(condition, fingerprint(card, condition)) for condition in CONDITIONS.values()}
    for path in folder.glob("robustness.*.part"):
        if path.name not in current:
            path.unlink()


def _hashes(manifest: Manifest) -> list[str]:
    """Return the images to perturb, in the order of the rows of `robustness.csv`."""
    return sorted(manifest.frame.loc[manifest.frame["split"].isin(PERTURBED_SPLITS), KEY])


def _write(columns: pd.DataFrame, folder: Path) -> None:
    """Write `robustness.csv`; without any column there is none."""
    path = folder / ROBUSTNESS_FILE
    if columns.columns.empty:
        path.unlink(missing_ok=True)
    else:
        atomic.write(path, _csv(columns[[name for name in CONDITIONS if name in columns]]))


def _csv(columns: pd.DataFrame) -> bytes:
    text = columns.to_csv(index_label=KEY, float_format=f"%.{DECIMALS}f", lineterminator="\n")
    return text.encode()
