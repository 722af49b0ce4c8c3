"""What decides the results of an audit besides its inputs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from core.detectors.card import Card
    from core.detectors.precision import Compute

METHOD = 11
"""Version of how an audit examines: raised whenever the same files and model would give other results."""

METRICS = ("splits", "measured")
"""What a card says of how good the model was: it decides no result."""


@dataclass(frozen=True)
class Configuration:
    """One model with its thresholds, and the arithmetic it runs in.

    `card` is the sha256 of all the model's card says but its measured figures. `compute` names device and number
    formats: others give slightly other probabilities. `signers` is the sha256 of the analyst's list of trusted
    signers, "" without one; `limits` are those of files that are not the usual ones, in words, see `core.limits`.
    """

    model: str
    card: str
    weights: str
    human_below: float
    ai_above: float
    compute: str
    method: int = METHOD
    signers: str = ""
    limits: str = ""

    @classmethod
    def of(cls, card: Card, compute: Compute, signers: str = "", limits: str = "") -> Self:
        """Return the configuration of an audit with this model, run by `compute`."""
        return cls(
            model=card.name,
            card=digest_of(card),
            weights=card.weights.sha256,
            human_below=card.rule.human_below,
            ai_above=card.rule.ai_above,
            compute=str(compute),
            signers=signers,
            limits=limits,
        )

    @classmethod
    def read(cls, text: str) -> Self:
        """Return what `write` wrote."""
        return cls(**json.loads(text))

    def write(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    def differs(self, other: Configuration) -> str:
        """Say what is different in `other`, as "thing (was -> is)", or return "" if nothing is."""
        mine, its = asdict(self), asdict(other)
        return ", ".join(f"{name} ({mine[name]} -> {its[name]})" for name in mine if mine[name] != its[name])


def digest_of(card: Card) -> str:
    """Return the sha256 of all a card says but its measured figures."""
    return hashlib.sha256(card.model_dump_json(exclude=set(METRICS), exclude_none=True).encode()).hexdigest()
