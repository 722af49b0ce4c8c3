"""Where a detector looked: attributions by Captum, laid over the picture."""

from __future__ import annotations

import copy
import dataclasses
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, isqrt, prod
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from captum.attr import LayerAttribution, LayerGradCam, Occlusion
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from core.detectors.card import CLASSES
from core.detectors.cascade import CascadeDetector
from core.detectors.classical import ClassicalDetector
from core.detectors.encoder import Encoder, joined
from core.detectors.features import EncoderFeatures
from core.detectors.precision import Network
from core.detectors.protocol import Detector
from core.detectors.resnet import ResNetDetector
from core.detectors.taps import last_layer
from core.detectors.torch_heads import not_followed, plain_name, torch_head
from core.errors import ExplanationError
from core.images import Artwork

if TYPE_CHECKING:
    from transformers.models.clip.modeling_clip import CLIPEncoderLayer

    from core.detectors.preprocessing import Window

MAX_SIDE = 768
HIDDEN = 4
"""`occlusion` hides squares this many of which fit in the short side."""
PASS = 16
"""Pictures that `occlusion` lets a model judge at once."""
COLOUR_MAP = "inferno"
"""Perceptually uniform, and ordered by lightness, so that it reads in greyscale and to the colour-blind."""
FEATURES: Mapping[str, str] = {
    "pixels": "the pixels themselves",
    "forensic": "forensic statistics",
    "embedding": "embeddings",
}
"""What classical models judge, in plain words."""

Heat = NDArray[np.float32]
Passes = dict[int, Tensor]
"""The margins of each pass of an occlusion, as far as it came."""


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
    """Attribute a class to the parts of an artwork with Grad-CAM.

    Of a ResNet-18, on the last residual block. Of an SVM or a logistic regression on embeddings, on the encoder's
    patches, see `_of_head`. Of a cascade, with the stage that judges the artwork. Each window the detector sees gets
    a map; where windows overlap, maps are blended. Captum hooks a copy of the network, see `_to_be_hooked`.

    Source: Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks (2017).

    Args:
        detector: of any family.
        artwork: what to explain.
        target: `human` or `ai`: the class to speak for.

    Raises:
        ExplanationError: if the detector is of a family that has no gradient to follow.
        ValueError: if `target` is no class of the detector.
    """
    wanted = detector.card.classes.index(target)
    if isinstance(detector, CascadeDetector):
        return grad_cam(detector.judge_of(artwork), artwork, target)
    if isinstance(detector, ResNetDetector):
        maps = _of_resnet(detector, artwork, wanted)
    elif isinstance(detector, ClassicalDetector):
        maps = _of_head(detector, artwork, wanted)
    else:
        raise not_followed(detector.card.name, f"a {type(detector).__name__}")
    windows = detector.card.preprocessing.seen(*artwork.image.size)
    return _assembled(maps.detach().cpu(), windows, _shown_size(artwork), target)


def _shown_size(artwork: Artwork) -> tuple[int, int]:
    """Return height and width of the map of an artwork."""
    scale = min(1.0, MAX_SIDE / max(artwork.width, artwork.height))
    return max(1, round(artwork.height * scale)), max(1, round(artwork.width * scale))


def _of_resnet(detector: ResNetDetector, artwork: Artwork, wanted: int) -> Tensor:
    """Return the map of each window, `[windows, 1, h, w]`, at least 0; in float32."""
    network = _to_be_hooked(detector.network)
    attributed: Tensor = LayerGradCam(network, network.layer4).attribute(
        detector.windows(artwork).requires_grad_(), target=wanted, relu_attributions=True
    )
    return attributed


def _to_be_hooked(network: Network) -> Network:
    """Return the network with layers of its own on the same weights: whoever judges meanwhile meets no hook."""
    shared = itertools.chain(network.parameters(), network.buffers())
    return copy.deepcopy(network, {id(tensor): tensor for tensor in shared})


def _of_head(detector: ClassicalDetector, artwork: Artwork, wanted: int) -> Tensor:
    """Return the map of each window, `[windows, 1, h, w]` with a cell for each patch of the encoder, at least 0.

    Grad-CAM on the patch tokens that the last block a tap needs attends to (its first layer norm's output), laid
    out as the grid they were cut from. What that block gives is too late: where a class token is read off, no
    patch token has a say in it any more, and every gradient is 0. What it is given is no better: tokens count there
    whatever their length, so that gradient times activation cancels. Of several taps, those of earlier blocks do
    not show. The head is followed as it judges a picture, over all its windows at once, but without rounding its
    features to half precision; the encoder runs in its own precision, or where that is 8 bits in the next best.
    """
    features, name = detector.features, detector.card.name
    if not isinstance(features, EncoderFeatures) or not isinstance(features.encoder, Encoder):
        kind = detector.card.features.kind if detector.card.features else "other"
        raise not_followed(name, f"{plain_name(detector.pipeline[-1])} on {FEATURES.get(kind, kind)}")
    taps, encoder = features.taps, copy.copy(features.encoder.to_follow())
    encoder.network = _to_be_hooked(encoder.network)
    head = torch_head(detector.pipeline, name)
    sign = 1 if wanted == CLASSES.index("ai") else -1

    def score(windows: Tensor) -> Tensor:
        margin: Tensor = head(joined(encoder.embed_windows(windows, taps)).cpu()[None])
        return sign * margin

    windows = detector.card.preprocessing.tensor(artwork.image).requires_grad_()
    grid = _patches_in_rows(encoder, last_layer(taps, encoder.layers))
    attributed: Tensor = LayerGradCam(score, grid).attribute(windows, relu_attributions=True)
    return attributed.float()


def _patches_in_rows(encoder: Encoder, number: int) -> nn.Module:
    """Lead what a block, counted from 1, attends to through a layer `[N, size, h, w]`, which leaves it unchanged."""
    grid = nn.Identity()
    block = cast("CLIPEncoderLayer", encoder.network.encoder.layers[number - 1])

    def through_the_grid(_: nn.Module, __: object, tokens: Tensor) -> Tensor:
        side = isqrt(tokens.shape[1] - 1)
        patches = grid(tokens[:, 1:].mT.reshape(len(tokens), -1, side, side))
        return torch.cat([tokens[:, :1], patches.flatten(2).mT], dim=1)

    block.layer_norm1.register_forward_hook(through_the_grid)
    return grid


def occlusion(
    detector: Detector,
    artwork: Artwork,
    target: str,
    progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
    *,
    known: Passes | None = None,
) -> Saliency:
    """Attribute a class to the parts of an artwork by hiding them one after the other, whatever the model is.

    A square of a quarter of the short side of the uniform copy, moved by half its side, is replaced by what a strong
    blur leaves of it; a part spoke for the class as far as the margin falls without it. Of a cascade, with the stage
    that judges the artwork. Slower than Grad-CAM: about fifty judgements of a square picture.

    Source: Zeiler and Fergus, Visualizing and Understanding Convolutional Networks (2014).

    Args:
        detector: of any family.
        artwork: what to explain.
        target: `human` or `ai`: the class to speak for.
        progress: told (copies judged, copies in all).
        known: the margins of each pass, by its number, of calls with the same arguments that were interrupted or still run;
            grows, so that another call goes on from there.

    Raises:
        ValueError: if `target` is no class of the detector.
    """
    wanted = detector.card.classes.index(target)
    if isinstance(detector, CascadeDetector):
        return occlusion(detector.judge_of(artwork), artwork, target, progress, known=known)
    sign = 1 if wanted == CLASSES.index("ai") else -1
    uniform = detector.card.preprocessing.uniform(artwork.image)
    side = min(uniform.size) // HIDDEN
    total = 1 + prod(ceil((length - side) / (side // 2)) + 1 for length in uniform.size)
    margins_of: Passes = {} if known is None else known
    done = passes = 0

    def score(batch: Tensor) -> Tensor:
        nonlocal done, passes
        if passes not in margins_of:
            margins_of[passes] = judged(batch)
        margins = sign * margins_of[passes]
        passes += 1
        done += len(batch)
        progress(done, total)
        return margins

    def judged(batch: Tensor) -> Tensor:
        shown = batch.round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        artworks = [dataclasses.replace(artwork, image=Image.fromarray(pixels)) for pixels in shown]
        return torch.from_numpy(detector.raw_margins(artworks))

    attributed: Tensor = Occlusion(score).attribute(
        _levels(uniform),
        sliding_window_shapes=(3, side, side),
        strides=(3, side // 2, side // 2),
        baselines=_levels(uniform.filter(ImageFilter.GaussianBlur(side / 3))),
        perturbations_per_eval=PASS,
    )
    smooth = gaussian_filter(attributed[0, 0].clamp(min=0).numpy().astype(np.float32), side / 4)
    size = _shown_size(artwork)
    seen, heat = np.zeros(size, np.bool_), np.zeros(size, np.float32)
    for window in detector.card.looked_at(artwork.width, artwork.height):
        seen[_place(window, size)] = True
    kept = _place(detector.card.preprocessing.kept(artwork.width, artwork.height), size)
    rows, columns = heat[kept].shape
    heat[kept] = np.asarray(Image.fromarray(smooth).resize((columns, rows), Image.Resampling.BILINEAR))
    return _scaled(np.where(seen, heat, 0), seen, target)


def _levels(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float()


METHODS: dict[str, Callable[[Detector, Artwork, str], Saliency]] = {
    "grad-cam": grad_cam,
    "occlusion": occlusion,
}


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
        place = _place(window, size)
        shape = total[place].shape
        fine = LayerAttribution.interpolate(coarse[None], shape, interpolate_mode="bilinear")
        feather = np.outer(_tent(shape[0]), _tent(shape[1]))
        total[place] += fine[0, 0].numpy() * feather
        weight[place] += feather
    heat = np.divide(total, weight, out=total, where=weight > 0).clip(min=0)
    return _scaled(heat, weight > 0, target)


def _place(window: Window, size: tuple[int, int]) -> tuple[slice, slice]:
    """Return the rows and columns of a map of `size` that a window covers: at least one of each."""
    return _pixels(window.top, window.bottom, size[0]), _pixels(window.left, window.right, size[1])


def _pixels(first: float, last: float, length: int) -> slice:
    start = min(max(0, round(first * length)), length - 1)
    return slice(start, max(start + 1, min(length, round(last * length))))


def _scaled(heat: Heat, seen: NDArray[np.bool_], target: str) -> Saliency:
    peak = float(heat.max())
    return Saliency(heat / peak if peak > 0 else heat, seen, target)


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
