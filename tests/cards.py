"""Cards of models that were never trained, for tests that only read them."""

from __future__ import annotations

from pathlib import Path

from core.detectors.calibration import PlattScaling
from core.detectors.card import (
    Card,
    ChosenThresholds,
    Corpus,
    Group,
    Initialisation,
    Interval,
    SplitFigures,
    Weights,
    read_card,
    write_card,
)
from core.detectors.features import EmbeddingFeatures
from core.detectors.preprocessing import Preprocessing
from core.evaluation.measured import UNPERTURBED, fingerprint, record
from core.evaluation.metrics import METRICS

VERSION = "ab" * 32


def split_figures(value: float = 0.9, *groups: Group) -> SplitFigures:
    """Every figure at `value`, 0.05 to both sides as its interval."""
    interval = Interval(value=value, low=value - 0.05, high=value + 0.05)
    return SplitFigures(human=40, ai=60, figures=dict.fromkeys(METRICS, interval), groups=groups)


def network_card(name: str, **changes: object) -> Card:
    """The card of a ResNet-18 with figures on test and ood."""
    card = Card(
        name=name,
        family="resnet18",
        summary="A network for a test.",
        recipe="resnet18-finetune",
        seed=20,
        classes=("human", "ai"),
        commit="c0ffee-dirty",
        trained="2026-01-02",
        kept_epoch=1,
        epochs=3,
        known_failures=("Oil *paintings* on dark ground.",),
        preprocessing=Preprocessing(short_side=224, window=224, windows=3),
        calibration=PlattScaling(slope=1.5, intercept=-0.25, fitted_on="split val"),
        thresholds=ChosenThresholds(
            human_below=0.4, ai_above=0.8, policy="on split val: at most 2% are accused"
        ),
        corpus=Corpus(version=VERSION, train_human=1200, train_ai=1500, val_human=30, val_ai=40),
        initialisation=Initialisation(origin="random numbers", license="CC0-1.0"),
        weights=Weights(file="weights.safetensors", sha256="0" * 64),
        splits={
            "test": split_figures(0.9),
            "ood": split_figures(
                0.8,
                Group(label="human", name="comic", images=40, wrong=0.05, inconclusive=0.1),
                Group(label="human", name="oil", images=10, wrong=0.3, inconclusive=0.2),
                Group(label="ai", name="dall-e-3", images=20, wrong=0.25, inconclusive=0.0),
            ),
        },
    )
    return Card.model_validate(card.model_copy(update=changes).model_dump())


def head_card(name: str, **changes: object) -> Card:
    """The card of an SVM on embeddings, without figures."""
    kind = {
        "family": "svm",
        "summary": "An SVM for a test.",
        "recipe": "embedding-svm",
        "kept_epoch": None,
        "epochs": None,
        "encoder": "cd" * 32,
        "features": EmbeddingFeatures(kind="embedding"),
        "preprocessing": Preprocessing(short_side=224, window=224),
        "splits": {},
        "known_failures": (),
        "weights": Weights(file="pipeline.skops", sha256="0" * 64),
    }
    return network_card(name, **(kind | changes))


def as_if_measured(folder: Path) -> None:
    """Note on a card that the predictions beside it are those of the model as it is now."""
    record(folder, UNPERTURBED, fingerprint(read_card(folder), UNPERTURBED))


def lay(card: Card, folder: Path, weights: int | None = 5000) -> Path:
    """Write a card into a folder of `folder`, with so many bytes of weights, or none."""
    made = folder / card.name
    made.mkdir(parents=True)
    write_card(card, made)
    if weights is not None:
        (made / card.weights.file).write_bytes(b"w" * weights)
    return made
