"""Models in a row: fast ones judge first, a thorough one judges what none of them is sure of."""

from __future__ import annotations

import hashlib
import shlex
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Self

import numpy as np
import tomlkit
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from scipy.special import logit

from core import atomic
from core.detectors.calibration import PlattScaling
from core.detectors.card import Card, how_to_make, identity, manifest_of, read_weights
from core.detectors.protocol import Detector, JudgesCrops
from core.errors import ModelError, UnknownModelError
from core.images import Artwork

FAMILY: Final = "cascade"
STAGES_FILE = "stages.toml"
AS_THE_STAGE_SAYS = PlattScaling(slope=1.0, intercept=0.0, fitted_on="nothing: each stage has its own")
"""The calibration of a cascade: its margin is the log-odds of the stage that judged."""


class Cuts(BaseModel):
    """The cut-offs between which a model before the thorough one is not sure.

    Its verdict stands where its `p_ai` is below `human_below` or above `ai_above`, and between `inconclusive_above` and
    `inconclusive_below`, if it has these; the cut-offs themselves are passed on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    human_below: float = Field(ge=0, le=1)
    inconclusive_above: float | None = None
    inconclusive_below: float | None = None
    ai_above: float = Field(ge=0, le=1)

    @model_validator(mode="after")
    def _are_in_order(self) -> Self:
        inner = [cut for cut in (self.inconclusive_above, self.inconclusive_below) if cut is not None]
        if len(inner) == 1:
            raise PydanticCustomError("pair", "inconclusive_above and inconclusive_below need each other")
        cuts = [self.human_below, *inner, self.ai_above]
        if cuts != sorted(cuts):
            raise PydanticCustomError("order", "the cut-offs must not fall from human_below to ai_above")
        return self

    def unsure(self, p_ai: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Return which of the model's `p_ai` `[N]` are passed on: bool `[N]`."""
        between = (p_ai >= self.human_below) & (p_ai <= self.ai_above)
        if self.inconclusive_above is None or self.inconclusive_below is None:
            return between
        return between & ~((p_ai > self.inconclusive_above) & (p_ai < self.inconclusive_below))

    def __str__(self) -> str:
        """Say which `p_ai` are passed on, as in "from 0.1 to 0.3 and from 0.7 to 0.9"."""
        edges = [self.human_below, self.inconclusive_above, self.inconclusive_below, self.ai_above]
        known = [f"{edge:.6f}" for edge in edges if edge is not None]
        return " and ".join(
            f"from {low} to {high}" for low, high in zip(known[::2], known[1::2], strict=True)
        )


class Step(Cuts):
    """A model before the thorough one; `identity` tells for which its cut-offs were chosen, see `card.identity`."""

    model: str
    identity: str


class Stages(BaseModel):
    """The models of a cascade: those that judge first, in their order, and the thorough one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    thorough: str
    thorough_is: str
    steps: tuple[Step, ...] = Field(min_length=1)

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each stage, in the order in which they judge."""
        return *(step.model for step in self.steps), self.thorough


def write_stages(stages: Stages, folder: Path) -> str:
    """Write `stages.toml` into a model folder and return the sha256 of the file."""
    data = tomlkit.dumps(stages.model_dump(exclude_none=True)).encode()
    atomic.write(folder / STAGES_FILE, data)
    return hashlib.sha256(data).hexdigest()


def read_stages(card: Card, folder: Path) -> Stages:
    """Read the stages that belong to `card`.

    Raises:
        ModelError: if the file is missing, is not that of the card, or breaks the schema.
    """
    data = read_weights(card, folder)
    try:
        return Stages.model_validate(tomllib.loads(data.decode()))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise ModelError(
            f"Model '{card.name}': {card.weights.file} names no stages; make it again with "
            f"{how_to_make(card, folder)}."
        ) from error


class CascadeDetector:
    """The loaded models of a cascade, in the order in which they judge; safe to share between threads if they are."""

    def __init__(self, card: Card, stages: Stages, detectors: Sequence[Detector]) -> None:
        self.card = card
        self.stages = stages
        self.detectors = tuple(detectors)
        self._on_crops = _on_crops_of(card, detectors)

    def raw_margins(self, artworks: Sequence[Artwork]) -> NDArray[np.float32]:
        """Return the log-odds of `predict`, which the card's calibration turns into `p_ai`: float32 `[N]`."""
        edge = np.finfo(np.float32).eps
        margins: NDArray[np.float32] = logit(np.clip(self.predict(artworks), edge, 1 - edge)).astype(
            np.float32
        )
        return margins

    def predict(self, artworks: Sequence[Artwork]) -> NDArray[np.float32]:
        """Return `p_ai` of each artwork, by the stage that judges it: float32 `[N]` in [0, 1], calibrated."""
        return self.judged(artworks)[0]

    def judged(self, artworks: Sequence[Artwork]) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
        """Return `p_ai` `[N]`, and the number of the stage that judged each artwork, counted from 0: `[N]`."""
        p_ai = np.empty(len(artworks), np.float32)
        judge = np.zeros(len(artworks), np.intp)
        left = np.arange(len(artworks))
        crops = [self.card.preprocessing.crops(artwork.image) for artwork in artworks if self._on_crops]
        for number, detector in enumerate(self.detectors):
            if number and not len(left):
                break
            these = left.tolist()
            if crops:
                p_ai[left] = self._on_crops[number].predict_crops([crops[i] for i in these])
            else:
                p_ai[left] = detector.predict([artworks[i] for i in these])
            judge[left] = number
            if number < len(self.stages.steps):
                left = left[self.stages.steps[number].unsure(p_ai[left])]
        return p_ai, judge

    def predict_by_stage(self, artworks: Sequence[Artwork]) -> tuple[NDArray[np.float32], list[str]]:
        """Return `p_ai` `[N]`, and the name of the stage that judged each artwork."""
        p_ai, judge = self.judged(artworks)
        return p_ai, [self.detectors[number].card.name for number in judge.tolist()]

    def judge_of(self, artwork: Artwork) -> Detector:
        """Return the stage that judges an artwork."""
        return self.detectors[int(self.judged([artwork])[1][0])]


def _on_crops_of(card: Card, detectors: Sequence[Detector]) -> list[JudgesCrops]:
    """Return the detectors if all judge the crops that `card` cuts of a picture, once for all of them; else none."""
    cut = card.preprocessing
    found: list[JudgesCrops] = [
        detector
        for detector in detectors
        if isinstance(detector, JudgesCrops) and cut.cuts_as(detector.card.preprocessing)
    ]
    return found if len(found) == len(detectors) else []


def expect_plain(card: Card) -> None:
    """Check that a model can be a stage.

    Raises:
        ModelError: it is a cascade.
    """
    if card.family == FAMILY:
        raise ModelError(
            f"Model '{card.name}' is a cascade, and the stages of one are plain models: name others."
        )


def load_cascade(card: Card, folder: Path, load: Callable[[str], Detector]) -> CascadeDetector:
    """Load the models a cascade names, with `load`, which refuses cascades (`expect_plain`).

    Raises:
        ModelError: if a stage is missing, is a cascade itself, or is not the model the cut-offs were chosen for.
    """
    stages = read_stages(card, folder)
    try:
        detectors = [load(name) for name in stages.names]
    except UnknownModelError as error:
        raise ModelError(f"Model '{card.name}' judges by others: {error}") from error
    identities = *(step.identity for step in stages.steps), stages.thorough_is
    for stage, wanted in zip(detectors, identities, strict=True):
        if identity(stage.card) != wanted:
            raise ModelError(
                f"Model '{card.name}': its stage '{stage.card.name}' is another than the one its cut-offs were chosen "
                f"for; choose them again with `{_how_to_choose(card, stages, folder)}`."
            )
    return CascadeDetector(card, *_without_repeats(stages, detectors))


def _how_to_choose(card: Card, stages: Stages, folder: Path) -> str:
    fast = (word for step in stages.steps for word in ("--fast", step.model))
    ends = ("--thorough", stages.thorough, "--corpus", manifest_of(card), "--output", str(folder))
    return shlex.join(["python", "-m", "core", "cascade", *fast, *ends])


def _without_repeats(stages: Stages, detectors: Sequence[Detector]) -> tuple[Stages, list[Detector]]:
    """Leave out the steps that take as long as the thorough model: those that run its very pass through the encoder."""
    thorough = detectors[-1]
    kept = [
        (step, detector)
        for step, detector in zip(stages.steps, detectors, strict=False)
        if not _repeats(detector, thorough)
    ]
    steps = tuple(step for step, _ in kept)
    return stages.model_copy(update={"steps": steps}), [*(detector for _, detector in kept), thorough]


def _repeats(one: Detector, other: Detector) -> bool:
    from core.detectors.classical import EmbeddingDetector  # noqa: PLC0415  (scikit-learn takes seconds)

    return isinstance(one, EmbeddingDetector) and isinstance(other, EmbeddingDetector) and one.repeats(other)
