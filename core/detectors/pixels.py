"""The plainest features: the pixels themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.detectors.preprocessing import Preprocessing
from core.errors import ModelError
from core.images import Artwork


class Pixels:
    """The centre square of the uniform copy, downsized to `side` x `side` pixels, flattened.

    Kept as grey levels in uint8, an eighth of what float64 takes: level v stands for the value v / 255 in
    [0, 1]. Order: rows from the top, in them pixels from the left, in them red, green, blue.
    """

    def __init__(self, side: int) -> None:
        self.side = side
        self.size = side * side * 3

    def of(self, artworks: Sequence[Artwork], preprocessing: Preprocessing) -> NDArray[np.uint8]:
        """Return uint8 `[N, size]`.

        Raises:
            ModelError: if `preprocessing` makes anything but one window, `side` pixels wide.
        """
        if (preprocessing.windows, preprocessing.window) != (1, self.side):
            raise ModelError(
                f"Pixel features need one window of {self.side} pixels, but the preprocessing makes "
                f"{preprocessing.windows} of {preprocessing.window}; make window and side agree."
            )
        squares = [preprocessing.crops(artwork.image)[0] for artwork in artworks]
        if not squares:
            return np.empty((0, self.size), np.uint8)
        return np.stack([square.permute(1, 2, 0).numpy().ravel() for square in squares])
