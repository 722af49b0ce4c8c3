"""Features made by hand: what forensics has found to tell generated pictures from others.

Each function takes the centre square of the uniform copy and returns a fixed number of float32 values, finite for
any picture. The square is cut, not resized, so that no scaling hides traces, and begins on the copy's JPEG grid,
so that its phase tells nothing of the picture's width and height.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn, rfft2

from core.detectors.preprocessing import Preprocessing, Window
from core.images import Artwork

Values = NDArray[np.float32]
Plane = NDArray[np.float32]
"""One channel of the square, or all three of them: `[..., H, W]` in grey levels, 0 to 255."""

UNIT = 16
"""Width in pixels of the squares that a JPEG file with halved chroma is made of."""

BLOCK = 8
FREQUENCIES = 32
HUES = 12
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
CLIPPED = 3
"""Grey levels this near to 0 or 255 count as under- or over-exposed."""

RADII = (1, 2, 4)
MOST_CHANGES = 2
"""Changes between darker and brighter around the ring of a uniform pattern, at most."""

TINY = 1e-3
"""Added before logarithms and divisions; a thousandth of a grey level."""


def centre_square(image: Image.Image, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Return the square that features are made of: RGB, uint8 `[window, window, 3]`.

    A uniform copy smaller than the window is enlarged to it.
    """
    copy, side = preprocessing.uniform(image), preprocessing.window
    if min(copy.size) < side:
        scale = side / min(copy.size)
        width, height = (max(side, round(length * scale)) for length in copy.size)
        copy = copy.resize((width, height), Image.Resampling.BICUBIC)
    left, top = ((length - side) // 2 // UNIT * UNIT for length in copy.size)
    return np.asarray(copy.crop((left, top, left + side, top + side)))


def centre_window(width: int, height: int, preprocessing: Preprocessing) -> Window:
    """Return where in an artwork of `width` x `height` pixels `centre_square` lies, up to rounding."""
    kept, side = preprocessing.kept(width, height), preprocessing.window
    short = min(width, height)
    scale = min(1.0, preprocessing.uniform_side / short)
    scale = max(scale, side / short)
    box = []
    for length, first, last in ((width, kept.left, kept.right), (height, kept.top, kept.bottom)):
        copy = round((last - first) * length * scale)
        start = (copy - side) // 2 // UNIT * UNIT
        box.append([first + pixel / scale / length for pixel in (start, start + side)])
    (left, right), (top, bottom) = box
    return Window(left, top, right, bottom)


def residual_moments(rgb: Plane) -> Values:
    """Return the size and form of five high-pass residuals in each channel, and how channels share them: 69.

    Fridrich and Kodovsky, Rich Models for Steganalysis of Digital Images (2012); that generators tie the
    channels together in another way than cameras: McCloskey and Albright (2018).

    Args:
        rgb: `[3, H, W]`.
    """
    found = []
    residuals = _residuals(rgb)
    for residual in residuals:
        magnitude = np.abs(residual)
        spread = residual.std(axis=(1, 2))
        squared = (
            (residual - residual.mean(axis=(1, 2), keepdims=True)) / (spread[:, None, None] + TINY)
        ) ** 2
        found += [
            np.log(magnitude.mean(axis=(1, 2)) + TINY),
            np.log(spread + TINY),
            np.log1p((squared**2).mean(axis=(1, 2))),
            (magnitude < 1).mean(axis=(1, 2)),
        ]
    first_across, first_down, *_, square = residuals
    found += [_correlations(residual) for residual in (first_across, first_down, square)]
    return np.concatenate(found).astype(np.float32)


def _residuals(planes: Plane) -> list[Plane]:
    """Return first and second differences across and down, and the second difference in both directions."""
    first_across, first_down = np.diff(planes, axis=-1), np.diff(planes, axis=-2)
    second_across, second_down = np.diff(first_across, axis=-1), np.diff(first_down, axis=-2)
    return [first_across, first_down, second_across, second_down, np.diff(second_across, n=2, axis=-2)]


def _correlations(channels: Plane) -> Values:
    """Return the correlation of each pair of channels `[3, H, W]`, 0 for a flat one: `[3]`."""
    flat = channels.reshape(3, -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(flat, axis=1) + TINY
    products = flat @ flat.T / np.outer(norms, norms)
    return np.asarray(products[(0, 0, 1), (1, 2, 2)], np.float32)


def residual_pairs(luminance: Plane, step: float = 2.0, most: int = 2) -> Values:
    """Return how often neighbouring residuals take each pair of values, for three kinds of residual: 75.

    Residuals are quantised by `step` grey levels and cut off at `most` steps; across and down are averaged.
    Pevný, Bas and Fridrich, Steganalysis by Subtractive Pixel Adjacency Matrix (2010); Fridrich and Kodovsky
    (2012).

    Args:
        luminance: `[H, W]`.
        step: in grey levels.
        most: in steps.
    """
    first_across, first_down, second_across, second_down, square = (
        np.clip(np.rint(residual / step), -most, most).astype(np.intp) + most
        for residual in _residuals(luminance)
    )
    kinds = [(first_across, first_down), (second_across, second_down), (square, square)]
    values = 2 * most + 1
    found = []
    for across, down in kinds:
        pairs = np.concatenate(
            [
                (across[:, :-1] * values + across[:, 1:]).ravel(),
                (down[:-1] * values + down[1:]).ravel(),
            ]
        )
        found.append(np.bincount(pairs, minlength=values**2) / len(pairs))
    return np.concatenate(found).astype(np.float32)


def block_spectrum(ycbcr: Plane) -> Values:
    """Return the mean size of the 8 x 8 DCT's coefficients, and how it varies from block to block: 105.

    For the luminance of each coefficient but the first, and, by diagonal, the ratio of mean to root mean square;
    for the two chroma channels by diagonal. Frank et al., Leveraging Frequency Analysis for Deep Fake Image
    Recognition (2020).

    Args:
        ycbcr: `[3, H, W]`, H and W at least 8.
    """
    rows, columns = ycbcr.shape[1] // BLOCK, ycbcr.shape[2] // BLOCK
    blocks = ycbcr[:, : rows * BLOCK, : columns * BLOCK].reshape(3, rows, BLOCK, columns, BLOCK)
    sizes = np.abs(dctn(blocks, axes=(2, 4), norm="ortho")).transpose(0, 1, 3, 2, 4)
    mean = sizes.mean(axis=(1, 2)).reshape(3, -1)
    square = (sizes**2).mean(axis=(1, 2)).reshape(3, -1)
    diagonal = np.add.outer(np.arange(BLOCK), np.arange(BLOCK)).ravel()
    by_diagonal = [diagonal == number for number in range(1, 2 * BLOCK - 1)]
    found = [np.log(mean[0, 1:] + TINY)]
    found.append([mean[0, part].sum() / (np.sqrt(square[0, part]).sum() + TINY) for part in by_diagonal])
    found += [np.log([mean[chroma, part].mean() + TINY for part in by_diagonal]) for chroma in (1, 2)]
    return np.concatenate(found).astype(np.float32)


def radial_spectrum(luminance: Plane) -> Values:
    """Return the logarithm of the spectrum by distance from its centre, its mean and how far peaks rise: 64.

    Relative to the whole spectrum's mean, so that contrast does not count. Durall et al., Watch Your
    Up-Convolution (2020); peaks of upsampling: Frank et al. (2020).

    Args:
        luminance: `[H, W]`, square.
    """
    side = len(luminance)
    taper = np.hanning(side).astype(np.float32)
    tapered = (luminance - luminance.mean()) * np.outer(taper, taper)
    spectrum = np.log(np.abs(rfft2(tapered)) + TINY)
    down, across = np.fft.fftfreq(side), np.fft.rfftfreq(side)
    distance = np.hypot(down[:, None], across[None, :])
    ring = np.minimum(distance / 0.5 * FREQUENCIES, FREQUENCIES - 0.5).astype(np.intp)
    counts = np.bincount(ring.ravel(), minlength=FREQUENCIES)
    means = np.bincount(ring.ravel(), spectrum.ravel(), minlength=FREQUENCIES) / np.maximum(counts, 1)
    peaks = np.full(FREQUENCIES, spectrum.min(), np.float64)
    np.maximum.at(peaks, ring.ravel(), spectrum.ravel())
    return np.concatenate([means - spectrum.mean(), peaks - means]).astype(np.float32)


def colour(rgb: Plane, ycbcr: Plane, hsv: Plane) -> Values:
    """Return statistics of saturation, lightness, hue, exposure and of how the channels go together: 39.

    McCloskey and Albright, Detecting GAN-generated Imagery using Color Cues (2018); Li et al., Identification
    of Deep Network Generated Images Using Disparities in Color Components (2020).

    Args:
        rgb: `[3, H, W]`.
        ycbcr: the same square.
        hsv: the same square.
    """
    hue, saturation, value = (plane.ravel() for plane in hsv)
    hues = np.bincount((hue * (HUES / 256)).astype(np.intp), saturation, minlength=HUES)
    return np.concatenate(
        [
            *([plane.mean(), plane.std(), *np.quantile(plane, QUANTILES)] for plane in (saturation, value)),
            (rgb < CLIPPED).mean(axis=(1, 2)),
            (rgb > 255 - CLIPPED).mean(axis=(1, 2)),
            _correlations(rgb),
            hues / (saturation.sum() + TINY),
            [ycbcr[1].mean(), ycbcr[1].std(), ycbcr[2].mean(), ycbcr[2].std()],
        ]
    ).astype(np.float32)


def texture(luminance: Plane) -> Values:
    """Return how often each local binary pattern occurs, at three radii: 30.

    Eight neighbours, rotation-invariant uniform patterns: nine by the number of brighter neighbours, one for
    all that are not uniform. Ojala, Pietikäinen and Mäenpää, Multiresolution Gray-Scale and Rotation Invariant
    Texture Classification with Local Binary Patterns (2002), with neighbours on the pixel grid.

    Args:
        luminance: `[H, W]`.
    """
    found = []
    for radius in RADII:
        inner = luminance[radius:-radius, radius:-radius]
        height, width = inner.shape
        code = np.zeros(inner.shape, np.uint8)
        for bit, (down, across) in enumerate(_RING):
            top, left = radius * (1 + down), radius * (1 + across)
            brighter = luminance[top : top + height, left : left + width] >= inner
            code |= brighter.astype(np.uint8) << bit
        counts = np.bincount(_UNIFORM[code].ravel(), minlength=len(_RING) + 2)
        found.append(counts / code.size)
    return np.concatenate(found).astype(np.float32)


_RING = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))
"""Where the eight neighbours lie: down and across."""


def _uniform_patterns() -> NDArray[np.intp]:
    """Return the pattern of each code: its number of ones if these are side by side, else 9."""
    bits = np.arange(256)[:, None] >> np.arange(8) & 1
    changes = (bits != np.roll(bits, 1, axis=1)).sum(axis=1)
    return np.where(changes <= MOST_CHANGES, bits.sum(axis=1), len(_RING) + 1)


_UNIFORM = _uniform_patterns()


class Forensic:
    """All features of this module, one after the other, in the order of the functions."""

    size = 382

    def of(self, artworks: Sequence[Artwork], preprocessing: Preprocessing) -> Values:
        """Return float32 `[N, size]`."""
        if not artworks:
            return np.empty((0, self.size), np.float32)
        return np.stack(
            [forensic_features(centre_square(artwork.image, preprocessing)) for artwork in artworks]
        )


def forensic_features(square: NDArray[np.uint8]) -> Values:
    """Return the features of an RGB square, uint8 `[side, side, 3]`: float32 `[Forensic.size]`."""
    picture = Image.fromarray(square)
    rgb, ycbcr, hsv = (_planes(picture.convert(mode)) for mode in ("RGB", "YCbCr", "HSV"))
    luminance = ycbcr[0]
    return np.concatenate(
        [
            residual_moments(rgb),
            residual_pairs(luminance),
            block_spectrum(ycbcr),
            radial_spectrum(luminance),
            colour(rgb, ycbcr, hsv),
            texture(luminance),
        ]
    )


def _planes(picture: Image.Image) -> Plane:
    return np.ascontiguousarray(np.asarray(picture).transpose(2, 0, 1), np.float32)
