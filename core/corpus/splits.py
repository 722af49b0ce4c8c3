"""Deals the images of a new corpus to train, val and test, and holds whole families and sources out as ood.

Images that belong together stay together: a group is everything linked by a source, a prompt or a resemblance
(`duplicates.NEAR`), and a group is never divided.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.corpus import duplicates
from core.corpus.manifest import COLUMNS, LABELS, SPLITS
from core.errors import CorpusError

SCHEMES: Mapping[str, Mapping[str, float]] = {
    "70-15-15": {"train": 0.70, "val": 0.15, "test": 0.15},
    "70-30": {"train": 0.70, "test": 0.30},
}
"""Shares of a corpus by name; `70-30` is the student project's, which had no validation images."""

TOLERANCE = 0.05
GROUPED_BY = ("source", "prompt")


@dataclass(frozen=True)
class Plan:
    """How to split a corpus.

    Args:
        shares: the share of each split, adding up to 1; `SCHEMES` names the usual ones.
        seed: of the order in which groups of equal size are dealt.
        grouped_by: the columns whose equal, non-empty values bind images together, besides resemblance.
        held_out_families: generator families that go to `ood`.
        held_out_sources: sources that go to `ood`.
        tolerance: how far the share of a label's images in a split may end up from the plan.
    """

    shares: Mapping[str, float]
    seed: int = 0
    grouped_by: Sequence[str] = GROUPED_BY
    held_out_families: Collection[str] = ()
    held_out_sources: Collection[str] = ()
    tolerance: float = TOLERANCE

    def __post_init__(self) -> None:
        wrong = [name for name in self.shares if name not in SPLITS or name == "ood"]
        if wrong or not np.isclose(sum(self.shares.values()), 1) or min(self.shares.values()) <= 0:
            raise CorpusError(
                f"Expected shares above 0 of train, val and test that add up to 1, found {dict(self.shares)}."
            )
        if unknown := [name for name in self.grouped_by if name not in COLUMNS]:
            raise CorpusError(
                f"Cannot group by {unknown[0]}: expected columns of a manifest ({', '.join(COLUMNS)})."
            )


def groups(
    frame: pd.DataFrame, hashes: duplicates.Hashes, grouped_by: Sequence[str] = GROUPED_BY
) -> NDArray[np.int32]:
    """The group of every row: int32 `[N]`.

    Args:
        frame: rows of a manifest, `[N]`.
        hashes: their perceptual hashes, uint64 `[N]`.
        grouped_by: the columns that bind rows together.
    """
    links = [duplicates.near_pairs(hashes)[0]]
    for column in grouped_by:
        values = frame[column].to_numpy()
        named = np.flatnonzero(values != "")
        _, first, inverse = np.unique(values[named].astype(str), return_index=True, return_inverse=True)
        links.append(np.stack([named, named[first][inverse]], axis=1))
    return duplicates.connected(len(frame), np.concatenate(links))


def assign(frame: pd.DataFrame, hashes: duplicates.Hashes, plan: Plan) -> pd.Series:
    """The split of every row, the same for the same rows, plan and seed in whatever order the rows come.

    In this order: a group that holds an image of a held-out family or source goes to `ood` whole. Rows that
    have a split keep it, and rows bound to them by group get it too (the most frequent one, if there are
    several). All other groups are dealt, the largest first, each to the split that is then furthest below
    its share of the labels at hand (the greedy rule of scikit-learn's StratifiedGroupKFold, for unequal
    shares); the shares are those of the rows so dealt.

    Args:
        frame: rows of a manifest, `[N]`; an empty `split` is to be filled.
        hashes: their perceptual hashes, uint64 `[N]`.
        plan: the shares, the seed and what is held out.

    Returns:
        One of `SPLITS` per row, on the index of `frame`.

    Raises:
        CorpusError: a held-out name occurs nowhere, the groups are too large for the shares asked for, or
            train would lack images of a label.
    """
    for column, names in (("family", plan.held_out_families), ("source", plan.held_out_sources)):
        _expect_known(frame, column, names)
    group = groups(frame, hashes, plan.grouped_by)
    split = frame["split"].to_numpy(object)
    held_out = frame["family"].isin(list(plan.held_out_families))
    held_out = held_out | frame["source"].isin(list(plan.held_out_sources))
    split[np.isin(group, group[held_out.to_numpy(bool)])] = "ood"
    kept = _kept(group, split)
    split = np.array([own or kept.get(number, "") for own, number in zip(split, group, strict=True)], object)
    free = split == ""
    labels = np.stack([frame["label"] == label for label in LABELS], axis=1)
    choice = _deal(frame["sha256"].to_numpy(str)[free], labels[free], group[free], plan)
    split[free] = np.array(list(plan.shares), object)[choice]
    _expect_both_labels(labels, split)
    _expect_shares(labels[free], choice, group[free], plan)
    return pd.Series(split, index=frame.index, dtype="str", name="split")


def _kept(group: NDArray[np.int32], split: NDArray[np.object_]) -> dict[int, str]:
    """The split that the rows of a group have most, for groups of which some row has one."""
    having = pd.DataFrame({"group": group, "split": split})[split != ""]
    counts = having.groupby(["group", "split"]).size().sort_values(ascending=False, kind="stable")
    return dict(reversed(list(counts.index)))


def _deal(
    sha256: NDArray[np.str_], labels: NDArray[np.bool_], group: NDArray[np.int32], plan: Plan
) -> NDArray[np.intp]:
    """The index among the plan's shares of every row: intp `[N]`."""
    planned = np.array(list(plan.shares.values()))[:, None]
    of_label = np.maximum(labels.sum(axis=0), 1)
    filled = np.zeros((len(planned), len(LABELS)))
    choice = np.empty(len(group), np.intp)
    bound = [np.flatnonzero(group == number) for number in np.unique(group)]
    for rows in sorted(bound, key=lambda rows: _turn(sha256[rows], plan.seed)):
        added = labels[rows].sum(axis=0) / of_label
        cost = ((filled + added - planned) ** 2 - (filled - planned) ** 2) / planned
        best = int(cost.sum(axis=1).argmin())
        filled[best] += added
        choice[rows] = best
    return choice


def _turn(sha256: NDArray[np.str_], seed: int) -> tuple[int, str]:
    """When a group is dealt: by size, to the power of two, the largest first; then as the seed draws it."""
    return -len(sha256).bit_length(), hashlib.sha256(f"{seed} {min(sha256)}".encode()).hexdigest()


def _expect_known(frame: pd.DataFrame, column: str, names: Collection[str]) -> None:
    if unknown := sorted(set(names) - set(frame[column])):
        known = ", ".join(sorted(set(frame[column]) - {""})) or "none"
        raise CorpusError(
            f"Cannot hold out the {column} {unknown[0]}: no image has it. The corpus has {known}."
        )


def _expect_both_labels(labels: NDArray[np.bool_], split: NDArray[np.object_]) -> None:
    for column, label in enumerate(LABELS):
        if not labels[split == "train", column].any():
            raise CorpusError(
                f"Split train would hold no {label} image, and nothing could be learnt from it: add images of "
                f"{label}, hold out less, or group by fewer columns."
            )


def _expect_shares(
    labels: NDArray[np.bool_], choice: NDArray[np.intp], group: NDArray[np.int32], plan: Plan
) -> None:
    for column, label in enumerate(LABELS):
        of_label = labels[:, column]
        if not of_label.any():
            continue
        allowed = max(plan.tolerance, 1 / of_label.sum())
        for number, (name, planned) in enumerate(plan.shares.items()):
            found = (choice[of_label] == number).mean()
            if abs(found - planned) > allowed:
                largest = int(np.bincount(group[of_label]).max())
                raise CorpusError(
                    f"Split {name} would hold {found:.0%} of the {label} images, expected {planned:.0%} "
                    f"(+- {allowed:.0%}): the largest group binds {largest} of {of_label.sum()} together. "
                    f"Group by fewer columns than {', '.join(plan.grouped_by) or 'none'}, or allow a larger "
                    "tolerance."
                )
