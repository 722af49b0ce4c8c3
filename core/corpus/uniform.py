"""The uniform copy: one recipe for every image, so that no class can be told by its format or its size.

Upright; a cut-out is cropped to its visible figure and laid on a near-neutral vertical gradient seeded by the
original's hash; cropped; short side at most 352 px; at most 2.2 : 1; JPEG quality 82 without metadata.
The same original gives the same pixels wherever the same version of Pillow decodes and resamples.
"""

import hashlib
import random

import numpy as np
from PIL import Image

from core import images
from core.errors import ImageTooSmallError

SHORT_SIDE = 352
LEAST_SIDE = 224
PANORAMA = 2.2
QUALITY = 82
OPAQUE = 250
VISIBLE = 24
SHIFT = 22
GROUNDS = (
    (255, 255, 255),
    (250, 248, 243),
    (232, 230, 226),
    (200, 200, 200),
    (128, 128, 128),
    (64, 64, 66),
    (24, 24, 26),
    (0, 0, 0),
    (214, 202, 180),
    (176, 186, 196),
)
TOLERANCE = 2.0

JPEG_START = b"\xff\xd8"
JPEG_SCAN = b"\xff\xda"
JPEG_COMMENT = b"\xff\xfe"

Box = tuple[int, int, int, int]


def copy(original: bytes, crop: Box | None = None, *, name: str = "") -> bytes:
    """Make the uniform copy of an image file.

    Args:
        original: the bytes of the image file as its source has it.
        crop: the box (x0, y0, x1, y1) to cut, in pixels of the upright original.
        name: what error messages call the image.

    Returns:
        The bytes of a JPEG file whose short side is 224 to 352 px.

    Raises:
        ImageError: the original is not an image that Verso reads, or what remains of it is under 224 px.
    """
    image = _flat(images.decode(original, name=name), original)
    if crop is not None:
        image = image.crop(crop)
    if min(image.size) < LEAST_SIDE:
        raise ImageTooSmallError(
            f"{name or 'The image'} is {image.width} x {image.height} px where it is to be copied: a uniform "
            f"copy needs at least {LEAST_SIDE} px on the short side, so leave it out or find a larger one."
        )
    return images.encode_jpeg(_trimmed(_shrunk(image)), QUALITY)


def with_comment(uniform_copy: bytes, original: bytes) -> bytes:
    """The uniform copy carrying the JPEG comment of its original, if that has one.

    The published manifest was made by a program through which Pillow passed comments on unasked; the
    pixels are the same, the sha256 is not.
    """
    comment = _jpeg_comment(original)
    if not comment:
        return uniform_copy
    end_of_jfif = 4 + int.from_bytes(uniform_copy[4:6], "big")
    segment = JPEG_COMMENT + (len(comment) + 2).to_bytes(2, "big") + comment
    return uniform_copy[:end_of_jfif] + segment + uniform_copy[end_of_jfif:]


def difference(one: bytes, other: bytes) -> float:
    """Mean absolute difference of two image files over pixels and channels, in levels of 0 to 255.

    Infinite when their sizes differ. Copies by different versions of Pillow or libjpeg are held to be the
    same picture up to `TOLERANCE`.

    Raises:
        ImageError: either is not an image that Verso reads.
    """
    left, right = (np.asarray(images.open(data).image, dtype=np.int16) for data in (one, other))
    if left.shape != right.shape:
        return float("inf")
    return float(np.abs(left - right).mean())


def _flat(image: Image.Image, original: bytes) -> Image.Image:
    if image.mode not in {"RGBA", "LA", "P"}:
        return image.convert("RGB")
    image = image.convert("RGBA")
    alpha = image.getchannel("A")
    if _lowest(alpha) >= OPAQUE:
        ground = Image.new("RGBA", image.size, "white")
    else:
        image = image.crop(alpha.point([255 * (level > VISIBLE) for level in range(256)]).getbbox())
        ground = _gradient(image.size, hashlib.sha256(original).hexdigest())
    ground.alpha_composite(image)
    return ground.convert("RGB")


def _lowest(alpha: Image.Image) -> float:
    lowest = alpha.getextrema()[0]
    return lowest[0] if isinstance(lowest, tuple) else lowest


def _gradient(size: tuple[int, int], sha256: str) -> Image.Image:
    """A vertical gradient between a ground drawn by the hash (`low`, at the bottom) and one a shade off."""
    rng = random.Random(int(sha256[:8], 16))  # noqa: S311 - a recipe to repeat, not a secret
    low = rng.choice(GROUNDS)
    shift = rng.randint(-SHIFT, SHIFT)
    high = tuple(max(0, min(255, value + shift)) for value in low)
    ramp = Image.linear_gradient("L").resize(size)
    return Image.composite(Image.new("RGB", size, low), Image.new("RGB", size, high), ramp).convert("RGBA")


def _shrunk(image: Image.Image) -> Image.Image:
    scale = SHORT_SIDE / min(image.size)
    if scale >= 1:
        return image
    width, height = (max(SHORT_SIDE, round(side * scale)) for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def _trimmed(image: Image.Image) -> Image.Image:
    """The middle of a panorama."""
    width, height = image.size
    if width > PANORAMA * height:
        kept = int(PANORAMA * height)
        start = (width - kept) // 2
        return image.crop((start, 0, start + kept, height))
    if height > PANORAMA * width:
        kept = int(PANORAMA * width)
        start = (height - kept) // 2
        return image.crop((0, start, width, start + kept))
    return image


def _jpeg_comment(data: bytes) -> bytes:
    """The last comment before the pixels of a JPEG file (ITU T.81, B.2.4.5), or nothing."""
    comment = b""
    at = len(JPEG_START)
    while data.startswith(JPEG_START) and data[at : at + 1] == b"\xff":
        marker, end = data[at : at + 2], at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == JPEG_SCAN:
            break
        if marker == JPEG_COMMENT:
            comment = data[at + 4 : end]
        at = end
    return comment
