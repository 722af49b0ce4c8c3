"""Two models in a row: a fast one judges first, a thorough one what the fast one is not sure of."""

from __future__ import annotations

import hashlib
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

from core.corpus import atomic
from core.detectors.calibration import PlattScaling
from core.detectors.card import Card, identity, read_weights
from core.detectors.protocol import Detector
from core.errors import ModelError, UnknownModelError
from core.images import Artwork

FAMILY: Final = "cascade"
STAGES_FILE = "stages.toml"
AS_THE_STAGE_SAYS = PlattScaling(slope=1.0, intercept=0.0, fitted_on="nothing: each stage has its own")
"""The calibration of a cascade: its margin is the log-odds of the stage that judged."""


class Stages(BaseModel):
    """The two models of a cascade and the cut-offs between which the thorough one is asked.

    The fast model's verdict stands where its `p_ai` is below `human_below` or above `ai_above`; the cut-offs
    themselves are passed on. `fast_is` and `thorough_is` tell the models for which the cut-offs were chosen, see
    `card.identity`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fast: str
    fast_is: str
    thorough: str
    thorough_is: str
    human_below: float = Field(ge=0, le=1)
    ai_above: float = Field(ge=0, le=1)

    @model_validator(mode="after")
    def _leave_a_band(self) -> Self:
        if self.human_below > self.ai_above:
            raise PydanticCustomError("order", "human_below must not be above ai_above")
        return self

    def unsure(self, p_ai: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Return which of the fast model's `p_ai` `[N]` are passed on: bool `[N]`."""
        return (p_ai >= self.human_below) & (p_ai <= self.ai_above)


def write_stages(stages: Stages, folder: Path) -> str:
    """Write `stages.toml` into a model folder and return the sha256 of the file."""
    data = tomlkit.dumps(stages.model_dump()).encode()
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
            f"Model '{card.name}': {card.weights.file} names no two stages; make it again with `python -m core "
            f"cascade --output {folder}`."
        ) from error


class CascadeDetector:
    """Two loaded models, safe to share between threads if they are."""

    def __init__(self, card: Card, stages: Stages, fast: Detector, thorough: Detector) -> None:
        self.card = card
        self.stages = stages
        self.fast = fast
        self.thorough = thorough

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

    def judged(self, artworks: Sequence[Artwork]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return `p_ai` `[N]`, and which artworks the thorough model judged: bool `[N]`."""
        p_ai = self.fast.predict(artworks).copy()
        unsure = self.stages.unsure(p_ai)
        if unsure.any():
            p_ai[unsure] = self.thorough.predict([artworks[i] for i in np.flatnonzero(unsure).tolist()])
        return p_ai, unsure

    def predict_by_stage(self, artworks: Sequence[Artwork]) -> tuple[NDArray[np.float32], list[str]]:
        """Return `p_ai` `[N]`, and the name of the stage that judged each artwork."""
        p_ai, passed_on = self.judged(artworks)
        names = self.fast.card.name, self.thorough.card.name
        return p_ai, [names[was] for was in passed_on.astype(int).tolist()]

    def judge_of(self, artwork: Artwork) -> Detector:
        """Return the stage that judges an artwork."""
        passed_on = bool(self.stages.unsure(self.fast.predict([artwork]))[0])
        return self.thorough if passed_on else self.fast


def load_cascade(card: Card, folder: Path, load: Callable[[str], Detector]) -> CascadeDetector:
    """Load the two models a cascade names, with `load`.

    Raises:
        ModelError: if a stage is missing, is a cascade itself, or is not the model the cut-offs were chosen for.
    """
    stages = read_stages(card, folder)
    try:
        fast, thorough = load(stages.fast), load(stages.thorough)
    except UnknownModelError as error:
        raise ModelError(f"Model '{card.name}' judges by two others: {error}") from error
    for stage, wanted in ((fast, stages.fast_is), (thorough, stages.thorough_is)):
        if isinstance(stage, CascadeDetector):
            raise ModelError(
                f"Model '{card.name}': its stage '{stage.card.name}' is a cascade; name two plain models."
            )
        if identity(stage.card) != wanted:
            raise ModelError(
                f"Model '{card.name}': its stage '{stage.card.name}' is another than the one its cut-offs were chosen "
                f"for; choose them again with `python -m core cascade --output {folder}`."
            )
    return CascadeDetector(card, stages, fast, thorough)
