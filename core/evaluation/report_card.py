"""Puts a model's figures on its card."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pandas as pd

from core.corpus.manifest import Manifest
from core.detectors.card import Group, SplitFigures, read_card, write_card
from core.evaluation.metrics import figures_with_intervals
from core.evaluation.predictions import REPORTED_SPLITS, read_predictions
from core.verdict import Label, Thresholds

GROUPED_BY: dict[Literal["human", "ai"], str] = {"human": "medium", "ai": "family"}
NOT_STATED = "not stated"


def refresh_card(folder: Path, manifest: Manifest) -> None:
    """Recompute every figure of a model's card from its `predictions.csv`.

    `manifest` says of which medium or generator family each image is.
    """
    card = read_card(folder)
    known = manifest.frame[["sha256", *GROUPED_BY.values()]]
    predictions = read_predictions(folder).merge(known, on="sha256", how="left", validate="one_to_one")
    splits = {}
    for split in REPORTED_SPLITS:
        part = predictions[predictions["split"] == split]
        if part.empty:
            continue
        splits[split] = SplitFigures(
            human=int((part["label"] == "human").sum()),
            ai=int((part["label"] == "ai").sum()),
            figures=figures_with_intervals(part, card.band),
            groups=tuple(_groups(part, card.band)),
        )
    write_card(card.model_copy(update={"splits": splits}), folder)


def _groups(part: pd.DataFrame, band: Thresholds) -> list[Group]:
    """Return the groups of each label, those with the largest share of errors first."""
    verdicts = part["p_ai"].map(band.label)
    found = []
    for label, column in GROUPED_BY.items():
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
