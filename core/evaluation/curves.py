"""What the figures of a comparison are drawn from: long tables, the model first, ready for a plot and a CSV file.

A model or class on which something is not defined has no rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve, roc_curve

from core.corpus.manifest import LABELS, Manifest
from core.evaluation.bootstrap import Scores, Truth
from core.evaluation.metrics import AI, AT_THRESHOLDS, ECE_BINS, METRICS, value_of
from core.evaluation.model_names import told_apart
from core.evaluation.perturbations import CONDITIONS
from core.evaluation.rules import Cut, Rule, Rules, codes
from core.evaluation.selection import Joined, Selection, choices, load_called
from core.evaluation.undefined import NotDefined
from core.evaluation.wilson import wilson

HISTOGRAM_BINS = 20
CLEAN = "none"
"""The name of the condition in which nothing was done to the images."""


def roc(joined: Joined) -> pd.DataFrame:
    """Return the ROC curve: model, fpr, tpr, threshold.

    A work is called ai from `threshold` on; the first is infinite (nothing is called ai). Points on a straight
    line between others are left out.
    """
    truth = joined.truth
    columns = ("model", "fpr", "tpr", "threshold")
    if not _both(joined):
        return _frame([], columns)
    return _frame(
        (
            (model, *point)
            for model in joined.models
            for point in zip(*roc_curve(truth, joined.p_ai[model]), strict=True)
        ),
        columns,
    )


def precision_recall(joined: Joined) -> pd.DataFrame:
    """Return the precision-recall curve: model, recall, precision, threshold.

    A work is called ai from `threshold` on; the point of recall 0 has the threshold infinity.
    """
    columns = ("model", "recall", "precision", "threshold")
    if not joined.truth.any():
        return _frame([], columns)
    rows: list[tuple[Any, ...]] = []
    for model in joined.models:
        precision, recall, thresholds = precision_recall_curve(
            joined.truth, joined.p_ai[model], drop_intermediate=True
        )
        rows += zip([model] * len(recall), recall, precision, [*thresholds, np.inf], strict=True)
    return _frame(rows, columns)


def operating_points(joined: Joined, rules: Rules) -> pd.DataFrame:
    """Return where each edge of a model's rule lies on its curves: model, edge, threshold, fpr, tpr, precision.

    `edge` is `cut`, or `human_below` and `ai_above` of a band. At the edge `human_below` all that is not called
    human counts as called ai. `precision` is missing where nothing is called ai.
    """
    columns = ("model", "edge", "threshold", "fpr", "tpr", "precision")
    if not _both(joined):
        return _frame([], columns)
    truth, rows = joined.truth, []
    for model in joined.models:
        p_ai = joined.p_ai[model].to_numpy()
        for edge, threshold, called_ai in _edges(p_ai, rules[model]):
            found, accused = int((called_ai & truth).sum()), int((called_ai & ~truth).sum())
            precision = found / (found + accused) if found + accused else None
            rows.append((model, edge, threshold, accused / (~truth).sum(), found / truth.sum(), precision))
    return _frame(rows, columns)


def reliability(joined: Joined, bins: int = ECE_BINS) -> pd.DataFrame:
    """Return the reliability diagram over bins of equal mass: model, bin, images, p_ai, share_ai, low, high.

    Bins are those of `expected_calibration_error`, from the lowest `p_ai` (0) on; `p_ai` is the mean of a bin,
    `share_ai` the share of ai works in it, with its 95 % Wilson interval `low` to `high` (images independent). A bin that
    ends among works of the same probability gets of each class what all of these have.
    """
    rows = []
    for model in joined.models:
        p_ai = joined.p_ai[model].to_numpy()
        truth = pd.Series(joined.truth.astype(float)).groupby(p_ai).transform("mean").to_numpy()
        parts = np.array_split(np.argsort(p_ai, kind="stable"), bins)
        for number, part in enumerate(part for part in parts if len(part)):
            rows.append((model, number, len(part), p_ai[part].mean(), truth[part].mean()))
    return _with_interval(_frame(rows, ("model", "bin", "images", "p_ai", "share_ai")), "share_ai")


def histograms(joined: Joined, bins: int = HISTOGRAM_BINS) -> pd.DataFrame:
    """Return how `p_ai` is spread in each class: model, label, low, high, images, share (of the class).

    Bins are of equal width; each holds its lower edge, the last also 1.
    """
    edges = np.linspace(0, 1, bins + 1)
    rows = []
    for model in joined.models:
        for label, of_class in zip(LABELS, (~joined.truth, joined.truth), strict=True):
            if of_class.any():
                counts = np.histogram(joined.p_ai[model][of_class], edges)[0]
                rows += [
                    (model, label, low, high, int(count), count / of_class.sum())
                    for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
                ]
    return _frame(rows, ("model", "label", "low", "high", "images", "share"))


def recall_by_family(joined: Joined, rules: Rules) -> pd.DataFrame:
    """Return the share of each generator family called ai: model, family, images, share, low, high.

    `low` to `high` is the 95 % Wilson interval (images independent).
    """
    return _called_ai(joined, rules, "ai", "family")


def false_positives_by_medium(joined: Joined, rules: Rules) -> pd.DataFrame:
    """Return the share of human works in each medium called ai: model, medium, images, share, low, high.

    `low` to `high` is the 95 % Wilson interval (images independent).
    """
    return _called_ai(joined, rules, "human", "medium")


def after_each(models: Sequence[str], selection: Selection, corpus: Path | Manifest) -> dict[str, Joined]:
    """Read what models said of the selected images after each condition that some were measured under.

    The condition `CLEAN` comes first, with all models; each other has the models that were measured under it.
    Whatever condition `selection` names is passed over.

    Raises what `core.evaluation.selection.load` raises.
    """
    every = told_apart(models)
    under = {called: choices([model], corpus, selection.split).conditions for called, model in every.items()}
    after = {CLEAN: load_called(every, replace(selection, condition=""), corpus)}
    for condition in CONDITIONS:
        if measured := {called: model for called, model in every.items() if condition in under[called]}:
            after[condition] = load_called(measured, replace(selection, condition=condition), corpus)
    return after


def robustness_of(after: Mapping[str, Joined], rules: Rules) -> pd.DataFrame:
    """Return figures from what models said after each condition, see `after_each`: model, condition, figure, value.

    Figures are those of `METRICS` and `AT_THRESHOLDS`, as far as they are defined.
    """
    rows = []
    for condition, joined in after.items():
        for model in joined.models:
            p_ai = joined.p_ai[model].to_numpy()
            for figure in (*METRICS.values(), *AT_THRESHOLDS.values()):
                value = value_of(figure, joined.truth, p_ai, rules[model])
                if not isinstance(value, NotDefined):
                    rows.append((model, condition, figure.name, value))
    return _frame(rows, ("model", "condition", "figure", "value"))


def _called_ai(joined: Joined, rules: Rules, label: str, column: str) -> pd.DataFrame:
    of_label = joined.images["label"] == label
    names = joined.images[column][of_label].to_numpy()
    rows = []
    for model in joined.models:
        called_ai = codes(joined.p_ai[model][of_label].to_numpy(), rules[model]) == AI
        for name in sorted(set(names) - {""}):
            of_name = called_ai[names == name]
            rows.append((model, name, len(of_name), of_name.mean()))
    return _with_interval(_frame(rows, ("model", column, "images", "share")), "share")


def _with_interval(frame: pd.DataFrame, share: str) -> pd.DataFrame:
    """Add the 95 % interval of Wilson (1927) of a share of `images`: `low` and `high`."""
    if frame.empty:
        return frame.assign(low=[], high=[])
    counts = (frame[share] * frame["images"]).round().astype(int)
    low, high = zip(*map(wilson, counts, frame["images"]), strict=True)
    return frame.assign(low=low, high=high)


def _edges(p_ai: Scores, rule: Rule) -> list[tuple[str, float, Truth]]:
    if isinstance(rule, Cut):
        return [("cut", rule.at, p_ai > rule.at)]
    return [
        ("human_below", rule.human_below, p_ai >= rule.human_below),
        ("ai_above", rule.ai_above, p_ai > rule.ai_above),
    ]


def _both(joined: Joined) -> bool:
    return bool(joined.truth.any() and not joined.truth.all())


def _frame(rows: Iterable[tuple[Any, ...]], columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(columns))
