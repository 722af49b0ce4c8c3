"""Everything the same images say of several models: figures with intervals, and every pair tested."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from core.detectors.card import Interval
from core.evaluation.bootstrap import ROUNDS, Draws, Values
from core.evaluation.metrics import AT_THRESHOLDS, EVEN_ODDS, METRICS, Metric, value_of
from core.evaluation.paired import (
    SIGNIFICANT,
    AucDifference,
    McNemar,
    Pair,
    Part,
    auc_differences,
    difference_p,
    holm,
    mcnemar,
    only_first_right,
)
from core.evaluation.rules import Rule, Rules, codes
from core.evaluation.selection import Joined
from core.evaluation.undefined import NotDefined
from core.evaluation.wording import sentence

PARTED_BY = {"human": "medium", "ai": "family"}
KEPT = 16
"""So many thresholds' figures and tests are kept: coming back to a threshold costs nothing."""
_AT_ONE: Final = threading.Lock()


@dataclass(frozen=True, eq=False)
class FigureRow:
    """One figure of every model. `best` names a model only if the paired test tells it from every other one.

    That test is the bootstrap test of `core.evaluation.paired` on this figure, corrected by Holm's method over
    all pairs of models in the row.
    """

    name: str
    title: str
    better: str
    by_model: dict[str, Interval | NotDefined]
    best: str | None


@dataclass(frozen=True, eq=False)
class _Measured:
    """The value and the draws of a figure for one model."""

    value: float
    drawn: Values
    interval: Interval


class Comparison:
    """Several models on the same images; what no threshold changes is computed once and kept.

    Args:
        joined: the images and what the models said of them.
        rounds: bootstrap draws, the same for all models and figures.
        seed: of the draws.
    """

    def __init__(self, joined: Joined, *, rounds: int = ROUNDS, seed: int = 0) -> None:
        self.joined = joined
        self._truth = joined.truth
        self._p_ai = {model: joined.p_ai[model].to_numpy(dtype=np.float64) for model in joined.models}
        self._draws = Draws.of(self._truth, joined.images["source"], rounds, seed)
        self._figures_at = lru_cache(KEPT)(self._rows)
        self._pairs_at = lru_cache(KEPT)(self._tests)

    def figures(self, rules: Rules) -> tuple[FigureRow, ...]:
        """Return the figures of `METRICS` and `AT_THRESHOLDS` at the rule of each model."""
        return self._figures_at(self._in_order(rules))

    def pairs(self, rules: Rules) -> tuple[Pair, ...]:
        """Test every pair of models, in the order of the models, at the rule of each."""
        return self._pairs_at(self._in_order(rules))

    def sentences(self, rules: Rules) -> tuple[str, ...]:
        """Say of every pair in plain words which model is better and where they cannot be told apart."""
        return tuple(sentence(pair, self.joined.short) for pair in self.pairs(rules))

    def _in_order(self, rules: Rules) -> tuple[Rule, ...]:
        return tuple(rules[model] for model in self.joined.models)

    def _rows(self, ordered: tuple[Rule, ...]) -> tuple[FigureRow, ...]:
        rules = dict(zip(self.joined.models, ordered, strict=True))
        with _one_thread():
            rows = []
            for figure in (*METRICS.values(), *AT_THRESHOLDS.values()):
                if figure.follows_rule:
                    rows.append(self._row(figure, rules))
                else:
                    rows.append(self._fixed_rows[figure.name])
            return tuple(rows)

    def _tests(self, ordered: tuple[Rule, ...]) -> tuple[Pair, ...]:
        right = np.array(
            [self._right(model, rule) for model, rule in zip(self.joined.models, ordered, strict=True)]
        )
        first, second = np.triu_indices(len(right), 1)
        with _one_thread():
            differences = self._auc_differences
            of_all = only_first_right(right)
            of_parts = [only_first_right(right[:, rows]) for _, _, rows in self._parts]
        overall = mcnemar(of_all[first, second], of_all[second, first])
        tests = iter(
            mcnemar(
                np.array([counts[first, second] for counts in of_parts]).T.ravel(),
                np.array([counts[second, first] for counts in of_parts]).T.ravel(),
            )
        )
        return tuple(
            Pair(
                *pair,
                difference,
                test,
                tuple(Part(label, name, len(rows), next(tests)) for label, name, rows in self._parts),
            )
            for pair, difference, test in zip(
                combinations(self.joined.models, 2), differences, overall, strict=True
            )
        )

    def _right(self, model: str, rule: Rule) -> NDArray[np.bool_]:
        right: NDArray[np.bool_] = codes(self._p_ai[model], rule) == self._truth
        return right

    @cached_property
    def _parts(self) -> list[tuple[str, str, NDArray[np.intp]]]:
        """Label, name and rows of each medium of human works and each family of ai works."""
        images = self.joined.images
        return [
            (label, str(name), rows.to_numpy())
            for label, column in PARTED_BY.items()
            for name, rows in images[(images["label"] == label) & (images[column] != "")]
            .groupby(column)
            .groups.items()
        ]

    @cached_property
    def _fixed_rows(self) -> dict[str, FigureRow]:
        unused = dict.fromkeys(self.joined.models, EVEN_ODDS)
        return {
            name: self._row(figure, unused) for name, figure in METRICS.items() if not figure.follows_rule
        }

    @cached_property
    def _auc(self) -> dict[str, _Measured | NotDefined]:
        return {model: self._measure(METRICS["auc"], model, EVEN_ODDS) for model in self.joined.models}

    @cached_property
    def _auc_differences(self) -> list[AucDifference | NotDefined]:
        measured = list(self._auc.values())
        defined = [each for each in measured if isinstance(each, _Measured)]
        if len(defined) < len(measured):
            undefined = next(each for each in measured if isinstance(each, NotDefined))
            return [undefined for _ in combinations(measured, 2)]
        return auc_differences([each.value for each in defined], np.array([each.drawn for each in defined]))

    def _measure(self, figure: Metric, model: str, rule: Rule) -> _Measured | NotDefined:
        p_ai = self._p_ai[model]
        value = value_of(figure, self._truth, p_ai, rule)
        if isinstance(value, NotDefined):
            return value
        drawn = figure.draw(self._draws, self._truth, p_ai, rule)
        return _Measured(value, drawn, figure.interval(value, drawn, self._truth, p_ai, rule))

    def _row(self, figure: Metric, rules: Rules) -> FigureRow:
        measured = (
            self._auc
            if figure.name == "auc"
            else {model: self._measure(figure, model, rules[model]) for model in self.joined.models}
        )
        values = {
            model: each if isinstance(each, NotDefined) else each.interval for model, each in measured.items()
        }
        return FigureRow(figure.name, figure.title, figure.better, values, _best(measured, figure.better))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute with one thread while the block runs: many small products, for which more would only wait for each other.

    The limit is the whole process's: of two blocks that overlap, the later can take the limit of the earlier for what was
    there before, and leave it behind.
    """
    with _AT_ONE, threadpool_limits(1):
        yield


def _best(measured: dict[str, _Measured | NotDefined], better: str) -> str | None:
    """Name the best model if its difference to every other one is significant after Holm's correction."""
    defined = {model: each for model, each in measured.items() if isinstance(each, _Measured)}
    if len(measured) == 1 or len(defined) < len(measured):
        return None
    names = list(defined)
    sign = 1 if better == "higher" else -1
    best = max(names, key=lambda name: sign * defined[name].value)
    pairs = list(combinations(names, 2))
    p_values = holm(
        difference_p(
            np.array([defined[first].value - defined[second].value for first, second in pairs]),
            np.array([defined[first].drawn - defined[second].drawn for first, second in pairs]),
        )
    )
    wins = [p < SIGNIFICANT for pair, p in zip(pairs, p_values, strict=True) if best in pair]
    return best if all(wins) else None


def figure_frame(rows: Sequence[FigureRow]) -> pd.DataFrame:
    """Lay figures out for a file: figure, title, better, model, value, low, high, defined, best.

    Numbers are empty (missing) where `defined` is false.
    """
    return pd.DataFrame(
        [
            {
                "figure": row.name,
                "title": row.title,
                "better": row.better,
                "model": model,
                **_numbers(value),
                "defined": isinstance(value, Interval),
                "best": model == row.best,
            }
            for row in rows
            for model, value in row.by_model.items()
        ]
    )


def pair_frame(pairs: Sequence[Pair]) -> pd.DataFrame:
    """Lay pairs out for a file, a row per pair; the columns of the AUC are empty where it is not defined."""
    return pd.DataFrame(
        [
            {
                "first": pair.first,
                "second": pair.second,
                **{
                    f"auc_{name}": getattr(pair.auc, name, None)
                    for name in ("value", "low", "high", "p", "p_holm")
                },
                **_counts(pair.mcnemar),
            }
            for pair in pairs
        ]
    )


def part_frame(pairs: Sequence[Pair]) -> pd.DataFrame:
    """Lay the media and families of pairs out for a file, a row per pair and part."""
    return pd.DataFrame(
        [
            {
                "first": pair.first,
                "second": pair.second,
                "label": part.label,
                PARTED_BY["human"] + "_or_" + PARTED_BY["ai"]: part.name,
                "images": part.images,
                **_counts(part.mcnemar),
            }
            for pair in pairs
            for part in pair.parts
        ]
    )


def _numbers(value: Interval | NotDefined) -> dict[str, float | None]:
    return {name: getattr(value, name, None) for name in ("value", "low", "high")}


def _counts(test: McNemar) -> dict[str, object]:
    return {
        "only_first_right": test.only_first,
        "only_second_right": test.only_second,
        "mcnemar_exact": test.exact,
        "mcnemar_p": test.p,
        "mcnemar_p_holm": test.p_holm,
    }
