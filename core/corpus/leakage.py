"""The leak alarm: can the labels be told without looking at the pictures?

A gradient-boosted classifier is given metadata alone. If it does much better than chance on the files, a
detector that sees more than the picture can cheat; if it does so on what the detector is fed, the benchmark
leaks and its figures are worthless.
"""

import io
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from core import images
from core.corpus.cache import ImageCache
from core.corpus.manifest import LABELS, Manifest
from core.errors import CorpusError
from core.images import Artwork

THRESHOLD: Final = 0.65
"""The alarm rings when the low end of the AUC's 95 % interval is above this."""
FITTED_ON: Final = "train"
REPORTED: Final = ("val", "test")
LEAF: Final = 20
"""Least images of a leaf, unless a class has few: then a quarter of it, or no leaf could be of that class alone."""
ROUNDS: Final = 1000
FED: Final = "what the detector is fed"

Prepare = Callable[[Artwork], NDArray[np.uint8]]
Progress = Callable[[int, int], None]
Facts = dict[str, float | str | bool]


def ignore_progress(done: int, total: int) -> None:
    """Report progress to nobody."""


@dataclass(frozen=True)
class Auc:
    """A ROC AUC in [0, 1] over `images` images, with its 95 % interval."""

    value: float
    low: float
    high: float
    images: int

    def __str__(self) -> str:
        return f"{self.value:.3f} (95 % interval {self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True)
class LeakReport:
    """How well metadata alone tells ai from human.

    `seen` says whose metadata it was. `by_split` has the AUC on each split that was not fitted on; the
    verdict is that of `judged_on`, the others are there to be read. `alone` is the AUC there of the same
    classifier given one feature, strongest first. `models` are fed what was judged; of files, nobody is.
    """

    seen: str
    by_split: Mapping[str, Auc]
    judged_on: str
    alone: Mapping[str, float]
    models: tuple[str, ...] = ()

    @property
    def auc(self) -> Auc:
        """The AUC that decides."""
        return self.by_split[self.judged_on]

    @property
    def verdict(self) -> Literal["silent", "rings"]:
        """`rings` when the low end of the interval is above `THRESHOLD`."""
        return "rings" if self.auc.low > THRESHOLD else "silent"

    @property
    def sentence(self) -> str:
        """The finding for a reader."""
        strongest, value = next(iter(self.alone.items()))
        finding = "rings" if self.verdict == "rings" else "is silent"
        fed = f" ({', '.join(self.models)})" if self.models else ""
        return (
            f"The leak alarm {finding} on {self.seen}{fed}: metadata alone tells ai from human with an AUC of "
            f"{self.auc} on {self.auc.images} images of {self.judged_on}; it rings when the interval lies above "
            f"{THRESHOLD}. Strongest alone: {strongest} ({value:.3f})."
        )


def of_files(manifest: Manifest, cache: ImageCache, progress: Progress = ignore_progress) -> LeakReport:
    """The alarm on the image files as they are.

    Raises:
        CorpusError: images are missing, or a split lacks a label.
        ImageError: a file is damaged.
    """
    rows = _judged_rows(manifest)
    features = _for_each(rows, cache, _file_facts, progress)
    return alarm(features.astype({"format": "category"}), rows, seen="the files as they are")


def of_fed(
    manifest: Manifest,
    cache: ImageCache,
    prepare: Prepare,
    progress: Progress = ignore_progress,
    models: Sequence[str] = (),
) -> LeakReport:
    """The alarm on what a detector is fed.

    All that remains of a file then is an array: the number of windows, their width, height and aspect, and
    how far the pixels of the middle window can be packed without loss (as PNG), the counterpart of bytes per
    pixel. The last is a property of the picture, not of the file: grain and detail move it off chance without
    any leak. Whether windows coincide, as they do in a square picture, is left out: a detector that judges
    each window by itself and averages cannot see it.

    Args:
        manifest: the manifest.
        cache: where its images lie.
        prepare: the detector's transform before normalisation, from an artwork to the windows it looks at,
            uint8 `[windows, H, W, 3]`.
        progress: told (images done, images in all).
        models: the names of the detectors that are fed so.

    Raises:
        CorpusError: images are missing, or a split lacks a label.
        ImageError: a file is damaged.
    """
    rows = _judged_rows(manifest)
    features = _for_each(rows, cache, lambda path: _fed_facts(prepare(images.open(path))), progress)
    return replace(alarm(features, rows, seen=FED), models=tuple(models))


def of_originals(manifest: Manifest) -> LeakReport:
    """The alarm on what the manifest says of the originals: file format, and whether a part was cut out.

    Raises:
        CorpusError: a split lacks a label.
    """
    rows = _judged_rows(manifest)
    features = pd.DataFrame(
        {
            "format": rows["original_format"].astype("category"),
            "cut from a larger picture": rows["crop"] != "",
        }
    )
    return alarm(features, rows, seen="the originals")


def alarm(
    features: pd.DataFrame, rows: pd.DataFrame, *, seen: str, rounds: int = ROUNDS, seed: int = 0
) -> LeakReport:
    """Fit on the metadata of `train`, evaluate on `val` and `test`; the verdict is that of `val`.

    Without a `val` of both labels the verdict is that of `test`. Intervals are percentile bootstraps over
    sources within each label (a source's images stand or fall together); a label of one source is drawn by
    image.

    Args:
        features: one row per image, numeric or categorical columns, NaN where a fact does not apply.
        rows: the manifest's rows of the same images, in the same order.
        seen: what the metadata belongs to, in words.
        rounds: bootstrap draws.
        seed: of the classifier and the draws.

    Raises:
        CorpusError: `train`, or both of `val` and `test`, lack images of a label.
    """
    usable = {
        split: where for split in (FITTED_ON, *REPORTED) if (where := _of_both_labels(rows, split)).any()
    }
    evaluated = [split for split in REPORTED if split in usable]
    if FITTED_ON not in usable or not evaluated:
        raise CorpusError(
            f"The leak alarm needs images of both labels in {FITTED_ON} and in {' or '.join(REPORTED)}; found "
            f"both only in {', '.join(usable) or 'none of them'}."
        )
    is_ai = (rows["label"] == "ai").to_numpy(bool)
    sources = rows["source"].to_numpy(str)

    fewest = int(min(is_ai[usable[FITTED_ON]].sum(), (~is_ai[usable[FITTED_ON]]).sum()))
    leaf = min(LEAF, max(1, fewest // 4))

    def scores(columns: list[str]) -> NDArray[np.float64]:
        model = HistGradientBoostingClassifier(
            min_samples_leaf=leaf, categorical_features="from_dtype", random_state=seed
        )
        model.fit(features.loc[usable[FITTED_ON], columns], is_ai[usable[FITTED_ON]])
        return np.asarray(model.predict_proba(features[columns])[:, 1], np.float64)

    unknown = features.columns[features[usable[FITTED_ON]].isna().all()]  # no value to learn from
    features = features.assign(**dict.fromkeys(map(str, unknown), 0.0))
    names = list(map(str, features))
    judged = usable[evaluated[0]]
    with threadpool_limits(1):  # a few thousand rows: more threads only wait for each other
        whole = scores(names)
        alone = {name: float(roc_auc_score(is_ai[judged], scores([name])[judged])) for name in names}
    return LeakReport(
        seen=seen,
        by_split={
            split: _auc(is_ai[usable[split]], whole[usable[split]], sources[usable[split]], rounds, seed)
            for split in evaluated
        },
        judged_on=evaluated[0],
        alone=dict(sorted(alone.items(), key=lambda item: -item[1])),
    )


def _of_both_labels(rows: pd.DataFrame, split: str) -> NDArray[np.bool_]:
    """Which rows are of the split: bool `[N]`, none if the split lacks a label."""
    where = (rows["split"] == split).to_numpy(bool)
    return where if rows["label"][where].nunique() == len(LABELS) else np.zeros_like(where)


def _auc(
    is_ai: NDArray[np.bool_], scores: NDArray[np.float64], sources: NDArray[np.str_], rounds: int, seed: int
) -> Auc:
    """The AUC as the share of (ai, human) pairs in the right order, ties counting half, and its interval."""
    rng = np.random.default_rng(seed)
    right = (np.sign(scores[is_ai][:, None] - scores[~is_ai][None, :]) + 1) / 2
    ai, human = _draws(sources[is_ai], rounds, rng), _draws(sources[~is_ai], rounds, rng)
    draws = ((ai @ right) * human).sum(axis=1) / (ai.sum(axis=1) * human.sum(axis=1))
    low, high = np.quantile(draws, [0.025, 0.975])
    return Auc(float(right.mean()), float(low), float(high), len(is_ai))


def _draws(sources: NDArray[np.str_], rounds: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """How often each image is drawn in each round when whole sources are drawn: float64 `[rounds, N]`."""
    _, unit = np.unique(sources, return_inverse=True)
    if unit.max() == 0:
        unit = np.arange(len(sources))
    size = int(unit.max()) + 1
    return rng.multinomial(size, np.full(size, 1 / size), size=rounds)[:, unit].astype(np.float64)


def _judged_rows(manifest: Manifest) -> pd.DataFrame:
    frame = manifest.frame
    return frame[frame["split"].isin([FITTED_ON, *REPORTED])].reset_index(drop=True)


def _for_each(
    rows: pd.DataFrame, cache: ImageCache, facts: Callable[[Path], Facts], progress: Progress
) -> pd.DataFrame:
    paths = cache.paths(rows["sha256"])
    collected: list[Facts] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for one in pool.map(facts, paths):
            collected.append(one)
            progress(len(collected), len(paths))
    return pd.DataFrame(collected)


def _file_facts(path: Path) -> Facts:
    header = images.header(path)
    tables = [sum(table) for table in header.quantisation]
    return {
        "format": header.format,
        "bytes per pixel": header.size_bytes / (header.width * header.height),
        "width": header.width,
        "height": header.height,
        "aspect": header.width / header.height,
        "quantisation, first table": tables[0] if tables else np.nan,
        "quantisation, last table": tables[-1] if tables else np.nan,
        "has EXIF": header.has_exif,
        "has colour profile": header.has_profile,
    }


def _fed_facts(fed: NDArray[np.uint8]) -> Facts:
    windows, height, width, _ = fed.shape
    packed = io.BytesIO()
    Image.fromarray(fed[windows // 2]).save(packed, "PNG")
    return {
        "windows": windows,
        "width": width,
        "height": height,
        "aspect": width / height,
        "bytes per pixel, packed without loss": packed.tell() / (width * height),
    }
