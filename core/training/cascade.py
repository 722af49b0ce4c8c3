"""Chooses when a cascade asks its thorough model, from what both models' recipes said of works they never saw."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.corpus.manifest import Manifest
from core.detectors.card import CLASSES, Band, Card, Initialisation, Weights, read_card, write_card
from core.detectors.cascade import AS_THE_STAGE_SAYS, FAMILY, STAGES_FILE, Stages, identity, write_stages
from core.detectors.store import find_model, is_loadable
from core.errors import TrainingError
from core.training.held_out_margins import read_held_out
from core.training.provenance import code_commit
from core.verdict import Label, Thresholds

CHOSEN_ON = "works whose families and sources both models' recipes had not seen"
MAX_DIFFERENT = 0.01
"""Largest share of the works of `CHOSEN_ON` whose verdict may differ from the thorough model's."""
THOROUGH = "verso"
FAST = ("verso-fast", "resnet18-finetune")
"""Fast models, the first that can judge on this computer is taken."""


@dataclass(frozen=True)
class Choice:
    """Two cut-offs and what they do to the images they were chosen on.

    `passed_on` and `different` are shares in [0, 1]: what the thorough model is asked about, and what gets another
    verdict than its; `called_ai` counts the images among the latter which the fast model alone calls ai.
    """

    human_below: float
    ai_above: float
    images: int
    passed_on: float
    different: float
    called_ai: int


def choose_cut_offs(
    fast: NDArray[np.floating], thorough: NDArray[np.floating], is_ai: NDArray[np.bool_], band: Thresholds
) -> Choice:
    """Choose the cut-offs that pass on the fewest images.

    At most `MAX_DIFFERENT` of the verdicts may differ from the thorough model's, and no work by a person may be
    called ai unless the thorough model does. Of choices that pass on as many, the one with the fewest different
    verdicts is taken.

    Args:
        fast: `p_ai` of the fast model `[N]`.
        thorough: `p_ai` of the thorough model `[N]`.
        is_ai: whether each image was generated, bool `[N]`.
        band: the thorough model's, which is the cascade's too.

    Raises:
        TrainingError: if there are no images.
    """
    if not len(fast):
        raise TrainingError("A cascade needs works to choose its cut-offs on, and there are none.")
    said = np.array([band.label(p_ai) for p_ai in thorough])
    lows = np.unique(np.r_[0.0, fast[fast <= band.human_below], band.human_below])
    highs = np.unique(np.r_[1.0, fast[fast >= band.ai_above], band.ai_above])
    cleared, called = fast < lows[:, None], fast > highs[:, None]
    wrongly_cleared = (cleared & (said != Label.HUMAN)).sum(1)
    wrongly_called = (called & (said != Label.AI)).sum(1)
    accused = (called & (said != Label.AI) & ~is_ai).sum(1)
    different = wrongly_cleared[:, None] + wrongly_called
    left = len(fast) - cleared.sum(1)[:, None] - called.sum(1)
    allowed = (different <= MAX_DIFFERENT * len(fast)) & (accused == 0)
    cost = np.where(allowed, left + different / (len(fast) + 1), np.inf)
    low, high = np.unravel_index(int(np.argmin(cost)), cost.shape)
    return Choice(
        float(lows[low]),
        float(highs[high]),
        len(fast),
        float(left[low, high] / len(fast)),
        float(different[low, high] / len(fast)),
        int(wrongly_called[high]),
    )


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
    """Choose the cut-offs from both models' `held_out.csv`, and write card and stages into `output`.

    What decides on `val` would flatter: there both models know the sources and agree more than elsewhere.

    Args:
        fast: the model that judges first.
        thorough: the model it passes on to.
        corpus: says which works were generated.
        output: the cascade's folder, created if it is not there.

    Raises:
        ModelError: if there is no such model.
        TrainingError: if a model has no such predictions, or the two have none of the same works.
    """
    first, second = find_model(fast), find_model(thorough)
    of_fast, of_thorough = read_card(first), read_card(second)
    joined = (
        _unseen(of_fast, first)
        .merge(_unseen(of_thorough, second), on="sha256", suffixes=("_fast", "_thorough"))
        .merge(corpus.frame[["sha256", "label"]], on="sha256")
    )
    if joined.empty:
        raise TrainingError(
            f"'{fast}' and '{thorough}' held out none of the same works of {corpus.path}; train both on it."
        )
    choice = choose_cut_offs(
        joined["p_ai_fast"].to_numpy(),
        joined["p_ai_thorough"].to_numpy(),
        (joined["label"] == "ai").to_numpy(),
        of_thorough.band,
    )
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


def _unseen(card: Card, folder: Path) -> pd.DataFrame:
    """Return `sha256` and the calibrated `p_ai` of the works that were held out."""
    frame = read_held_out(folder)
    return frame[["sha256"]].assign(p_ai=card.calibration(frame["margin"].to_numpy()))


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
            policy=f"those of {thorough.name}. {thorough.name} is asked about as few of {choice.images} {CHOSEN_ON} as "
            f"possible such that at most {MAX_DIFFERENT:.0%} get another verdict than its, and no work by a person is "
            f"called ai unless {thorough.name} does: {choice.passed_on:.1%} are passed on, "
            f"{choice.different:.2%} differ",
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
