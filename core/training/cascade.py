"""Chooses when a cascade asks its next model, from what all said of works whose sources they knew or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.corpus.manifest import Manifest
from core.detectors.card import CLASSES, Card, ChosenThresholds, Initialisation, Weights, identity, read_card
from core.detectors.cascade import (
    AS_THE_STAGE_SAYS,
    FAMILY,
    STAGES_FILE,
    Cuts,
    Stages,
    Step,
    expect_plain,
    write_stages,
)
from core.detectors.store import find_model, is_loadable, model_names, whole_name
from core.errors import TrainingError
from core.evaluation.held_out_margins import read_held_out
from core.evaluation.measured import expect_current
from core.evaluation.predictions import DECIMALS, read_predictions
from core.training.lineage import code_commit
from core.training.publishing import publish_card
from core.verdict import Label, Thresholds

SPLIT = "val"
KNOWN = f"works of {SPLIT}"
UNSEEN = "works whose families and sources no model's recipe had seen"
MAX_DIFFERENT = 0.01
"""Largest share of the works of each kind whose verdict may differ from the thorough model's."""
FIRST = ("verso-fast", "resnet18-finetune")
"""Fast models, the first that can judge on this computer judges first."""
SECOND = "verso-int8"
"""Judges what the first is not sure of, if it can judge on this computer."""

LEAST_OPEN = 0.01
"""Share of the works of all kinds that inner cut-offs must settle, or else there are none."""
CLEAR = 2 * 10.0**-DECIMALS
"""By which a cut-off is kept clear of the `p_ai` it was chosen by, which `predictions.csv` rounds."""


@dataclass(frozen=True, eq=False)
class Works:
    """What models said of works of one kind.

    `earlier` is the `p_ai` of each model before the thorough one, in their order, `[N]` each; `thorough` is its own
    `[N]`; `is_ai` says which works were generated, bool `[N]`.
    """

    kind: str
    earlier: tuple[NDArray[np.floating], ...]
    thorough: NDArray[np.floating]
    is_ai: NDArray[np.bool_]


@dataclass(frozen=True)
class Effect:
    """What cut-offs do to works of one kind.

    `passed_on` has the share in [0, 1] that each step passes on, `different` is the share that gets another verdict than
    the thorough model's; `called_ai` counts the works among the latter which a model before it calls ai.
    """

    kind: str
    works: int
    passed_on: tuple[float, ...]
    different: float
    called_ai: int


@dataclass(frozen=True)
class Choice:
    """The cut-offs of each step, and what they do to each kind of works they were chosen on."""

    cuts: tuple[Cuts, ...]
    effects: tuple[Effect, ...]


def choose_cut_offs(kinds: Sequence[Works], band: Thresholds) -> Choice:
    """Choose the cut-offs, step by step, that pass on the smallest share of works, on the mean of all kinds.

    Of each kind at most `MAX_DIFFERENT` of the verdicts may differ from the thorough model's, whichever model gave them,
    and no work by a person may be called ai unless the thorough model does. Of choices that pass on as many, the one with
    the fewest different verdicts is taken.

    Args:
        kinds: works of each kind.
        band: the thorough model's, which is the cascade's too.

    Raises:
        TrainingError: if there are no works of a kind.
    """
    for works in kinds:
        if not len(works.thorough):
            raise TrainingError(
                f"A cascade needs {works.kind} to choose its cut-offs on, and there are none."
            )
    states = [_State.before(works, band) for works in kinds]
    cuts: list[Cuts] = []
    for step in range(len(kinds[0].earlier)):
        cuts.append(_cheapest(states, step, band))
        states = [state.after(step, cuts[-1], band) for state in states]
    return Choice(tuple(cuts), tuple(state.effect for state in states))


@dataclass(frozen=True, eq=False)
class _State:
    """Works of one kind after some steps.

    `verdicts` are the thorough model's `[N]`; `left` says which works no step has settled, bool `[N]`, and `different` which
    have another verdict, bool `[N]`; `passed_on` has the share that each step passed on.
    """

    works: Works
    verdicts: NDArray[np.str_]
    left: NDArray[np.bool_]
    different: NDArray[np.bool_]
    called_ai: int
    passed_on: tuple[float, ...]

    @classmethod
    def before(cls, works: Works, band: Thresholds) -> _State:
        none = np.zeros(len(works.thorough), bool)
        return cls(works, _verdicts(works.thorough, band), ~none, none, 0, ())

    def after(self, step: int, cuts: Cuts, band: Thresholds) -> _State:
        said = self.works.earlier[step]
        settled = self.left & ~cuts.unsure(said)
        verdicts = _verdicts(said, band)
        wrong = settled & (verdicts != self.verdicts)
        left = self.left & ~settled
        return _State(
            self.works,
            self.verdicts,
            left,
            self.different | wrong,
            self.called_ai + int((wrong & (verdicts == Label.AI)).sum()),
            (*self.passed_on, float(left.mean())),
        )

    @property
    def may_differ(self) -> float:
        """How many more verdicts may differ."""
        return MAX_DIFFERENT * len(self.left) - int(self.different.sum())

    @property
    def effect(self) -> Effect:
        different = float(self.different.mean())
        return Effect(self.works.kind, len(self.left), self.passed_on, different, self.called_ai)


def _verdicts(p_ai: NDArray[np.floating], band: Thresholds) -> NDArray[np.str_]:
    return np.array([band.label(each) for each in p_ai])


def _cheapest(states: Sequence[_State], step: int, band: Thresholds) -> Cuts:
    """Return the outer cut-offs that pass on fewest, and between them the widest inner ones that are allowed then."""
    said = np.concatenate([state.works.earlier[step][state.left] for state in states])
    lows = np.unique(np.r_[0.0, (said[said <= band.human_below] - CLEAR).clip(0.0), band.human_below])
    highs = np.unique(np.r_[1.0, (said[said >= band.ai_above] + CLEAR).clip(None, 1.0), band.ai_above])
    tables = [_Table.of(state, step, lows, highs) for state in states]
    allowed = np.logical_and.reduce([table.allowed for table in tables])
    left = np.mean([table.left for table in tables], axis=0)
    different = np.mean([table.different for table in tables], axis=0)
    cost = np.where(allowed, left + different / (sum(len(state.left) for state in states) + 1), np.inf)
    low, high = np.unravel_index(int(np.argmin(cost)), cost.shape)
    outer = Cuts(human_below=float(lows[low]), ai_above=float(highs[high]))
    inner = _inner([state.after(step, outer, band) for state in states], step, band)
    return outer.model_copy(update=inner)


def _inner(states: Sequence[_State], step: int, band: Thresholds) -> dict[str, float]:
    """Return how near both thresholds what a step leaves open may stand as inconclusive; nothing if nothing may."""
    inside = [_inside(state.works.earlier[step], band) for state in states]
    distances = np.unique(np.concatenate([np.r_[0.0, each[each > 0]] for each in inside]))
    for distance in distances + CLEAR:
        settled = [state.left & (each > distance) for state, each in zip(states, inside, strict=True)]
        wrong = [
            np.sum(these & (state.verdicts != Label.INCONCLUSIVE))
            for state, these in zip(states, settled, strict=True)
        ]
        if all(count <= state.may_differ for count, state in zip(wrong, states, strict=True)):
            if np.mean([these.mean() for these in settled]) < LEAST_OPEN:
                break
            edges = band.human_below + float(distance), band.ai_above - float(distance)
            return dict(zip(("inconclusive_above", "inconclusive_below"), edges, strict=True))
    return {}


def _inside(p_ai: NDArray[np.floating], band: Thresholds) -> NDArray[np.floating]:
    """Return how far inside the band each `p_ai` is: `[N]`, below 0 if it is outside."""
    inside: NDArray[np.floating] = np.minimum(p_ai - band.human_below, band.ai_above - p_ai)
    return inside


@dataclass(frozen=True, eq=False)
class _Table:
    """What every pair of outer cut-offs of a step does to works of one kind, each `[lows, highs]`.

    `left` is the share passed on, `different` the share whose verdict differs.
    """

    left: NDArray[np.floating]
    different: NDArray[np.floating]
    allowed: NDArray[np.bool_]

    @classmethod
    def of(cls, state: _State, step: int, lows: NDArray[np.floating], highs: NDArray[np.floating]) -> _Table:
        said, count = state.works.earlier[step], len(state.left)
        cleared = state.left & (said < lows[:, None])
        called = state.left & (said > highs[:, None])
        wrongly_called = called & (state.verdicts != Label.AI)
        accused = (wrongly_called & ~state.works.is_ai).sum(1)
        different = (cleared & (state.verdicts != Label.HUMAN)).sum(1)[:, None] + wrongly_called.sum(1)
        left = state.left.sum() - cleared.sum(1)[:, None] - called.sum(1)
        return cls(left / count, different / count, (different <= state.may_differ) & (accused == 0))


def models_before() -> list[str]:
    """Return the names of the models that judge before the thorough one and whose weights are on this computer.

    Raises:
        TrainingError: if there is no fast one.
    """
    first = next((name for name in FIRST if _can_judge(name)), None)
    if first is None:
        raise TrainingError(
            f"No fast model can judge on this computer; restore one of {', '.join(FIRST)}, or train it."
        )
    return [first, SECOND] if _can_judge(SECOND) else [first]


def _can_judge(name: str) -> bool:
    return name in model_names() and is_loadable(read_card(find_model(name)), find_model(name))


def fit_cascade(before: Sequence[str], thorough: str, corpus: Manifest, output: Path) -> Choice:
    """Choose the cut-offs by the models' `predictions.csv` and `held_out.csv`, and write card and stages into `output`.

    On the works of `val` all models know the sources; on those held out no recipe did.

    Args:
        before: the models that judge before the thorough one, in their order.
        thorough: the model that judges what they are not sure of.
        corpus: says which of the works held out were generated.
        output: the cascade's folder, created if it is not there.

    Raises:
        EvaluationError: if a model's predictions cannot be read.
        ModelError: if there is no such model, or it is a cascade itself.
        TrainingError: if a model held nothing out, they have none of the same works, or `output` is one of them.
    """
    names = [*before, thorough]
    folders = [find_model(name) for name in names]
    cards = [read_card(folder) for folder in folders]
    for name, folder, card in zip(names, folders, cards, strict=True):
        expect_plain(card)
        if folder.resolve() == output.resolve():
            raise TrainingError(
                f"The cascade would replace {name}, one of its stages: choose another --output."
            )
    known = _joined(
        [_val(card, folder, corpus.path) for card, folder in zip(cards, folders, strict=True)], corpus
    )
    unseen = _joined([_unseen(card, folder) for card, folder in zip(cards, folders, strict=True)], corpus)
    if known.empty or unseen.empty:
        raise TrainingError(
            f"{', '.join(names)} have judged none of the same works of {corpus.path}, or held out none of the same: "
            "train and evaluate all of them on it."
        )
    kinds = [_works(KNOWN, known), _works(UNSEEN, unseen)]
    choice = choose_cut_offs(kinds, cards[-1].rule)
    stages = Stages(
        thorough=whole_name(thorough),
        thorough_is=identity(cards[-1]),
        steps=tuple(
            Step(model=whole_name(name), identity=identity(card), **cuts.model_dump())
            for name, card, cuts in zip(before, cards, choice.cuts, strict=False)
        ),
    )
    output.mkdir(parents=True, exist_ok=True)
    weights = Weights(file=STAGES_FILE, sha256=write_stages(stages, output))
    publish_card(_card(cards, stages, choice, weights, output), output)
    return choice


def _val(card: Card, folder: Path, corpus: Path) -> pd.Series:
    expect_current(card, folder, corpus)
    frame = read_predictions(folder, corpus)
    return frame.loc[frame["split"] == SPLIT].set_index("sha256")["p_ai"]


def _unseen(card: Card, folder: Path) -> pd.Series:
    """Return the calibrated `p_ai` of the works that were held out, by their `sha256`."""
    frame = read_held_out(folder)
    return pd.Series(card.calibration(frame["margin"].to_numpy()), index=frame["sha256"])


def _joined(said: Sequence[pd.Series], corpus: Manifest) -> pd.DataFrame:
    """Return what models said of the works of a corpus that all of them judged, a column for each; the last is the label."""
    labels = corpus.frame.set_index("sha256")["label"]
    return pd.concat([*said, labels], axis=1, join="inner", keys=range(len(said) + 1))


def _works(kind: str, joined: pd.DataFrame) -> Works:
    *earlier, thorough, label = (joined[column].to_numpy() for column in joined)
    return Works(kind, tuple(earlier), thorough, label == "ai")


def _told(effects: Sequence[Effect]) -> str:
    return ", and ".join(
        f"of {each.works} {each.kind} {' and then '.join(f'{share:.1%}' for share in each.passed_on)} are passed on and "
        f"{each.different:.2%} differ"
        for each in effects
    )


def _in_words(stages: Stages) -> str:
    asked = [
        f"{judge} judges what {step.model} gives a p_ai {step}"
        for step, judge in zip(stages.steps, stages.names[1:], strict=True)
    ]
    told = f"{stages.names[0]} judges first; {'; '.join(asked)}."
    if len(stages.steps) == 1:
        return told
    return f"{told} One between them that would run {stages.thorough}'s own pass through the encoder is left out."


def _card(cards: Sequence[Card], stages: Stages, choice: Choice, weights: Weights, output: Path) -> Card:
    thorough = cards[-1]
    origins = [f"{card.name} ({card.initialisation.origin})" for card in cards]
    return Card(
        name=output.resolve().name,
        family=FAMILY,
        summary=_in_words(stages),
        recipe=FAMILY,
        seed=0,
        classes=CLASSES,
        commit=code_commit(),
        trained=datetime.now(UTC).date().isoformat(),
        encoder=next((card.encoder for card in reversed(cards) if card.encoder), None),
        preprocessing=thorough.preprocessing,
        calibration=AS_THE_STAGE_SAYS,
        thresholds=ChosenThresholds(
            human_below=thorough.thresholds.human_below,
            ai_above=thorough.thresholds.ai_above,
            policy=f"those of {thorough.name}. Step by step it is asked about as few works as possible such that at most "
            f"{MAX_DIFFERENT:.0%} of each kind get another verdict than its, and no work by a person is called ai unless "
            f"{thorough.name} does: {_told(choice.effects)}",
        ),
        corpus=thorough.corpus,
        initialisation=Initialisation(
            origin=f"the models {', '.join(origins[:-1])} and {origins[-1]}",
            license=" and ".join(dict.fromkeys(card.initialisation.license for card in cards)),
        ),
        weights=weights,
    )
