"""ResNet-18 (He et al., Deep Residual Learning for Image Recognition, 2016) with two outputs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.fx.experimental.optimization import fuse
from torchvision.models import ResNet, resnet18

from core.detectors.bodies import VARIABLE, body_digest, file_of, put_body, read_body
from core.detectors.card import CLASSES, Card, Weights, read_int8, read_weights
from core.detectors.int8 import Int8Body
from core.detectors.precision import Compute, best_compute
from core.errors import ModelError
from core.images import Artwork

WEIGHTS_FILE = "weights.safetensors"
HEAD_FILE = "head.safetensors"


def build(classes: int = len(CLASSES)) -> ResNet:
    """Return a ResNet-18 with random weights and `classes` outputs."""
    return resnet18(weights=None, num_classes=classes)


def body_of(network: ResNet) -> nn.Module:
    """Return all of `network` but its last layer: gives pooled features `[N, 512]` for `[N, 3, H, W]`.

    The layers are shared with `network`, whose scores are `network.fc` of these features.
    """
    layers = [layer for name, layer in network.named_children() if name != "fc"]
    return nn.Sequential(*layers, nn.Flatten())


def folded(network: ResNet) -> nn.Module:
    """Return a copy of the body of `network` with its batch norms folded into the convolutions."""
    return fuse(body_of(network))


class ResNetDetector:
    """A loaded ResNet-18, safe to share between threads.

    `network` is the network as it was trained, in float32, for explanations. Artworks are judged by `int8`, a copy of
    its body in 8-bit integers, or without one by a copy with its batch norms folded into the convolutions, in the
    number format of `compute`.
    """

    def __init__(
        self, card: Card, network: ResNet, compute: Compute | None = None, int8: Int8Body | None = None
    ) -> None:
        self.card = card
        self.compute = compute or best_compute()
        self.network = network.eval().to(memory_format=torch.channels_last).to(self.compute.device)
        self.network.requires_grad_(requires_grad=False)
        self._body = int8 or folded(self.network).to(self.compute.dtype)

    def windows(self, artwork: Artwork) -> Tensor:
        """Return an artwork as network input: float32 `[n, 3, window, window]`, on the device."""
        return self._normalized(self._crops(artwork))

    def raw_margins(self, artworks: Sequence[Artwork]) -> NDArray[np.float32]:
        """Return score(`ai`) - score(`human`) of each artwork, averaged over its windows: float32 `[N]`."""
        if not artworks:
            return np.empty(0, np.float32)
        return self._margins([self._crops(artwork) for artwork in artworks])

    def predict(self, artworks: Sequence[Artwork]) -> NDArray[np.float32]:
        """Return `p_ai` of each artwork: float32 `[N]` in [0, 1], calibrated."""
        return self.card.calibration(self.raw_margins(artworks))

    def predict_crops(self, crops: Sequence[Tensor]) -> NDArray[np.float32]:
        """Return the same for artworks given as `Preprocessing.crops` cuts them, at least one."""
        return self.card.calibration(self._margins(crops))

    def _crops(self, artwork: Artwork) -> Tensor:
        return self.card.preprocessing.crops(artwork.image)

    def _normalized(self, crops: Tensor) -> Tensor:
        normalized = self.card.preprocessing.normalize(crops)
        return normalized.to(self.compute.device, memory_format=torch.channels_last)

    def _margins(self, crops: Sequence[Tensor]) -> NDArray[np.float32]:
        with torch.inference_mode():
            scores = self.network.fc(self._features(torch.cat(list(crops))))
            margins = scores[:, CLASSES.index("ai")] - scores[:, CLASSES.index("human")]
            averaged = torch.stack([each.mean() for each in torch.split(margins, list(map(len, crops)))])
        found: NDArray[np.float32] = averaged.cpu().numpy()
        return found

    def _features(self, crops: Tensor) -> Tensor:
        """Return what the body makes of windows, float32 `[N, 512]`."""
        if isinstance(self._body, Int8Body):
            return self._body(crops)
        features: Tensor = self._body(self._normalized(crops).to(self.compute.dtype)).float()
        return features


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


def save_head(network: ResNet, folder: Path) -> Weights:
    """Write only the last layer, float32, into `folder`: for a network whose body was never trained."""
    data = save({name: value.detach().cpu().contiguous() for name, value in network.fc.state_dict().items()})
    (folder / HEAD_FILE).write_bytes(data)
    return Weights(file=HEAD_FILE, sha256=hashlib.sha256(data).hexdigest(), body=body_digest(network))


def load_resnet(
    card: Card, folder: Path, compute: Compute | None = None, body: Path | None = None
) -> ResNetDetector:
    """Load the ResNet-18 that belongs to `card`.

    Args:
        card: the model's.
        folder: where its weights are.
        compute: device and precision; None chooses the best.
        body: where the body of a model that carries only its head is; None looks for it, see `file_of`.

    Raises:
        ModelError: if the weights are missing, are not those of the card, or are no two-way ResNet-18; or if the
            body a head needs is not found.
    """
    data = read_weights(card, folder)
    network = build()
    if card.weights.body is not None:
        _put_needed_body(card, network, body or file_of(card.weights.body))
    try:
        state = {name: value.float() for name, value in load(data).items()}
        (network if card.weights.body is None else network.fc).load_state_dict(state)
    except (SafetensorError, RuntimeError) as error:
        raise ModelError(
            f"Model '{card.name}': {card.weights.file} holds no two-way ResNet-18 ({error})."
        ) from error
    compute = compute or best_compute()
    judges_in_int8 = compute.int8 and card.weights.int8 is not None
    int8 = Int8Body(read_int8(card, folder), card.preprocessing.mean) if judges_in_int8 else None
    return ResNetDetector(card, network, compute, int8)


def _put_needed_body(card: Card, network: ResNet, file: Path | None) -> None:
    needs = f"Model '{card.name}' carries only its head and needs the body it was trained on"
    try:
        put_body(read_body(file), network)
    except ModelError as error:
        raise ModelError(f"{needs} ({card.initialisation.origin}): {error}") from error
    found = body_digest(network)
    if found != card.weights.body:
        raise ModelError(
            f"{needs} ({card.initialisation.origin}, digest {str(card.weights.body)[:12]}…), but "
            f"{file or 'torchvision'} holds another (digest {found[:12]}…); set {VARIABLE} to a safetensors file of "
            "that body."
        )
