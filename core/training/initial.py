"""The weights a run starts from."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torchvision.models import ResNet

from core.detectors.bodies import TORCHVISION, Body, chosen_file, fetch_packaged, put_body, read_body
from core.detectors.card import CARD_FILE, Initialisation, read_card
from core.detectors.resnet import build
from core.errors import ModelError, TrainingError
from core.training.recipe import Recipe


def initial_network(file: Path | None, recipe: Recipe) -> tuple[ResNet, Initialisation, str]:
    """Return a ResNet-18 with a fresh two-way head, where its other weights come from, and their digest.

    Args:
        file: safetensors of a torchvision ResNet-18, whose `fc` is left out, for example the weights in a
            model's folder; None takes the file `VERSO_INIT` names, or else fetches what the recipe names.
        recipe: names the initial weights, and the seed of the head's random ones.

    Raises:
        TrainingError: if the weights can be neither fetched nor read, or are no ResNet-18.
        ModelError: if they lie beside a damaged card.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = build()
    try:
        file = file or chosen_file()
        if file is None and recipe.initial_weights == "omniart-eye-classifier":
            file = fetch_packaged()
        body = read_body(file)
        put_body(body, network)
    except ModelError as error:
        raise TrainingError(str(error)) from error
    return network, *_origin(body)


def _origin(body: Body) -> tuple[Initialisation, str]:
    """Return where a body comes from and the digest of its file, or torchvision's name for it."""
    if body.file is None:
        license_ = "BSD-3-Clause (weights: ImageNet terms)"
        return Initialisation(origin=f"torchvision {TORCHVISION}", license=license_), str(TORCHVISION)
    digest = hashlib.sha256(body.file.read_bytes()).hexdigest()
    if (body.file.parent / CARD_FILE).is_file():
        card = read_card(body.file.parent)
        if card.weights.sha256 == digest:
            earlier = card.initialisation
            origin = f"Verso's model {card.name}, which was trained from {earlier.origin}"
            return Initialisation(origin=origin, license=earlier.license), digest
    origin = body.metadata.get("origin", f"a file with sha256 {digest}")
    license_ = body.metadata.get("license", "as its origin states")
    return Initialisation(origin=origin, license=license_), digest
