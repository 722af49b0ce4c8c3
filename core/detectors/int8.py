"""The body of a ResNet-18 in 8-bit integers, run by oneDNN's kernels as torch brings them.

Weights and activations were rounded to 8 bits beforehand (`core.training.quantise`; Jacob et al., Quantization and
Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference, 2018). On CPUs that multiply bytes natively
a work takes a fraction of the time it takes in float32 (`benchmarks/number_formats.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from core.detectors.int8_graph import BORDERED, FEATURES, read_steps

INT8_FILE = "int8.onnx"
BORDER = 3
"""Pixels around a window that the first layer of a ResNet looks at too."""


def bordered(crops: Tensor, mean: Sequence[float]) -> Tensor:
    """Put a border of the mean colour, which normalised is 0, around windows.

    Args:
        crops: grey levels, uint8 `[N, 3, H, W]`.
        mean: of each channel, in [0, 1].

    Returns:
        uint8 `[N, 3, H', W']`: each side longer by `BORDER` at both ends, and by one more where it was odd.
    """
    count, _, height, width = crops.shape
    colour = torch.tensor(mean).mul(255).round().to(torch.uint8)[None, :, None, None]
    rows, columns = (side + side % 2 + 2 * BORDER for side in (height, width))
    framed = torch.empty(
        (count, 3, rows, columns), dtype=torch.uint8, memory_format=torch.channels_last
    ).copy_(colour)
    framed[..., BORDER : BORDER + height, BORDER : BORDER + width] = crops
    return framed


class Int8Body:
    """A loaded graph, safe to share between threads.

    Args:
        graph: a file of `core.training.quantise`.
        mean: the mean colour of the network's input, each channel in [0, 1].
    """

    def __init__(self, graph: bytes, mean: Sequence[float]) -> None:
        self._steps = read_steps(graph)
        self._mean = mean

    def __call__(self, crops: Tensor) -> Tensor:
        """Return pooled features of windows as grey levels: float32 `[N, 512]` for uint8 `[N, 3, H, W]`."""
        found = {BORDERED: bordered(crops, self._mean)}
        for step in self._steps:
            found[step.gives] = step(found)
        return found[FEATURES]
