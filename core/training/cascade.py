"""Chooses when a cascade asks its thorough model, from what both models said of works they knew the sources of or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.corpus.manifest import Manifest
from core.detectors.card import CLASSES, Band, Card, Initialisation, Weights, identity, read_card, write_card
from core.detectors.cascade import AS_THE_STAGE_SAYS, FAMILY, STAGES_FILE, Stages, write_stages
from core.detectors.store import find_model, is_loadable
from core.errors import TrainingError
from core.evaluation.predictions import read_predictions
from core.training.held_out_margins import read_held_out
from core.training.provenance import code_commit
from core.verdict import Label, Thresholds

SPLIT = "val"
KNOWN = f"works of {SPLIT}"
UNSEEN = "works whose families and sources both models' recipes had not seen"
MAX_DIFFERENT = 0.01
"""Largest share of the works of each kind whose verdict may differ from the thorough model's."""
FAST = ("verso-fast", "resnet18-finetune")
"""Fast models, the first that can judge on this computer is taken."""


@dataclass(frozen=True, eq=False)
class Works:
    """What two models said of works of one kind: their `p_ai` `[N]`, and which were generated, bool `[N]`."""

    kind: str
    fast: NDArray[np.floating]
    thorough: NDArray[np.floating]
    is_ai: NDArray[np.bool_]


@dataclass(frozen=True)
class Effect:
    """What cut-offs do to works of one kind.

    `passed_on` and `different` are shares in [0, 1]: what the thorough model is asked about, and what gets another
    verdict than its; `called_ai` counts the works among the latter which the fast model alone calls ai.
    """

    kind: str
    works: int
    passed_on: float
    different: float
    called_ai: int


@dataclass(frozen=True)
class Choice:
    """Two cut-offs, and what they do to each kind of works they were chosen on."""

    human_below: float
    ai_above: float
    effects: tuple[Effect, ...]


def choose_cut_offs(kinds: Sequence[Works], band: Thresholds) -> Choice:
    """Choose the cut-offs that pass on the smallest share of works, on the mean of all kinds.

    Of each kind at most `MAX_DIFFERENT` of the verdicts may differ from the thorough model's, and no work by a person
    may be called ai unless the thorough model does. Of choices that pass on as many, the one with the fewest different
    verdicts is taken.

    Args:
        kinds: works of each kind.
        band: the thorough model's, which is the cascade's too.

    Raises:
        TrainingError: if there are no works of a kind.
    """
    for works in kinds:
        if not len(works.fast):
            raise TrainingError(
                f"A cascade needs {works.kind} to choose its cut-offs on, and there are none."
            )
    fast = np.concatenate([works.fast for works in kinds])
    lows = np.unique(np.r_[0.0, fast[fast <= band.human_below], band.human_below])
    highs = np.unique(np.r_[1.0, fast[fast >= band.ai_above], band.ai_above])
    tables = [_Table.of(works, lows, highs, band) for works in kinds]
    allowed = np.logical_and.reduce([table.allowed for table in tables])
    left = np.mean([table.left for table in tables], axis=0)
    different = np.mean([table.different for table in tables], axis=0)
    cost = np.where(allowed, left + different / (len(fast) + 1), np.inf)
    low, high = np.unravel_index(int(np.argmin(cost)), cost.shape)
    return Choice(
        float(lows[low]),
        float(highs[high]),
        tuple(
            Effect(
                works.kind,
                len(works.fast),
                float(table.left[low, high]),
                float(table.different[low, high]),
                int(table.called_ai[high]),
            )
            for works, table in zip(kinds, tables, strict=True)
        ),
    )


@dataclass(frozen=True, eq=False)
class _Table:
    """What every pair of cut-offs does to works of one kind: shares and permissions `[lows, highs]`, counts `[highs]`."""

    left: NDArray[np.floating]
    different: NDArray[np.floating]
    allowed: NDArray[np.bool_]
    called_ai: NDArray[np.intp]

    @classmethod
    def of(
        cls, works: Works, lows: NDArray[np.floating], highs: NDArray[np.floating], band: Thresholds
    ) -> _Table:
        count = len(works.fast)
        said = np.array([band.label(p_ai) for p_ai in works.thorough])
        cleared, called = works.fast < lows[:, None], works.fast > highs[:, None]
        wrongly_called = (called & (said != Label.AI)).sum(1)
        accused = (called & (said != Label.AI) & ~works.is_ai).sum(1)
        different = (cleared & (said != Label.HUMAN)).sum(1)[:, None] + wrongly_called
        left = count - cleared.sum(1)[:, None] - called.sum(1)
        allowed = (different <= MAX_DIFFERENT * count) & (accused == 0)
        return cls(left / count, different / count, allowed, wrongly_called)


def fast_model() -> str:
    """Return the name of the fast model whose weights are on this computer.

    Raises:
        TrainingError: if there is none.
    """
    for name in FAST:
        folder = find_model(name)
        if is_loadable(read_card(folder), folder):
            return name
    raise TrainingError(
        f"No fast model can judge on this computer; restore one of {', '.join(FAST)}, or train it."
    )


def fit_cascade(fast: str, thorough: str, corpus: Manifest, output: Path) -> Choice:
    """Choose the cut-offs by both models' `predictions.csv` and `held_out.csv`, and write card and stages into `output`.

    On the works of `val` both models know the sources; on those held out neither recipe did.

    Args:
        fast: the model that judges first.
        thorough: the model it passes on to.
        corpus: says which of the works held out were generated.
        output: the cascade's folder, created if it is not there.

    Raises:
        EvaluationError: if a model's predictions cannot be read.
        ModelError: if there is no such model.
        TrainingError: if a model held nothing out, or the two have none of the same works.
    """
    first, second = find_model(fast), find_model(thorough)
    of_fast, of_thorough = read_card(first), read_card(second)
    known = _val(first).merge(
        _val(second).drop(columns="label"), on="sha256", suffixes=("_fast", "_thorough")
    )
    unseen = (
        _unseen(of_fast, first)
        .merge(_unseen(of_thorough, second), on="sha256", suffixes=("_fast", "_thorough"))
        .merge(corpus.frame[["sha256", "label"]], on="sha256")
    )
    if known.empty or unseen.empty:
        raise TrainingError(
            f"'{fast}' and '{thorough}' have judged none of the same works of {corpus.path}, or held out none of the same: "
            "train and evaluate both on it."
        )
    kinds = [_works(KNOWN, known), _works(UNSEEN, unseen)]
    choice = choose_cut_offs(kinds, of_thorough.band)
    stages = Stages(
        fast=fast,
        fast_is=identity(of_fast),
        thorough=thorough,
        thorough_is=identity(of_thorough),
        human_below=choice.human_below,
        ai_above=choice.ai_above,
    )
    output.mkdir(parents=True, exist_ok=True)
    weights = Weights(file=STAGES_FILE, sha256=write_stages(stages, output))
    write_card(_card(of_fast, of_thorough, choice, weights, output), output)
    return choice


def _val(folder: Path) -> pd.DataFrame:
    frame = read_predictions(folder)
    return frame.loc[frame["split"] == SPLIT, ["sha256", "label", "p_ai"]]


def _unseen(card: Card, folder: Path) -> pd.DataFrame:
    """Return `sha256` and the calibrated `p_ai` of the works that were held out."""
    frame = read_held_out(folder)
    return frame[["sha256"]].assign(p_ai=card.calibration(frame["margin"].to_numpy()))


def _works(kind: str, joined: pd.DataFrame) -> Works:
    return Works(
        kind,
        joined["p_ai_fast"].to_numpy(),
        joined["p_ai_thorough"].to_numpy(),
        (joined["label"] == "ai").to_numpy(),
    )


def _told(effects: Sequence[Effect]) -> str:
    return ", and ".join(
        f"of {each.works} {each.kind} {each.passed_on:.1%} are passed on and {each.different:.2%} differ"
        for each in effects
    )


def _card(fast: Card, thorough: Card, choice: Choice, weights: Weights, output: Path) -> Card:
    return Card(
        name=output.resolve().name,
        family=FAMILY,
        summary=f"{fast.name} judges first; {thorough.name} judges what {fast.name} gives a p_ai from "
        f"{choice.human_below:.6f} to {choice.ai_above:.6f}.",
        recipe=FAMILY,
        seed=0,
        classes=CLASSES,
        commit=code_commit(),
        trained=datetime.now(UTC).date().isoformat(),
        encoder=thorough.encoder or fast.encoder,
        preprocessing=thorough.preprocessing,
        calibration=AS_THE_STAGE_SAYS,
        thresholds=Band(
            human_below=thorough.thresholds.human_below,
            ai_above=thorough.thresholds.ai_above,
            policy=f"those of {thorough.name}. {thorough.name} is asked about as few works as possible such that at most "
            f"{MAX_DIFFERENT:.0%} of each kind get another verdict than its, and no work by a person is called ai unless "
            f"{thorough.name} does: {_told(choice.effects)}",
        ),
        corpus=thorough.corpus,
        initialisation=Initialisation(
            origin=f"the models {fast.name} ({fast.initialisation.origin}) and {thorough.name} "
            f"({thorough.initialisation.origin})",
            license=" and ".join(
                dict.fromkeys([fast.initialisation.license, thorough.initialisation.license])
            ),
        ),
        weights=weights,
    )
