"""The figures of models as tables for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import pandas as pd

from core.detectors.card import Card, Group
from core.evaluation.metrics import METRICS
from core.evaluation.undefined import NotDefined
from core.evaluation.wilson import wilson

SPLIT_TITLES = {
    "val": "val: helped to choose the models, so it flatters",
    "test": "test: unseen images from the sources the model learned from",
    "ood": "ood: generators and human sources the model never saw",
}


class WithInterval(Protocol):
    """A figure with the ends of its 95 % interval."""

    @property
    def value(self) -> float:
        """The figure."""
        ...

    @property
    def low(self) -> float:
        """The lower end."""
        ...

    @property
    def high(self) -> float:
        """The upper end."""
        ...


def cell(interval: WithInterval | NotDefined | None) -> str:
    """Write a figure with its 95 % interval, or "not defined here"; None says that of a card without it.

    What rounds to zero has no sign.
    """
    if interval is None or isinstance(interval, NotDefined):
        return "not defined here"
    return f"{interval.value:z.3f} ({interval.low:z.3f} to {interval.high:z.3f})"


def figures_by_split(card: Card) -> pd.DataFrame:
    """Return the figures of one card: a row per figure, a column per split."""
    splits = [split for split in SPLIT_TITLES if split in card.splits]
    rows = {
        figure.title: {"better": figure.better}
        | {split: cell(card.splits[split].figures.get(name)) for split in splits}
        for name, figure in METRICS.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("figure")


def groups_of_split(card: Card, split: str, label: str) -> pd.DataFrame:
    """Return how a model does on each medium (`human`) or generator family (`ai`), the worst first.

    In brackets the 95 % interval of Wilson (Probable Inference, the Law of Succession, and Statistical
    Inference, 1927), which takes the works of a group as independent. A label without groups gives no rows.
    """
    groups = [group for group in card.splits[split].groups if group.label == label]
    return _groups(groups, "medium" if label == "human" else "generator")


def sources_of_split(card: Card, split: str) -> pd.DataFrame:
    """Return how a model does on the human works of each source, as `groups_of_split` does of each medium."""
    return _groups(card.splits[split].sources, "source")


def _groups(groups: Sequence[Group], kind: str) -> pd.DataFrame:
    other = "called human" if any(group.label == "ai" for group in groups) else "called ai"
    columns = [kind, "works", other, "inconclusive"]
    rows = [
        (group.name, group.images, _share(group.wrong, group.images), f"{group.inconclusive:.0%}")
        for group in sorted(groups, key=lambda group: -group.wrong)
    ]
    return pd.DataFrame(rows, columns=columns).set_index(kind)


def _share(share: float, works: int) -> str:
    """Write a share of `works` with its 95 % Wilson interval, all in per cent."""
    low, high = wilson(round(share * works), works)
    return f"{share:.0%} ({low * 100:.0f} to {high * 100:.0f})"
