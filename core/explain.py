"""Where a detector looked: attributions by Captum, laid over the picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from captum.attr import LayerAttribution, LayerGradCam
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from core.detectors.protocol import Detector
from core.detectors.resnet import ResNetDetector
from core.errors import ExplanationError
from core.images import Artwork

if TYPE_CHECKING:
    from core.detectors.preprocessing import Window

MAX_SIDE = 768
COLOUR_MAP = "inferno"
"""Perceptually uniform, and ordered by lightness, so that it reads in greyscale and to the colour-blind."""

Heat = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Saliency:
    """How much each part of an artwork spoke for a class.

    `heat` is float32 `[H, W]` in [0, 1] with the artwork's aspect ratio and a long side of at most
    `MAX_SIDE` pixels; 1 is the part that spoke most, 0 a part that did not speak for the class or was not
    seen. `seen` is bool `[H, W]`: False where the detector did not look. `flat` is True if no part spoke
    for the class at all; `heat` is then 0 everywhere.
    """

    heat: Heat
    seen: NDArray[np.bool_]
    target: str

    @property
    def flat(self) -> bool:
        """Whether nothing in the picture spoke for the class."""
        return not bool(self.heat.any())


def grad_cam(detector: Detector, artwork: Artwork, target: str) -> Saliency:
    """Attribute a class to the parts of an artwork with Grad-CAM on the last residual block.

    Each window the detector sees is explained by itself; where windows overlap their maps are blended.
    Runs in float32 under the detector's lock, since Captum hooks the network.

    Source: Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks (2017).

    Args:
        detector: one of family resnet18.
        artwork: what to explain.
        target: `human` or `ai`: the class to speak for.

    Raises:
        ExplanationError: if the detector is of another family.
        ValueError: if `target` is no class of the detector.
    """
    if not isinstance(detector, ResNetDetector):
        raise ExplanationError(
            f"Grad-CAM explains models of family resnet18, but '{detector.card.name}' is of family "
            f"{detector.card.family}; choose a ResNet-18."
        )
    wanted = detector.card.classes.index(target)
    batch = detector.windows(artwork).requires_grad_()
    with detector.lock:
        attributed = LayerGradCam(detector.network, detector.network.layer4).attribute(
            batch, target=wanted, relu_attributions=True
        )
    scale = min(1.0, MAX_SIDE / max(artwork.width, artwork.height))
    height, width = max(1, round(artwork.height * scale)), max(1, round(artwork.width * scale))
    return _assembled(
        attributed.detach().cpu(), detector.card.preprocessing.seen(width, height), (height, width), target
    )


METHODS: dict[str, Callable[[Detector, Artwork, str], Saliency]] = {"grad-cam": grad_cam}


def attribute(method: str, detector: Detector, artwork: Artwork, target: str) -> Saliency:
    """Explain with one of `METHODS`, chosen by name.

    Raises:
        ExplanationError: if there is no such method.
    """
    if method not in METHODS:
        raise ExplanationError(f"There is no method '{method}' to explain with; choose {', '.join(METHODS)}.")
    return METHODS[method](detector, artwork, target)


def _assembled(maps: Tensor, windows: list[Window], size: tuple[int, int], target: str) -> Saliency:
    """Lay one coarse map per window, `[windows, 1, h, w]`, where it belongs in the picture."""
    total = np.zeros(size, np.float32)
    weight = np.zeros(size, np.float32)
    for coarse, window in zip(maps, windows, strict=True):
        rows = slice(round(window.top * size[0]), round(window.bottom * size[0]))
        columns = slice(round(window.left * size[1]), round(window.right * size[1]))
        shape = total[rows, columns].shape
        fine = LayerAttribution.interpolate(coarse[None], shape, interpolate_mode="bilinear")
        feather = np.outer(_tent(shape[0]), _tent(shape[1]))
        total[rows, columns] += fine[0, 0].numpy() * feather
        weight[rows, columns] += feather
    heat = np.divide(total, weight, out=total, where=weight > 0).clip(min=0)
    peak = float(heat.max())
    if peak > 0:
        heat /= peak
    return Saliency(heat, weight > 0, target)


def _tent(length: int) -> Heat:
    """Return weights that fall off from the middle, so that overlapping windows blend without a seam."""
    position = (np.arange(length, dtype=np.float32) + 0.5) / length
    return np.minimum(position, 1 - position)


def overlay(picture: Image.Image, saliency: Saliency, opacity: float) -> Image.Image:
    """Lay a saliency map over a picture.

    The colour tells the strength and so does the opacity: parts that did not speak stay as they were.
    Parts the detector did not see are dimmed.

    Args:
        picture: RGB, of any size; the map is scaled to it.
        saliency: what `grad_cam` returned for it.
        opacity: of the strongest part, in [0, 1].
    """
    heat = np.asarray(Image.fromarray(saliency.heat).resize(picture.size, Image.Resampling.BILINEAR))
    seen = np.asarray(Image.fromarray(saliency.seen).resize(picture.size))
    base = np.asarray(picture.convert("RGB"), np.float32) * np.where(seen, 1.0, 1 - opacity / 2)[..., None]
    colours = np.asarray(colormaps[COLOUR_MAP](heat)[..., :3], np.float32) * 255
    alpha = (opacity * np.clip(heat, 0, 1) ** 0.7)[..., None]
    return Image.fromarray((base * (1 - alpha) + colours * alpha).round().astype(np.uint8))
