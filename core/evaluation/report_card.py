"""Puts a model's figures and known failures on its card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pandas as pd

from core.corpus.manifest import Manifest
from core.corpus.stats import NOT_STATED
from core.detectors.card import Group, SplitFigures, read_card, write_card
from core.evaluation.failures import known_failures
from core.evaluation.metrics import figures_with_intervals
from core.evaluation.perturbations import ALL
from core.evaluation.predictions import REPORTED_SPLITS, read_predictions
from core.evaluation.remedies import how_to_evaluate
from core.evaluation.robustness import PERTURBED_SPLITS, current_columns, robustness_figures
from core.verdict import Label, Thresholds

GROUPED_BY: dict[Literal["human", "ai"], str] = {"human": "medium", "ai": "family"}


def refresh_card(folder: Path, manifest: Manifest) -> None:
    """Recompute every figure of a model's card from its `predictions.csv` and `robustness.csv`.

    Robustness that was measured with other weights is left out. `manifest` says of which medium or generator
    family each image is.

    Raises:
        EvaluationError: if one of the files cannot be read, or they cover different images.
    """
    card = read_card(folder)
    command = how_to_evaluate(folder, corpus=manifest.path, condition=ALL)
    perturbed = current_columns(folder, card, manifest.path)
    known = manifest.frame[["sha256", *GROUPED_BY.values()]]
    predictions = read_predictions(folder, manifest.path).merge(
        known, on="sha256", how="left", validate="one_to_one"
    )
    splits = {}
    for split in REPORTED_SPLITS:
        part = predictions[predictions["split"] == split]
        if part.empty:
            continue
        splits[split] = SplitFigures(
            human=int((part["label"] == "human").sum()),
            ai=int((part["label"] == "ai").sum()),
            figures=figures_with_intervals(part, card.rule),
            groups=tuple(_groups(part, card.rule, GROUPED_BY)),
            sources=tuple(_groups(part, card.rule, {"human": "source"})),
            robustness=robustness_figures(part, perturbed, card.rule, command)
            if split in PERTURBED_SPLITS
            else {},
        )
    update = {"splits": splits, "known_failures": known_failures(predictions, card.rule)}
    write_card(card.model_copy(update=update), folder)


def _groups(
    part: pd.DataFrame, band: Thresholds, grouped_by: Mapping[Literal["human", "ai"], str]
) -> list[Group]:
    """Return the groups of each label, those with the largest share of errors first."""
    verdicts = part["p_ai"].map(band.label)
    found = []
    for label, column in grouped_by.items():
        of_label = part[part["label"] == label]
        for name, rows in of_label.groupby(of_label[column].replace("", NOT_STATED)):
            said = verdicts[rows.index]
            undecided = said == Label.INCONCLUSIVE
            found.append(
                Group(
                    label=label,
                    name=str(name),
                    images=len(rows),
                    wrong=round(float((~undecided & (said != label)).mean()), 4),
                    inconclusive=round(float(undecided.mean()), 4),
                )
            )
    return sorted(found, key=lambda group: (group.label, -group.wrong, group.name))
