"""What happens to pictures on their way to an analyst, as declared data: the 13 conditions of robustness.

A condition is applied to the upright RGB picture of an artwork before a detector sees it, identically to both
classes; the detector's own preprocessing then runs as always. Every condition but the crop keeps the size.

"Resize x 0.5" means to half the width and height and back, everywhere. The *web chain* is that, then JPEG 75,
and both once more: the picture comes back from two sites that each showed a smaller, re-saved copy.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image, ImageFilter

from core import images
from core.errors import SelectionError
from core.images import Artwork

ALL = "all"


class Step(Protocol):
    """One change of an RGB picture; `seed` is all the chance it may use."""

    def __call__(self, picture: Image.Image, seed: int, /) -> Image.Image:
        """Return the changed RGB picture; `picture` itself stays as it is."""
        ...


@dataclass(frozen=True)
class Jpeg:
    """Save as JPEG, with libjpeg's `quality` from 1 to 100, and open again."""

    quality: int

    def __call__(self, picture: Image.Image, _seed: int) -> Image.Image:
        """Compress."""
        return images.recompress(picture, self.quality)


@dataclass(frozen=True)
class WebP:
    """Save as lossy WebP, with libwebp's `quality` from 0 to 100, and open again."""

    quality: int

    def __call__(self, picture: Image.Image, _seed: int) -> Image.Image:
        """Compress."""
        buffer = io.BytesIO()
        picture.save(buffer, "WEBP", quality=self.quality)
        return images.open(buffer.getvalue()).image


@dataclass(frozen=True)
class Resize:
    """Shrink both sides by `factor` below 1 (Lanczos), and enlarge again (bicubic)."""

    factor: float

    def __call__(self, picture: Image.Image, _seed: int) -> Image.Image:
        """Shrink and enlarge."""
        width, height = (max(1, round(side * self.factor)) for side in picture.size)
        small = picture.resize((width, height), Image.Resampling.LANCZOS)
        return small.resize(picture.size, Image.Resampling.BICUBIC)


@dataclass(frozen=True)
class Blur:
    """Gaussian blur with a standard deviation of `sigma` pixels."""

    sigma: float

    def __call__(self, picture: Image.Image, _seed: int) -> Image.Image:
        """Blur."""
        return picture.filter(ImageFilter.GaussianBlur(self.sigma))


@dataclass(frozen=True)
class Noise:
    """Gaussian noise, independent in every pixel and channel; `sigma` is in grey levels of 255."""

    sigma: float

    def __call__(self, picture: Image.Image, seed: int) -> Image.Image:
        """Add the noise that belongs to `seed`."""
        levels = np.asarray(picture, np.float32)
        noise = np.random.default_rng(seed).standard_normal(levels.shape, np.float32)
        return Image.fromarray(np.rint(levels + self.sigma * noise).clip(0, 255).astype(np.uint8))


@dataclass(frozen=True)
class CentreCrop:
    """Keep the centred `share` of the width and of the height."""

    share: float

    def __call__(self, picture: Image.Image, _seed: int) -> Image.Image:
        """Crop."""
        width, height = (max(1, round(side * self.share)) for side in picture.size)
        left, top = (picture.width - width) // 2, (picture.height - height) // 2
        return picture.crop((left, top, left + width, top + height))


@dataclass(frozen=True)
class Greyscale:
    """Replace the colours by their luma (ITU-R BT.601), the same in all three channels."""

    def __call__(self, picture: Image.Image, _seed: int) -> Image.Image:
        """Remove the colour."""
        return picture.convert("L").convert("RGB")


@dataclass(frozen=True)
class Condition:
    """What is done to every picture before it is judged; `name` is its column in `robustness.csv`."""

    name: str
    title: str
    steps: tuple[Step, ...]

    def __call__(self, picture: Image.Image, sha256: str) -> Image.Image:
        """Return an RGB picture after all steps; chance is seeded from the `sha256` of the picture's file."""
        for step in self.steps:
            picture = step(picture, int(sha256, 16))
        return picture

    @property
    def fingerprint(self) -> str:
        """16 hex digits that change with what is done."""
        return hashlib.sha256(repr(self.steps).encode()).hexdigest()[:16]


CONDITIONS: dict[str, Condition] = {
    condition.name: condition
    for condition in (
        Condition("jpeg-90", "JPEG quality 90", (Jpeg(90),)),
        Condition("jpeg-70", "JPEG quality 70", (Jpeg(70),)),
        Condition("jpeg-50", "JPEG quality 50", (Jpeg(50),)),
        Condition("jpeg-30", "JPEG quality 30", (Jpeg(30),)),
        Condition("webp-80", "WebP quality 80", (WebP(80),)),
        Condition("resize-75", "resize × 0.75 and back", (Resize(0.75),)),
        Condition("resize-50", "resize × 0.5 and back", (Resize(0.5),)),
        Condition("resize-25", "resize × 0.25 and back", (Resize(0.25),)),
        Condition("blur-1", "Gaussian blur, 1 pixel", (Blur(1),)),
        Condition("noise-5", "Gaussian noise, 5 of 255", (Noise(5),)),
        Condition("crop-80", "centre crop 80 %", (CentreCrop(0.8),)),
        Condition("greyscale", "greyscale", (Greyscale(),)),
        Condition(
            "web-chain",
            "web chain: resize × 0.5 and back, JPEG 75, twice",
            (Resize(0.5), Jpeg(75), Resize(0.5), Jpeg(75)),
        ),
    )
}


def chosen(names: Iterable[str]) -> list[Condition]:
    """Return the conditions called `names` ("all" for every one), each once, in the order of `CONDITIONS`.

    Raises:
        SelectionError: if a name is not known; the message lists those that are.
    """
    wanted = set(names)
    unknown = sorted(wanted - {ALL, *CONDITIONS})
    if unknown:
        raise SelectionError(
            f"There is no perturbation '{unknown[0]}'. Known: {', '.join(CONDITIONS)}, or {ALL} for all of them."
        )
    return [condition for name, condition in CONDITIONS.items() if {name, ALL} & wanted]


def perturb(artwork: Artwork, condition: Condition) -> Artwork:
    """Return an artwork after a condition; the same artwork always gives the same pixels.

    The result has no file: its `sha256` is that of the original's followed by the condition's fingerprint, so
    that what is remembered of it is never mistaken for the original's.
    """
    picture = condition(artwork.image, artwork.sha256)
    return dataclasses.replace(
        artwork,
        image=picture,
        sha256=perturbed_key(artwork.sha256, condition),
        width=picture.width,
        height=picture.height,
    )


def perturbed_key(sha256: str, condition: Condition) -> str:
    """Return what tells a perturbed picture from every other, 64 hex digits; `sha256` is that of its file."""
    return hashlib.sha256(f"{sha256} {condition.fingerprint}".encode()).hexdigest()
