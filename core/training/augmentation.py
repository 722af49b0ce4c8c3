"""Augmentation steps a recipe can name; each changes a uint8 `[3, H, W]` picture at random.

They stand for what happens to pictures on their way to an analyst (re-saving, downsizing, blur, sensor and
scanner noise), so that a detector does not lean on traces which such a way removes. Random numbers come from
torch's global generator, which `altered` seeds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

import torch
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveFloat
from pydantic_core import PydanticCustomError
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F  # noqa: N812  (torchvision's own convention)

from core import images


def _in_order(ends: tuple[float, float]) -> tuple[float, float]:
    if ends[0] > ends[1]:
        raise PydanticCustomError("range", "the lower end of the range comes first")
    return ends


Share = Annotated[float, Field(gt=0, le=1)]
Quality = Annotated[int, Field(ge=1, le=100)]
Shares = Annotated[tuple[Share, Share], AfterValidator(_in_order)]
Qualities = Annotated[tuple[Quality, Quality], AfterValidator(_in_order)]
Positive = Annotated[tuple[PositiveFloat, PositiveFloat], AfterValidator(_in_order)]


class _Step(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _uniform(low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand(()))


def _happens(probability: float) -> bool:
    return float(torch.rand(())) < probability


def _scaled(picture: Tensor, factor: float) -> Tensor:
    height, width = (max(8, round(side * factor)) for side in picture.shape[-2:])
    scaled: Tensor = F.resize(picture, [height, width], antialias=True)
    return scaled


def _resaved(picture: Tensor, quality: tuple[int, int]) -> Tensor:
    chosen = int(torch.randint(quality[0], quality[1] + 1, ()))
    saved: Tensor = F.pil_to_tensor(images.recompress(F.to_pil_image(picture), chosen))
    return saved


class RandomSquare(_Step):
    """A random square of the picture, resized to `size`; the aspect ratio is kept.

    `area` is the range of the square's area, as a share of the largest square that fits.
    """

    op: Literal["random-square"]
    size: int = Field(ge=32)
    area: Shares

    def __call__(self, picture: Tensor) -> Tensor:
        """Crop and resize."""
        height, width = picture.shape[-2:]
        side = max(8, round(min(height, width) * _uniform(*self.area) ** 0.5))
        top = int(torch.randint(0, height - side + 1, ()))
        left = int(torch.randint(0, width - side + 1, ()))
        square: Tensor = F.resized_crop(
            picture, top, left, side, side, [self.size, self.size], antialias=True
        )
        return square


class RandomResizedCrop(_Step):
    """A random part of the picture, resized to a square of `size`: torchvision's step of that name.

    `scale` is the range of the part's area, as a share of the picture's, `ratio` that of its width to height.
    """

    op: Literal["random-resized-crop"]
    size: int = Field(ge=32)
    scale: Shares
    ratio: Positive

    def __call__(self, picture: Tensor) -> Tensor:
        """Crop and resize."""
        cropped: Tensor = v2.RandomResizedCrop(self.size, self.scale, self.ratio, antialias=True)(picture)
        return cropped


class Rotation(_Step):
    """Turn by up to `degrees` either way: torchvision's RandomRotation; the corners that come free are black."""

    op: Literal["rotation"]
    degrees: float = Field(gt=0, le=180)

    def __call__(self, picture: Tensor) -> Tensor:
        """Turn."""
        turned: Tensor = v2.RandomRotation(self.degrees)(picture)
        return turned


class Flip(_Step):
    """Mirror left and right with probability one half."""

    op: Literal["flip"]

    def __call__(self, picture: Tensor) -> Tensor:
        """Mirror, or not."""
        return F.horizontal_flip(picture) if _happens(0.5) else picture


class Jpeg(_Step):
    """Re-save as JPEG at a random quality in `quality`."""

    op: Literal["jpeg"]
    probability: float = Field(gt=0, le=1)
    quality: Qualities

    def __call__(self, picture: Tensor) -> Tensor:
        """Compress, or not."""
        return _resaved(picture, self.quality) if _happens(self.probability) else picture


class Downsize(_Step):
    """Shrink by a random factor in `factor` and enlarge again."""

    op: Literal["downsize"]
    probability: float = Field(gt=0, le=1)
    factor: Shares

    def __call__(self, picture: Tensor) -> Tensor:
        """Shrink and enlarge, or not."""
        if not _happens(self.probability):
            return picture
        small = _scaled(picture, _uniform(*self.factor))
        enlarged: Tensor = F.resize(small, list(picture.shape[-2:]), antialias=True)
        return enlarged


class Reshare(_Step):
    """What sharing does: shrink and save as JPEG, up to `times` times in a row, then enlarge again.

    Unlike a downsizing and a compression one after the other, the JPEG blocks grow with the picture.
    """

    op: Literal["reshare"]
    probability: float = Field(gt=0, le=1)
    times: int = Field(ge=1)
    factor: Shares
    quality: Qualities

    def __call__(self, picture: Tensor) -> Tensor:
        """Pass it on, or not."""
        if not _happens(self.probability):
            return picture
        shared = picture
        for _ in range(int(torch.randint(1, self.times + 1, ()))):
            shared = _resaved(_scaled(shared, _uniform(*self.factor)), self.quality)
        enlarged: Tensor = F.resize(shared, list(picture.shape[-2:]), antialias=True)
        return enlarged


class Blur(_Step):
    """Gaussian blur with a random standard deviation in `sigma`, in pixels."""

    op: Literal["blur"]
    probability: float = Field(gt=0, le=1)
    sigma: Positive

    def __call__(self, picture: Tensor) -> Tensor:
        """Blur, or not."""
        return (
            F.gaussian_blur(picture, [9, 9], [_uniform(*self.sigma)])
            if _happens(self.probability)
            else picture
        )


class Noise(_Step):
    """Gaussian noise with a random standard deviation in `sigma`, in grey levels of 255."""

    op: Literal["noise"]
    probability: float = Field(gt=0, le=1)
    sigma: Positive

    def __call__(self, picture: Tensor) -> Tensor:
        """Add noise, or not."""
        if not _happens(self.probability):
            return picture
        noisy = picture + torch.randn(picture.shape) * _uniform(*self.sigma)
        return noisy.round().clamp(0, 255).to(torch.uint8)


class Greyscale(_Step):
    """Remove the colour."""

    op: Literal["greyscale"]
    probability: float = Field(gt=0, le=1)

    def __call__(self, picture: Tensor) -> Tensor:
        """Remove the colour, or not."""
        return F.rgb_to_grayscale(picture, num_output_channels=3) if _happens(self.probability) else picture


class ColourJitter(_Step):
    """Change brightness, contrast and saturation by up to `strength`, as a share."""

    op: Literal["colour-jitter"]
    strength: float = Field(gt=0, lt=1)

    def __call__(self, picture: Tensor) -> Tensor:
        """Jitter."""
        jittered: Tensor = v2.ColorJitter(self.strength, self.strength, self.strength)(picture)
        return jittered


Augmentation = (
    RandomSquare
    | RandomResizedCrop
    | Rotation
    | Flip
    | Jpeg
    | Downsize
    | Reshare
    | Blur
    | Noise
    | Greyscale
    | ColourJitter
)


def altered(picture: Tensor, steps: Iterable[Augmentation], seed: int) -> Tensor:
    """Apply steps in order to a uint8 `[3, H, W]` picture; `seed`, in [0, 2**63), decides all that is random in them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for step in steps:
            picture = step(picture)
    return picture
