"""Confusion matrices at any thresholds: rows true, columns said, order human, ai, inconclusive."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from core.corpus.manifest import LABELS
from core.errors import EvaluationError
from core.evaluation.metrics import cells
from core.evaluation.rules import VERDICTS, Rule, Rules, codes, words
from core.evaluation.selection import Joined
from core.evaluation.undefined import NotDefined


@dataclass(frozen=True, eq=False)
class Confusion:
    """How often a model says what of which works.

    Both frames have the index `human`, `ai` (true) and the columns `human`, `ai` and, where a rule leaves
    images undecided, `inconclusive` (said). `counts` is int64; `rates` holds shares of the row, float in
    [0, 1], or `NotDefined` in a row without works.
    """

    counts: pd.DataFrame
    rates: pd.DataFrame


def confusion(joined: Joined, rules: Rules) -> dict[str, Confusion]:
    """Count verdicts by true label, for each model of `joined` at its rule; all have the same columns."""
    said = words({model: rules[model] for model in joined.models})
    truth = joined.truth
    matrices = {}
    for model in joined.models:
        counted = cells(truth, joined.p_ai[model].to_numpy(), rules[model])[:, : len(said)]
        counts = pd.DataFrame(
            counted, index=pd.Index(LABELS, name="true"), columns=pd.Index(said, name="said")
        )
        matrices[model] = Confusion(counts, _rates(counts))
    return matrices


def _rates(counts: pd.DataFrame) -> pd.DataFrame:
    rates = {
        label: [count / row.sum() for count in row]
        if row.sum()
        else [NotDefined(f"There are no {label} works here.")] * len(row)
        for label, row in counts.iterrows()
    }
    return pd.DataFrame.from_dict(rates, orient="index", columns=counts.columns, dtype=object).rename_axis(
        "true"
    )


def cell_images(joined: Joined, model: str, rule: Rule, true: str, said: str) -> pd.DataFrame:
    """List the images in one cell, the most confident first: the columns of `joined.images` and `p_ai`.

    Confidence is how near `p_ai` is to what was said; in the inconclusive column, the distance from 0.5.
    Images of equal confidence stand in the order of their sha256.

    Raises:
        EvaluationError: if there is no such cell.
    """
    if true not in LABELS or said not in VERDICTS:
        raise EvaluationError(
            f"There is no cell of works that are '{true}' and called '{said}'; rows are {', '.join(LABELS)}, columns "
            f"{', '.join(VERDICTS)}."
        )
    p_ai = joined.p_ai[model]
    here = (joined.images["label"] == true) & (codes(p_ai.to_numpy(), rule) == VERDICTS.index(said))
    confidence = {"human": 1 - p_ai, "ai": p_ai}.get(said, (p_ai - 0.5).abs())
    listed = joined.images.assign(p_ai=p_ai, confidence=confidence)[here]
    ordered: pd.DataFrame = listed.sort_values(
        ["confidence", "sha256"], ascending=[False, True], ignore_index=True
    )
    return ordered.drop(columns="confidence")
