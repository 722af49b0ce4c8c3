"""The model of an audit, with what it decides.

Torch is loaded here and not before, so that nobody waits for it who only reads audits, or is refused one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.archives import DEFAULT_ARCHIVE_LIMITS, USUAL_ARCHIVE_LIMITS
from core.audit.configuration import Configuration
from core.detectors.protocol import Detector
from core.images import DEFAULT_LIMITS, USUAL_LIMITS
from core.limits import told
from core.provenance.trust import trusted_signers

if TYPE_CHECKING:
    from core.detectors.card import Card


def load_model(name: str | None) -> tuple[Detector, Configuration]:
    """Load the model called `name`, or the default one, to run on this machine's best device.

    Raises:
        ModelError: if there is no such model or its files do not fit each other.
        EncoderError: if it judges embeddings and the encoder cannot be loaded.
        TrustListError: if the list of trusted signers cannot be read.
    """
    from core.detectors.precision import best_compute
    from core.detectors.store import load_detector

    signers = trusted_signers().sha256
    compute = best_compute()
    detector = load_detector(name, compute)
    return detector, Configuration.of(detector.card, compute, signers, _limits())


def whole_name(name: str) -> str:
    """Return a name that finds the same model from any folder, see `core.detectors.store.whole_name`."""
    from core.detectors import store

    return store.whole_name(name)


def stand_in() -> str:
    """Say which model judges where none is named and the default one cannot, see `core.detectors.store.stand_in`."""
    from core.detectors import store

    return store.stand_in()


def load_card(name: str) -> Card:
    """Read the card of the model called `name` without loading its weights.

    Raises:
        ModelError: if there is no such model or its card is damaged.
    """
    from core.detectors import store

    return store.load_card(name)


def _limits() -> str:
    of_files = told(DEFAULT_LIMITS, USUAL_LIMITS)
    of_archives = told(DEFAULT_ARCHIVE_LIMITS, USUAL_ARCHIVE_LIMITS)
    return ", ".join(filter(None, (of_files, of_archives)))
