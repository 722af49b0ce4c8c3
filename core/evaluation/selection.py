"""Which images models are compared on, and what each model said of them, joined into one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from core.corpus import manifest as manifests
from core.corpus.manifest import Manifest
from core.detectors.card import Card, read_card
from core.detectors.store import find_model, load_card
from core.errors import EvaluationError, SelectionError
from core.evaluation.bootstrap import Truth
from core.evaluation.measured import expect_current
from core.evaluation.model_names import told_apart
from core.evaluation.perturbations import CONDITIONS, chosen
from core.evaluation.predictions import REPORTED_SPLITS, read_predictions
from core.evaluation.remedies import how_to_evaluate
from core.evaluation.robustness import PERTURBED_SPLITS, current_columns
from core.evaluation.tables import SPLIT_TITLES

FACTS = ("sha256", "label", "generator", "family", "medium", "source")
NOT_STATED = "not stated"
"""How a medium is called that the manifest leaves empty."""


@dataclass(frozen=True)
class Selection:
    """Images to compare on; an empty field narrows nothing.

    `family` narrows the ai works and leaves the human ones as the other class; `medium` narrows the human
    works and leaves the ai ones; `source` keeps the images of one source, mostly of one class; `condition`
    names the perturbation the models were measured under, a column of `robustness.csv`.
    """

    split: str = "ood"
    family: str = ""
    medium: str = ""
    source: str = ""
    condition: str = ""

    @property
    def short(self) -> str:
        """A few words for a sentence, such as "ood (ai works of flux, after JPEG quality 50)"."""
        narrowed = [
            f"ai works of {self.family}" if self.family else "",
            f"human works in {self.medium}" if self.medium else "",
            f"source {self.source}" if self.source else "",
            f"after {_condition_title(self.condition)}" if self.condition else "",
        ]
        shown = ", ".join(part for part in narrowed if part)
        return f"{self.split} ({shown})" if shown else self.split


@dataclass(frozen=True)
class Choices:
    """What a split offers to choose from, in alphabetical order; conditions are those all models have."""

    splits: tuple[str, ...]
    families: tuple[str, ...]
    media: tuple[str, ...]
    sources: tuple[str, ...]
    conditions: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Joined:
    """The same images judged by several models.

    `images` has a RangeIndex and the columns `FACTS` (text; `medium` of a human work is never empty), an own
    set also `path`; `p_ai` has the same index and a float64 column per model, in the order asked for. `title`
    says in full which images these are, `short` in a few words.
    """

    title: str
    short: str
    images: pd.DataFrame
    p_ai: pd.DataFrame

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the models."""
        return tuple(self.p_ai.columns)

    @cached_property
    def truth(self) -> Truth:
        """Is it ai, `[N]`."""
        return (self.images["label"] == "ai").to_numpy(dtype=bool)


def choices(models: Sequence[str], corpus: Path | Manifest, split: str) -> Choices:
    """List what can be chosen for these models in a split of a manifest, or of the one in a file.

    Raises:
        ManifestError: if the manifest cannot be read.
        ModelError: if there is no such model.
        SelectionError: if the split is none of `REPORTED_SPLITS`.
    """
    listed = _opened(corpus)
    rows = _of_split(listed.frame, split)
    measured = [
        set(current_columns(find_model(model), load_card(model), listed.path).columns) for model in models
    ]
    return Choices(
        splits=REPORTED_SPLITS,
        families=_names(rows["family"][rows["label"] == "ai"]),
        media=_names(rows["medium"][rows["label"] == "human"]),
        sources=_names(rows["source"]),
        conditions=tuple(
            name
            for name in CONDITIONS
            if split in PERTURBED_SPLITS and measured and all(name in has for has in measured)
        ),
    )


def load(models: Sequence[str], selection: Selection, corpus: Path | Manifest) -> Joined:
    """Read what models said of the selected images, each called as `told_apart` calls it.

    Args:
        models: names or folders of models.
        selection: the images.
        corpus: the manifest that the models were evaluated on, or its file.

    Raises:
        UnknownModelError: if there is no such model.
        ManifestError: if the manifest cannot be read.
        EvaluationError: if a model lacks images or has others; a `SelectionError` if one is named twice, or nothing fits
            the selection.
    """
    return load_called(told_apart(models), selection, corpus)


def load_called(models: Mapping[str, str], selection: Selection, corpus: Path | Manifest) -> Joined:
    """Read what models said of the selected images; `models` are names or folders, by what each is to be called.

    Raises:
        VersoError: as `load`.
    """
    manifest = _opened(corpus)
    folders = {called: find_model(model) for called, model in models.items()}
    said = {
        called: _said(folder, read_card(folder), selection, manifest.path)
        for called, folder in folders.items()
    }
    remedies = {
        called: how_to_evaluate(folder, corpus=manifest.path, condition=selection.condition)
        for called, folder in folders.items()
    }
    return join(said, selection, manifest.frame, remedies)


def join(
    said: Mapping[str, pd.DataFrame],
    selection: Selection,
    manifest: pd.DataFrame,
    remedies: Mapping[str, str],
) -> Joined:
    """Join what models said of the selected images.

    Args:
        said: of each model, rows of `predictions.csv` (only `sha256`, `split`, `label`, `p_ai` are used).
        selection: the images.
        manifest: the rows of the manifest; it says which images belong to the split, and all facts.
        remedies: of each model, the command that judges the images anew.

    Raises:
        EvaluationError: as `load`.
    """
    rows = _of_split(manifest, selection.split)
    columns = {name: _aligned(name, frame, rows, selection, remedies[name]) for name, frame in said.items()}
    kept = _narrowed(rows, selection)
    return Joined(
        title=_title(selection, kept),
        short=selection.short,
        images=kept[list(FACTS)].reset_index(drop=True),
        p_ai=pd.DataFrame({name: column[kept.index] for name, column in columns.items()}).reset_index(
            drop=True
        ),
    )


def _opened(corpus: Path | Manifest) -> Manifest:
    return corpus if isinstance(corpus, Manifest) else manifests.read(corpus)


def _said(folder: Path, card: Card, selection: Selection, corpus: Path) -> pd.DataFrame:
    frame = read_predictions(folder, corpus)
    if selection.condition and selection.split not in PERTURBED_SPLITS:
        raise EvaluationError(
            f"What models say after '{selection.condition}' is measured on {' and '.join(PERTURBED_SPLITS)} alone: choose one "
            f"of these instead of {selection.split}."
        )
    expect_current(card, folder, corpus)
    if not selection.condition:
        return frame
    chosen([selection.condition])
    measured = current_columns(folder, card, corpus)
    if selection.condition not in measured:
        has = ", ".join(measured.columns) or "none"
        raise EvaluationError(
            f"Model '{card.name}' was not measured after '{selection.condition}' (measured: {has}); run "
            f"`{how_to_evaluate(folder, corpus=corpus, condition=selection.condition)}`."
        )
    after = frame["sha256"].map(measured[selection.condition])
    return frame.assign(p_ai=after)[after.notna()]


def _of_split(manifest: pd.DataFrame, split: str) -> pd.DataFrame:
    if split not in REPORTED_SPLITS:
        raise SelectionError(
            f"There is no split '{split}' to compare on; choose {', '.join(REPORTED_SPLITS)}."
        )
    rows = manifest[manifest["split"] == split].set_index("sha256", drop=False)
    unstated = (rows["label"] == "human") & (rows["medium"] == "")
    return rows.assign(medium=rows["medium"].mask(unstated, NOT_STATED))


def _aligned(
    model: str, frame: pd.DataFrame, rows: pd.DataFrame, selection: Selection, command: str
) -> pd.Series:
    """Return a model's `p_ai` of every image of the split, by sha256."""
    of_split = frame[frame["split"] == selection.split].set_index("sha256")
    remedy = f"run `{command}`"
    missing = rows.index.difference(of_split.index, sort=False)
    if len(missing):
        raise EvaluationError(
            f"Model '{model}' lacks {len(missing)} of the {len(rows)} images of {selection.short} (the first is "
            f"{missing[0]}), so it cannot be compared on the same images; {remedy}."
        )
    foreign = of_split.index.difference(rows.index, sort=False)
    if len(foreign):
        raise EvaluationError(
            f"Model '{model}' was evaluated on {len(foreign)} images that are not in {selection.split} of this "
            f"manifest (the first is {foreign[0]}); {remedy}, or name its manifest with --corpus."
        )
    of_split = of_split.loc[rows.index]
    relabelled = of_split["label"] != rows["label"]
    if relabelled.any():
        raise EvaluationError(
            f"Model '{model}' was evaluated with another label for {int(relabelled.sum())} images of "
            f"{selection.split} (the first is {relabelled.idxmax()}); {remedy}."
        )
    return of_split["p_ai"].astype("float64")


def _narrowed(rows: pd.DataFrame, selection: Selection) -> pd.DataFrame:
    is_ai = rows["label"] == "ai"
    for column, wanted, within in (
        ("family", selection.family, is_ai),
        ("medium", selection.medium, ~is_ai),
        ("source", selection.source, is_ai | ~is_ai),
    ):
        if wanted and wanted not in set(rows[column][within]):
            known = ", ".join(_names(rows[column][within])) or "none"
            raise SelectionError(
                f"There is no {column} '{wanted}' in {selection.split}; there are {known}."
                if column != "source"
                else f"No image of {selection.split} comes from source '{wanted}'; choose one of the manifest's."
            )
    keep = pd.Series(data=True, index=rows.index)
    if selection.family:
        keep &= ~is_ai | (rows["family"] == selection.family)
    if selection.medium:
        keep &= is_ai | (rows["medium"] == selection.medium)
    if selection.source:
        keep &= rows["source"] == selection.source
    if not keep.any():
        raise SelectionError(f"No image fits {selection.short}; widen the selection.")
    return rows[keep]


def _title(selection: Selection, kept: pd.DataFrame) -> str:
    parts = [SPLIT_TITLES[selection.split]]
    if selection.family:
        parts.append(f"of the ai works only those of {selection.family}")
    if selection.medium:
        parts.append(f"of the human works only those in {selection.medium}")
    if selection.source:
        parts.append(f"only from {selection.source}")
    if selection.condition:
        parts.append(f"after {_condition_title(selection.condition)}")
    human = int((kept["label"] == "human").sum())
    return f"{'; '.join(parts)} ({human} human, {len(kept) - human} AI)"


def _condition_title(name: str) -> str:
    return CONDITIONS[name].title if name in CONDITIONS else name


def _names(values: pd.Series) -> tuple[str, ...]:
    return tuple(sorted(set(values) - {""}))
