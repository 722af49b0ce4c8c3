"""The weights a run starts from."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torchvision.models import ResNet, ResNet18_Weights

from core.detectors.card import Initialisation
from core.detectors.resnet import build
from core.errors import TrainingError


def initial_network(file: Path | None, seed: int) -> tuple[ResNet, Initialisation, str]:
    """Return a ResNet-18 with a fresh two-way head, where its other weights come from, and their digest.

    Args:
        file: safetensors of a torchvision ResNet-18 without `fc`; None fetches
            `ResNet18_Weights.IMAGENET1K_V1` through torchvision.
        seed: of the head's random weights.

    Raises:
        TrainingError: if the weights can be neither fetched nor read, or are no ResNet-18.
    """
    if file is None:
        state, initialisation, digest = _from_torchvision()
    else:
        state, initialisation, digest = _from_file(file)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build()
    body = {name: value for name, value in state.items() if not name.startswith("fc.")}
    result = network.load_state_dict(body, strict=False)
    missing = [name for name in result.missing_keys if not name.startswith("fc.")]
    if missing or result.unexpected_keys:
        raise TrainingError(
            f"{file or 'The fetched file'} holds no ResNet-18: {len(missing)} tensors are missing and "
            f"{len(result.unexpected_keys)} are unknown; give weights under torchvision's names."
        )
    return network, initialisation, digest


def _from_torchvision() -> tuple[dict[str, Tensor], Initialisation, str]:
    weights = ResNet18_Weights.IMAGENET1K_V1
    try:
        state = weights.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:
        raise TrainingError(
            f"ImageNet weights could not be fetched ({error}). Connect to the internet, or give a file of "
            "ResNet-18 weights with --init FILE."
        ) from error
    origin = Initialisation(
        origin="torchvision ResNet18_Weights.IMAGENET1K_V1", license="BSD-3-Clause (weights: ImageNet terms)"
    )
    return dict(state), origin, str(weights)


def _from_file(file: Path) -> tuple[dict[str, Tensor], Initialisation, str]:
    try:
        with safe_open(file, framework="pt") as opened:
            metadata = opened.metadata() or {}
            state = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  (no iterator)
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"--init {file} is no readable safetensors file ({error}).") from error
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    origin = metadata.get("origin", f"a file with sha256 {digest}")
    return (
        state,
        Initialisation(origin=origin, license=metadata.get("license", "as its origin states")),
        digest,
    )
