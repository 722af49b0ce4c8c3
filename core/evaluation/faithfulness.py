"""Do maps show what a model judged by? Measured on images of `val`, one row an image and method.

Deletion and insertion (Petsiuk et al., RISE, 2018): parts of a picture are taken away, or put back into a blurred copy,
the most telling first, while the probability of the class that the map speaks for is watched. The area under its curve is
low for deletion and high for insertion where the map is right. A smooth random map and a blob in the middle, where most
pictures have their subject, are what a map must beat.

Weight randomisation (Adebayo et al., Sanity Checks for Saliency Maps, 2018): the map of the same network with random
weights must look different; here Spearman's rank correlation of the two, 1 for the same map.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar, cast

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from scipy.stats import spearmanr
from torch import nn

from core import atomic, images
from core.corpus.cache import ImageCache
from core.corpus.manifest import LABELS, Manifest
from core.detectors.card import identity, read_card
from core.detectors.classical import EmbeddingDetector
from core.detectors.encoder import Encoder
from core.detectors.features import EncoderFeatures
from core.detectors.protocol import Detector
from core.detectors.resnet import ResNetDetector
from core.errors import EvaluationError
from core.evaluation.bootstrap import Draws
from core.explain import METHODS, Heat, Saliency
from core.images import Artwork

FAITHFULNESS_FILE: Final = "faithfulness.csv"
SPLIT: Final = "val"
MAPS: Final = ("map", "random", "centre")
AREAS: Final = tuple(f"{kind}_{name}" for kind in ("deletion", "insertion") for name in MAPS)
COLUMNS: Final = ("sha256", "label", "source", "target", "made_with", "method", *AREAS, "randomised")
STEPS: Final = 8
"""Parts of equal area in which a picture is taken away or put back."""
BLUR: Final = 24
"""Radius in pixels of the blur that hides a picture before it is put back."""
CELLS: Final = 7
"""The random map has this many values a side, as many as a ResNet's last block, made smooth as its map is."""
DECIMALS: Final = 6

Pixels = NDArray[np.uint8]
Network = TypeVar("Network", bound=nn.Module)


@dataclasses.dataclass(frozen=True)
class Measured:
    """A mean over images with its 95 % interval; `images` is how many."""

    value: float
    low: float
    high: float
    images: int


def measure(
    detector: Detector,
    manifest: Manifest,
    files: ImageCache,
    number: int,
    progress: Callable[[int, int], None],
) -> pd.DataFrame:
    """Measure the maps of a model: one row of `COLUMNS` for each image and each of `core.explain.METHODS`.

    Args:
        detector: of a family that all methods can follow.
        manifest: its images of `val` are drawn from, as many of each label; the same ones on every run.
        files: where they are.
        number: how many images.
        progress: told (images done, images in all).

    Raises:
        EvaluationError: if `val` has too few images of a label, or the model has no network of its own.
        ExplanationError: if the model has no maps.
        CorpusError: if images are missing.
    """
    rows = _drawn(manifest, number)
    random = randomised(detector)
    found = []
    for done, (row, path) in enumerate(
        zip(rows.to_dict("records"), files.paths(rows["sha256"]), strict=True)
    ):
        progress(done, len(rows))
        facts = {name: row[name] for name in ("sha256", "label", "source")}
        found += [facts | one for one in _of_image(detector, random, images.open(path), seed=done)]
    progress(len(rows), len(rows))
    frame = pd.DataFrame(found)
    frame["made_with"] = identity(detector.card)
    return frame[list(COLUMNS)].round(DECIMALS)


def _drawn(manifest: Manifest, number: int) -> pd.DataFrame:
    frame = manifest.frame
    of_each = number // len(LABELS)
    parts = [frame[(frame["split"] == SPLIT) & (frame["label"] == label)] for label in LABELS]
    if of_each < 1 or min(map(len, parts)) < of_each:
        raise EvaluationError(
            f"Faithfulness is measured on as many images of each label, at least one; {number} were asked for and {SPLIT} "
            f"has {' and '.join(f'{len(part)} {label}' for part, label in zip(parts, LABELS, strict=True))}: choose another "
            "--images."
        )
    return pd.concat([part.sample(of_each, random_state=0) for part in parts])


def _of_image(
    detector: Detector, random: Detector, artwork: Artwork, seed: int
) -> Iterator[dict[str, object]]:
    uniform = _shown(artwork, np.asarray(detector.card.preprocessing.uniform(artwork.image)))
    target = "ai" if detector.predict([uniform])[0] >= 0.5 else "human"  # noqa: PLR2004  (even odds)
    maps = {method: explain(detector, uniform, target) for method, explain in METHODS.items()}
    any_map = next(iter(maps.values()))
    shape = any_map.heat.shape[0], any_map.heat.shape[1]
    baselines = {"random": _random_map(shape, seed), "centre": _centre_blob(shape)}
    compared: dict[str, object] = {}
    for name, heat in baselines.items():
        compared |= _areas(detector, uniform, dataclasses.replace(any_map, heat=heat), name)
    for method, saliency in maps.items():
        other = METHODS[method](random, uniform, target)
        found = _areas(detector, uniform, saliency, "map") | compared
        yield {"target": target, "method": method, **found, "randomised": _correlation(saliency, other)}


def _areas(detector: Detector, artwork: Artwork, saliency: Saliency, name: str) -> dict[str, object]:
    deletion, insertion = areas_under(detector, artwork, saliency)
    return {f"deletion_{name}": deletion, f"insertion_{name}": insertion}


def areas_under(detector: Detector, artwork: Artwork, saliency: Saliency) -> tuple[float, float]:
    """Return the areas under the deletion and the insertion curve, each in [0, 1].

    Only what the detector sees is taken away or put back.
    """
    picture = np.asarray(artwork.image)
    empty = np.broadcast_to(picture.mean(axis=(0, 1)).astype(np.uint8), picture.shape)
    hidden = np.asarray(artwork.image.filter(ImageFilter.GaussianBlur(BLUR)))
    masks = list(_masks(saliency, (artwork.width, artwork.height)))
    deleted = [np.where(mask[..., None], empty, picture) for mask in masks]
    inserted = [np.where(mask[..., None], picture, hidden) for mask in masks]
    p_ai = detector.predict([_shown(artwork, each) for each in (*deleted, *inserted)])
    of_target = p_ai if saliency.target == "ai" else 1 - p_ai
    deletion, insertion = (np.trapezoid(part) / STEPS for part in np.split(of_target, 2))
    return float(deletion), float(insertion)


def _masks(saliency: Saliency, size: tuple[int, int]) -> Iterator[NDArray[np.bool_]]:
    """Yield which pixels are gone after 0, 1, ... `STEPS` steps, the most telling first: bool `[H, W]`."""
    heat = np.asarray(Image.fromarray(saliency.heat).resize(size, Image.Resampling.BILINEAR))
    seen = np.asarray(Image.fromarray(saliency.seen).resize(size, Image.Resampling.NEAREST))
    order = np.argsort(-heat.ravel(), kind="stable")
    order = order[seen.ravel()[order]]
    for step in range(STEPS + 1):
        mask = np.zeros(heat.size, np.bool_)
        mask[order[: round(len(order) * step / STEPS)]] = True
        yield mask.reshape(heat.shape)


def _shown(artwork: Artwork, pixels: Pixels) -> Artwork:
    height, width, _ = pixels.shape
    return dataclasses.replace(artwork, image=Image.fromarray(pixels), width=width, height=height)


def _random_map(shape: tuple[int, int], seed: int) -> Heat:
    coarse = np.random.default_rng(seed).random((CELLS, CELLS), np.float32)
    return np.asarray(Image.fromarray(coarse).resize((shape[1], shape[0]), Image.Resampling.BILINEAR))


def _centre_blob(shape: tuple[int, int]) -> Heat:
    down, across = (np.linspace(-1, 1, side, dtype=np.float32) for side in shape)
    blob: Heat = np.exp(-2 * (down[:, None] ** 2 + across[None, :] ** 2))
    return blob


def _correlation(one: Saliency, other: Saliency) -> float:
    """Return Spearman's rank correlation where both were seen; 0 where one of them is flat."""
    a, b = one.heat[one.seen], other.heat[one.seen]
    return 0.0 if np.ptp(a) == 0 or np.ptp(b) == 0 else float(spearmanr(a, b).statistic)


def randomised(detector: Detector, seed: int = 0) -> Detector:
    """Return a copy of a detector whose network has random weights: of a ResNet all, of a head's those of the encoder.

    Raises:
        EvaluationError: if the detector has no network of its own.
    """
    if isinstance(detector, ResNetDetector):
        return ResNetDetector(detector.card, _reset(detector.network, seed), detector.compute)
    if isinstance(detector, EmbeddingDetector):
        encoder, taps = detector.features.encoder, detector.features.taps
        if isinstance(encoder, Encoder):
            followed = encoder.to_follow()
            reset = Encoder(_reset(followed.network, seed), f"random {seed}", followed.compute)
            return EmbeddingDetector(detector.card, detector.pipeline, EncoderFeatures(reset, taps))
    raise EvaluationError(
        f"The maps of model '{detector.card.name}' cannot be measured: it has no network whose weights could be made "
        "random; choose a ResNet-18, or an SVM or a logistic regression on embeddings."
    )


def _reset(network: Network, seed: int) -> Network:
    made = copy.deepcopy(network)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for module in made.modules():
            if hasattr(module, "reset_parameters"):
                cast("nn.Linear", module).reset_parameters()
    return made


def write(frame: pd.DataFrame, folder: Path) -> None:
    """Write what `measure` returned into a model's folder, whole or not at all."""
    atomic.write(folder / FAITHFULNESS_FILE, frame.to_csv(index=False, lineterminator="\n").encode())


def read(folder: Path) -> pd.DataFrame | None:
    """Read it back; None if there is none, or it was measured before what decides `p_ai` was changed.

    Raises:
        EvaluationError: the file is damaged.
    """
    path = folder / FAITHFULNESS_FILE
    if not path.is_file():
        return None
    try:
        frame = pd.read_csv(path, dtype={"label": str, "source": str, "target": str, "made_with": str})
        frame = frame[list(COLUMNS)].astype(dict.fromkeys((*AREAS, "randomised"), float))
    except (ValueError, KeyError, OSError) as error:
        raise EvaluationError(
            f"{path} is not what `python -m core faithfulness` writes ({error}): run that command again."
        ) from error
    return frame if set(frame["made_with"]) == {identity(read_card(folder))} else None


def summary(frame: pd.DataFrame) -> dict[str, Measured]:
    """Return the mean of each area and of the correlation, and how far the map beats each baseline, with intervals.

    Args:
        frame: what `measure` returned, of one method.

    Returns:
        under the names of `AREAS`, `randomised`, and `deletion_gain_random` and the like, positive where the map is better.
    """
    values: dict[str, Sequence[float] | pd.Series] = {name: frame[name] for name in (*AREAS, "randomised")}
    for baseline in MAPS[1:]:
        values[f"deletion_gain_{baseline}"] = frame[f"deletion_{baseline}"] - frame["deletion_map"]
        values[f"insertion_gain_{baseline}"] = frame["insertion_map"] - frame[f"insertion_{baseline}"]
    return _means(frame, values)


def gains(frame: pd.DataFrame, method: str, other: str) -> dict[str, Measured]:
    """Return by how much the maps of one method beat those of another on the same images, with intervals.

    Args:
        frame: what `measure` returned, of both methods.
        method: one of `core.explain.METHODS`.
        other: another.

    Returns:
        under `deletion` and `insertion`, positive where `method` is better.
    """
    ours = frame[frame["method"] == method].set_index("sha256")
    theirs = frame[frame["method"] == other].set_index("sha256").loc[ours.index]
    return _means(
        ours,
        {
            "deletion": theirs["deletion_map"] - ours["deletion_map"],
            "insertion": ours["insertion_map"] - theirs["insertion_map"],
        },
    )


def _means(frame: pd.DataFrame, values: Mapping[str, Sequence[float] | pd.Series]) -> dict[str, Measured]:
    """Return the mean of each of `values`, one for each image of `frame`, with its interval over sources."""
    draws = Draws.of((frame["label"] == "ai").to_numpy(bool), frame["source"])
    sizes = draws.sums(np.ones(len(frame)))
    found = {}
    for name, value in values.items():
        of_images = np.asarray(value, np.float64)
        low, high = np.quantile(draws.sums(of_images) / sizes, [0.025, 0.975])
        found[name] = Measured(float(of_images.mean()), float(low), float(high), len(frame))
    return found
