"""A stand-in for a detector, quick and easy to interrupt, with the folder it belongs to."""

from __future__ import annotations

from pathlib import Path
from threading import Lock

import numpy as np

from core.detectors.calibration import PlattScaling
from core.detectors.card import CLASSES, Card, ChosenThresholds, Corpus, Initialisation, Weights, write_card
from core.detectors.preprocessing import Preprocessing


class PowerCutError(Exception):
    """Ends a run at any moment."""


class LightMeter:
    """Judges a picture by its light, counts what it judges, and breaks down after `fails_after` pictures."""

    def __init__(self, card, fails_after=None):
        self.card = card
        self.fails_after = fails_after
        self.judged = 0
        self._lock = Lock()

    def raw_margins(self, artworks):
        with self._lock:
            if self.fails_after is not None and self.judged + len(artworks) > self.fails_after:
                raise PowerCutError
            self.judged += len(artworks)
        light = [np.asarray(artwork.image, float).mean() / 255 for artwork in artworks]
        return np.array(light, np.float32) * 4 - 2

    def predict(self, artworks):
        return self.card.calibration(self.raw_margins(artworks))


def write_light_meter(folder: Path, corpus: str = "0" * 64) -> None:
    """Write the card of a `LightMeter` made with that version of a corpus; it needs no weights."""
    folder.mkdir()
    card = Card(
        name="light",
        family="resnet18",
        summary="Takes the light of a picture for its p_ai.",
        recipe="none",
        seed=0,
        classes=CLASSES,
        commit="none",
        trained="2026-01-01",
        kept_epoch=0,
        epochs=1,
        preprocessing=Preprocessing(short_side=32, window=32),
        calibration=PlattScaling(slope=1, intercept=0, fitted_on="nothing"),
        thresholds=ChosenThresholds(human_below=0.4, ai_above=0.5, policy="none"),
        corpus=Corpus(version=corpus, train_human=1, train_ai=1, val_human=1, val_ai=1),
        initialisation=Initialisation(origin="none", license="none"),
        weights=Weights(file="weights.safetensors", sha256="f" * 64),
    )
    write_card(card, folder)
