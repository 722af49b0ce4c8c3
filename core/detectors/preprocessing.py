"""From an artwork to what a network is fed; the settings travel on the model's card.

Whatever a user uploads is first made into what the corpus holds (see `data/DATASHEET.md`): downsized,
panoramas trimmed, JPEG compressed. File format and size then tell a detector nothing. The aspect ratio is
never changed and nothing is padded: the network sees square windows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import PIL
import pyarrow as pa
import torch
import torchvision
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError
from torch import Tensor
from torch.utils.dlpack import from_dlpack
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F  # noqa: N812  (torchvision's own convention)

from core import images

LIBRARIES: Final = (
    f"Pillow {PIL.__version__}, torch {torch.__version__}, torchvision {torchvision.__version__}"
)
"""What decodes, resamples and computes: caches of what was made of pictures begin anew with another version."""


@dataclass(frozen=True)
class Window:
    """A square the network saw, as fractions of the artwork's width and height."""

    left: float
    top: float
    right: float
    bottom: float


class Preprocessing(BaseModel):
    """How an artwork becomes network input.

    `uniform_side`, `uniform_quality` and `uniform_aspect` describe the copies of the corpus: short side in
    pixels, JPEG quality, and the largest ratio of long to short side. `decoded_side` is what audits may decode a JPEG
    down to, see `enough`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    uniform_side: int = Field(default=352, ge=32)
    uniform_quality: int = Field(default=82, ge=1, le=100)
    uniform_aspect: float = Field(default=2.2, gt=1)
    short_side: int = Field(ge=32)
    window: int = Field(ge=32)
    windows: int = Field(default=1, ge=1, le=5)
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    decoded_side: int | None = Field(default=None, ge=32, exclude_if=lambda given: given is None)

    @model_validator(mode="after")
    def _has_room_for_a_window(self) -> Self:
        if self.window > self.short_side:
            raise PydanticCustomError("window", "a window cannot be wider than short_side")
        return self

    @property
    def ample(self) -> int:
        """Pixels of each side with which a copy is as good as the picture: twice what the uniform copy keeps."""
        return 2 * self.uniform_side

    @property
    def enough(self) -> int:
        """Pixels of each side that an audit lets a JPEG be decoded down to, see `images.open`.

        `ample`, unless the model was measured with fewer (`decoded_side`): what the decoder leaves out, the uniform
        copy would lose anyway. On `val` either moves `p_ai` no further than another number format does
        (`benchmarks/scaled_decoding.py`, models/EXPERIMENTS.md).
        """
        return self.decoded_side or self.ample

    def cuts_as(self, other: Preprocessing) -> bool:
        """Whether `crops` gives the same with `other`."""
        fields = ("uniform_side", "uniform_quality", "uniform_aspect", "short_side", "window", "windows")
        return all(getattr(self, field) == getattr(other, field) for field in fields)

    def uniform(self, image: Image.Image) -> Image.Image:
        """Make the uniform copy of an RGB image: the form in which every artwork is judged."""
        size = self._downsized(*image.size)
        if size != image.size:
            image = _lanczos(image, *size)
        return images.recompress(image.crop(self._trim(*size)), self.uniform_quality)

    def _downsized(self, width: int, height: int) -> tuple[int, int]:
        """Return the size of the uniform copy before panoramas are trimmed."""
        scale = self.uniform_side / min(width, height)
        if scale >= 1:
            return width, height
        return max(self.uniform_side, round(width * scale)), max(self.uniform_side, round(height * scale))

    def _trim(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Return the centred box `uniform` keeps: the whole picture unless it is a panorama."""
        longest = int(self.uniform_aspect * min(width, height))
        kept_width, kept_height = min(width, longest), min(height, longest)
        left, top = (width - kept_width) // 2, (height - kept_height) // 2
        return left, top, left + kept_width, top + kept_height

    def kept(self, width: int, height: int) -> Window:
        """Return what `uniform` keeps of an artwork of `width` x `height` pixels."""
        left, top, right, bottom = self._trim(width, height)
        return Window(left / width, top / height, right / width, bottom / height)

    def _offsets(self, width: int, height: int) -> list[tuple[int, int]]:
        """Return (left, top) of each distinct window in a picture whose short side is `short_side`."""
        spare_x, spare_y = width - self.window, height - self.window
        if self.windows == 1:
            return [(spare_x // 2, spare_y // 2)]
        steps = [i / (self.windows - 1) for i in range(self.windows)]
        if width >= height:
            spread = [(round(spare_x * step), spare_y // 2) for step in steps]
        else:
            spread = [(spare_x // 2, round(spare_y * step)) for step in steps]
        return list(dict.fromkeys(spread))

    def tensor(self, image: Image.Image) -> Tensor:
        """Return the windows of an RGB image, normalised: float32 `[n, 3, window, window]`; see `crops`."""
        return self.normalize(self.crops(image))

    def crops(self, image: Image.Image) -> Tensor:
        """Return the windows of an RGB image as grey levels.

        Returns:
            uint8 `[n, 3, window, window]` with n = `windows`, spread evenly along the long side; windows that
            coincide, as all do in a square picture, are returned once.
        """
        small = F.resize(_levels(self.uniform(image)), [self.short_side], antialias=True)[:3]
        height, width = small.shape[-2:]
        return torch.stack(
            [
                small[:, top : top + self.window, left : left + self.window]
                for left, top in self._offsets(width, height)
            ]
        )

    def normalize(self, pixels: Tensor) -> Tensor:
        """Turn uint8 `[..., 3, H, W]` into float32, normalised per channel."""
        scaled = F.to_dtype(pixels, torch.float32, scale=True)
        normalized: Tensor = F.normalize(scaled, list(self.mean), list(self.std))
        return normalized

    def seen(self, width: int, height: int) -> list[Window]:
        """Return where in an image of `width` x `height` pixels each window of `tensor` lies, in their order."""
        width, height = self._downsized(width, height)
        left, top, right, bottom = self._trim(width, height)
        kept_width, kept_height = right - left, bottom - top
        shorter = min(kept_width, kept_height)
        small = self.short_side * kept_width // shorter, self.short_side * kept_height // shorter
        across, down = kept_width / small[0], kept_height / small[1]
        return [
            Window(
                (left + x * across) / width,
                (top + y * down) / height,
                (left + (x + self.window) * across) / width,
                (top + (y + self.window) * down) / height,
            )
            for x, y in self._offsets(*small)
        ]


def unseen(windows: Sequence[Window]) -> float:
    """Return the share of an artwork, in [0, 1], on which none of `windows` lies.

    They are those of one picture: spread along one of its sides, level along the other.
    """
    across = _covered((window.left, window.right) for window in windows)
    down = _covered((window.top, window.bottom) for window in windows)
    return max(0.0, round(1 - across * down, 6))


def _covered(spans: Iterable[tuple[float, float]]) -> float:
    """Return the length of the union of spans within [0, 1]."""
    total, end = 0.0, 0.0
    for first, last in sorted(spans):
        total += max(0.0, min(1.0, last) - max(end, first))
        end = max(end, last)
    return total


def _lanczos(image: Image.Image, width: int, height: int) -> Image.Image:
    """Resize an RGB image as Pillow does, but for single grey levels of rounding, in a fifth of the time.

    Its mode becomes RGBX: as RGB, with a fourth channel that means nothing.
    """
    small = F.resize(_levels(image), [height, width], InterpolationMode.LANCZOS, antialias=True)
    levels = small.permute(1, 2, 0).contiguous().numpy()
    return Image.frombuffer("RGBX", (width, height), levels, "raw", "RGBX", 0, 1)


def _levels(image: Image.Image) -> Tensor:
    """Return an RGB image's grey levels, uint8 `[4, H, W]`, of which the last channel means nothing.

    They are the image's own, not to be written to, where Pillow holds them in one piece; else a copy.
    """
    try:
        levels = from_dlpack(pa.array(image).flatten()).view(image.height, image.width, 4)
    except ValueError:
        levels = torch.from_numpy(np.array(image.convert("RGBX")))
    return levels.permute(2, 0, 1)
