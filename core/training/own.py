"""Refits a classical model with an analyst's own labelled images besides the corpus, and says what changed.

The encoder stays frozen: only the head is fitted again, which takes seconds once the corpus is embedded. What users
show is not remembered: of the own images, only the head and the figures are kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold
from torch import Tensor

from core.corpus.cache import ImageCache
from core.corpus.manifest import Manifest
from core.detectors.card import CLASSES, Card, Corpus
from core.detectors.classical import EmbeddingDetector, pipeline_margins
from core.detectors.features import EmbeddingFeatures, EncoderFeatures
from core.detectors.store import load_detector
from core.errors import TrainingError
from core.evaluation.comparison import Comparison
from core.evaluation.comparison_report import as_markdown
from core.evaluation.own_set import Looked, joined_of_own, look_at_own
from core.evaluation.predictions import REPORTED_SPLITS
from core.evaluation.rules import shipped
from core.evaluation.selection import FACTS, Joined, Selection, load
from core.images import Artwork
from core.training.heads import OWN, Gathered, fit_on, folds_of, gather, seen_rows, write_head
from core.training.lineage import corpus_of
from core.training.recipe import HeadRecipe
from core.training.views import augmented

FOLDS = 5
LEAST = 2
"""Own images of a class needed to hold some out."""

CAVEAT = (
    "Each of your images was judged by a head fitted without it; images much alike (one artist, one series) still make "
    "the figures on them look better than on new ones. So does that the new model's probability and thresholds were chosen on "
    "them too; its ROC AUC owes nothing to that. The corpus shows what it cost elsewhere."
)

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Refitted:
    """A refitted head. `own` is what it and the model it came from say of the own images, `refused` as in `OwnSet`.

    Each own image was judged by a head that was fitted without it; those of the corpus are refused.
    """

    card: Card
    own: Joined
    refused: pd.DataFrame


def refit_head(
    recipe: HeadRecipe,
    manifest: Manifest,
    files: ImageCache,
    place: Path,
    output: Path,
    *,
    weight: float = 1.0,
    progress: Progress = lambda done, total: None,  # noqa: ARG005
) -> Refitted:
    """Fit a recipe on split `train` and on an own set; the model is compared to the shipped one of the recipe's name.

    Args:
        recipe: one that judges embeddings.
        manifest: the corpus; only its splits `train` and `val` are used.
        files: where its images are.
        place: a folder or zip that holds the folders `human` and `ai`, see `core.evaluation.own_set`.
        output: the model's folder, created if it is not there; its name is the model's name.
        weight: how many images of the corpus an own image counts for, above 0; see `Gathered`.
        progress: told (images done, images in all), anew for each step.

    Raises:
        CorpusError: if images of the corpus are missing, those it is measured on included.
        EncoderError: if the encoder cannot be loaded.
        EvaluationError: if the own set cannot be used, see `look_at_own`, or the shipped model was not evaluated on the
            images of `manifest`.
        ModelError: if no model has the recipe's name.
        TrainingError: if the recipe judges no embeddings, `output` has its name, the own set has fewer than two images
            of a class besides those of the corpus, or too few families or sources can be held out.
    """
    shipped_model = _shipped_model(recipe, output)
    for split in _reported(manifest):
        load([recipe.name], Selection(split), manifest)
    files.paths(manifest.frame["sha256"])  # misses some before any work
    features = shipped_model.features
    frame = seen_rows(manifest)

    def expect_enough(listed: pd.DataFrame) -> None:
        others = listed[_splits(manifest, listed).isna()]
        _folds_of(others, place)
        folds_of(recipe, _joined_rows(frame, others, weight))

    looked = _besides(manifest, look_at_own(place, _look(recipe, features), progress, expect=expect_enough))
    images = looked.images
    own_folds = _folds_of(images, place)
    rows = _joined_rows(frame, images, weight)
    folds = folds_of(recipe, rows)
    clean, views = gather(recipe, features, frame, files, progress)
    own_clean, *own_views = np.split(looked.found, recipe.augmented_views + 1, axis=1)
    together = Gathered(
        rows,
        np.concatenate([clean, own_clean]),
        [np.concatenate([view, own], dtype=np.float32) for view, own in zip(views, own_views, strict=True)],
    )
    card = write_head(recipe, features, together, folds, _corpus_with(manifest, images), output)
    margins = _out_of_fold(recipe, together, len(frame), own_folds)
    p_ai = pd.DataFrame(
        {
            recipe.name: shipped_model.card.calibration(pipeline_margins(shipped_model.pipeline, own_clean)),
            card.name: card.calibration(margins),
        },
        dtype=np.float64,
    )
    return Refitted(card, joined_of_own(place, images, p_ai), looked.refused)


def what_changed(refitted: Refitted, output: Path, corpus: Manifest) -> str:
    """Say as Markdown what is better and worse than with the shipped model: on the own images and elsewhere.

    Args:
        refitted: what `refit_head` returned.
        output: the model's folder, already evaluated on `corpus`.
        corpus: the manifest.

    Raises:
        EvaluationError: if one of the two models was not evaluated on the images of `corpus`.
    """
    reference, mine = refitted.own.models
    rules = {**shipped([reference]), mine: refitted.card.rule}
    elsewhere = [
        load([reference, str(output.absolute())], Selection(split), corpus) for split in _reported(corpus)
    ]
    comparisons = [Comparison(joined) for joined in (refitted.own, *elsewhere)]
    said = [f"- {sentence}" for each in comparisons for sentence in each.sentences(rules)]
    return "\n\n".join(
        [
            f"# {mine}: {reference}, refitted with {refitted.own.title}",
            CAVEAT,
            "\n".join(said),
            *(as_markdown(each, rules) for each in comparisons),
        ]
    )


def _reported(corpus: Manifest) -> list[str]:
    """Return the splits to report on that a corpus has."""
    return [split for split in REPORTED_SPLITS if (corpus.frame["split"] == split).any()]


def _shipped_model(recipe: HeadRecipe, output: Path) -> EmbeddingDetector:
    if not isinstance(recipe.features, EmbeddingFeatures):
        raise TrainingError(
            f"Only a model on embeddings can be refitted with your own images, and {recipe.name} is none: take verso."
        )
    detector = load_detector(recipe.name)
    if not isinstance(detector, EmbeddingDetector):
        raise TrainingError(
            f"The model {recipe.name} that the result is to be compared to is not made by this recipe: it judges no embeddings."
        )
    if (recipe.features, recipe.preprocessing) != (detector.card.features, detector.card.preprocessing):
        raise TrainingError(
            f"This recipe looks at pictures otherwise than the model {recipe.name} that its result is compared to: leave its "
            "[features] and [preprocessing] as they are, or name another model of this recipe in VERSO_MODELS."
        )
    if output.resolve().name == recipe.name:
        raise TrainingError(
            f"The refitted model cannot be called {recipe.name} like the one it is compared to: choose another --output."
        )
    return detector


def _look(
    recipe: HeadRecipe, features: EncoderFeatures
) -> Callable[[Sequence[Artwork]], NDArray[np.float32]]:
    """Return what embeds artworks and each of the recipe's augmented views: float32 `[n, (1 + views) * size]`."""

    def look(artworks: Sequence[Artwork]) -> NDArray[np.float32]:
        views = [
            features.of_windows([_view(recipe, artwork, number) for artwork in artworks])
            for number in range(1, recipe.augmented_views + 1)
        ]
        return np.concatenate([features.of(artworks, recipe.preprocessing), *views], axis=1)

    return look


def _view(recipe: HeadRecipe, artwork: Artwork, number: int) -> Tensor:
    return augmented(
        artwork.image, artwork.sha256, recipe.preprocessing, recipe.augmentation, recipe.seed, number
    )


def _besides(manifest: Manifest, looked: Looked) -> Looked:
    """Refuse own images that are in the corpus: heads learnt some of them, and are measured on the others."""
    images = looked.images
    splits = _splits(manifest, images)
    known = splits.notna().to_numpy()
    reason = "It is in the corpus (split {}), so it is left out of the fit and of the figures."
    left_out = [
        (path, reason.format(split)) for path, split in zip(images["path"][known], splits[known], strict=True)
    ]
    return Looked(
        images[~known].reset_index(drop=True),
        pd.concat([looked.refused, pd.DataFrame(left_out, columns=["path", "reason"])], ignore_index=True),
        looked.found[~known],
    )


def _splits(manifest: Manifest, images: pd.DataFrame) -> pd.Series:
    """Return the split of each image that is in the corpus, or is the original of a work of it; of the others nothing."""
    frame = manifest.frame
    splits = {
        sha256: split
        for column in ("original_sha256", "sha256")
        for sha256, split in zip(frame[column], frame["split"], strict=True)
    }
    return images["sha256"].map(splits)


def _joined_rows(corpus: pd.DataFrame, own: pd.DataFrame, weight: float) -> pd.DataFrame:
    taken = own.assign(split="train", source=OWN + own["source"])
    rows = pd.concat([corpus, taken], ignore_index=True)[["split", *FACTS]]
    return rows.assign(weight=[1.0] * len(corpus) + [weight] * len(own))


def _folds_of(own: pd.DataFrame, place: Path) -> int:
    counts = own["label"].value_counts()
    if len(counts) < len(CLASSES) or counts.min() < LEAST:
        found = ", ".join(f"{count} {label}" for label, count in counts.items()) or "none"
        raise TrainingError(
            f"{place.name} needs at least {LEAST} images in human and {LEAST} in ai to say whether a refitted model is "
            f"better on them; besides images of the corpus it holds {found}: add more."
        )
    return min(FOLDS, int(counts.min()))


def _corpus_with(manifest: Manifest, own: pd.DataFrame) -> Corpus:
    lines = sorted(own["sha256"] + " " + own["label"])
    counts = own["label"].value_counts()
    corpus = corpus_of(manifest)
    return corpus.model_copy(
        update={
            "version": hashlib.sha256("\n".join([manifest.version, *lines]).encode()).hexdigest(),
            "train_human": corpus.train_human + int(counts["human"]),
            "train_ai": corpus.train_ai + int(counts["ai"]),
        }
    )


def _out_of_fold(recipe: HeadRecipe, together: Gathered, first: int, folds: int) -> NDArray[np.float32]:
    """Return the margin of each own image, those from row `first` on, by a head fitted without its fold."""
    rows = together.frame
    own = np.arange(first, len(rows))
    learnt = np.flatnonzero(rows["split"].iloc[:first] == "train")
    margins = np.empty(len(own), np.float32)
    splitter = StratifiedKFold(folds, shuffle=True, random_state=recipe.seed)
    for fitted, held_out in splitter.split(own, rows["label"].iloc[own]):
        pipeline = fit_on(recipe, together.clean, rows, np.concatenate([learnt, own[fitted]]), together.views)
        margins[held_out] = pipeline_margins(pipeline, together.clean[own[held_out]])
    return margins
