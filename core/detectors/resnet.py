"""ResNet-18 (He et al., Deep Residual Learning for Image Recognition, 2016) with two outputs."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn
from torchvision.models import ResNet, resnet18

from core.detectors.card import CLASSES, Card, read_weights
from core.detectors.precision import Compute, best_compute
from core.errors import ModelError
from core.images import Artwork

WEIGHTS_FILE = "weights.safetensors"


def build(classes: int = len(CLASSES)) -> ResNet:
    """Return a ResNet-18 with random weights and `classes` outputs."""
    return resnet18(weights=None, num_classes=classes)


class ResNetDetector:
    """A loaded ResNet-18, safe to share between threads.

    `lock` is held around every pass through the network: Captum hooks the network while it explains, and
    a prediction that overlapped it would run through those hooks.
    """

    def __init__(self, card: Card, network: nn.Module, compute: Compute | None = None) -> None:
        self.card = card
        self.compute = compute or best_compute()
        self.network = network.eval().to(memory_format=torch.channels_last).to(self.compute.device)
        self.network.requires_grad_(requires_grad=False)
        self.lock = threading.Lock()

    def windows(self, artwork: Artwork) -> Tensor:
        """Return an artwork as network input: float32 `[n, 3, window, window]`, on the device."""
        tensor = self.card.preprocessing.tensor(artwork.image)
        return tensor.to(self.compute.device, memory_format=torch.channels_last)

    def margins(self, batch: Tensor) -> Tensor:
        """Return score(`ai`) - score(`human`) of each window: float32 `[N]` for input `[N, 3, H, W]`."""
        with self.compute.autocast:
            scores = self.network(batch).float()
        margins: Tensor = scores[:, CLASSES.index("ai")] - scores[:, CLASSES.index("human")]
        return margins

    def raw_margins(self, artworks: Sequence[Artwork]) -> NDArray[np.float32]:
        """Return the margin of each artwork, averaged over its windows, uncalibrated: float32 `[N]`."""
        if not artworks:
            return np.empty(0, np.float32)
        windows = [self.windows(artwork) for artwork in artworks]
        with self.lock, torch.inference_mode():
            margins = self.margins(torch.cat(windows))
        of_each = torch.split(margins, [len(each) for each in windows])
        averaged: NDArray[np.float32] = torch.stack([each.mean() for each in of_each]).cpu().numpy()
        return averaged

    def predict(self, artworks: Sequence[Artwork]) -> NDArray[np.float32]:
        """Return `p_ai` of each artwork: float32 `[N]` in [0, 1], calibrated."""
        return self.card.calibration(self.raw_margins(artworks))


def save_weights(network: nn.Module, folder: Path) -> str:
    """Write the weights as float16 into `folder` and return the sha256 of the file."""
    state = {
        name: value.detach()
        .cpu()
        .contiguous()
        .to(torch.float16 if value.is_floating_point() else value.dtype)
        for name, value in network.state_dict().items()
    }
    data = save(state)
    (folder / WEIGHTS_FILE).write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def load_resnet(card: Card, folder: Path, compute: Compute | None = None) -> ResNetDetector:
    """Load the ResNet-18 that belongs to `card`.

    Raises:
        ModelError: if the weights are missing, are not those of the card, or are no two-way ResNet-18.
    """
    data = read_weights(card, folder)
    try:
        state = {name: value.float() for name, value in load(data).items()}
        network = build()
        network.load_state_dict(state)
    except (SafetensorError, RuntimeError) as error:
        raise ModelError(
            f"Model '{card.name}': {card.weights.file} holds no two-way ResNet-18 ({error})."
        ) from error
    return ResNetDetector(card, network, compute)
