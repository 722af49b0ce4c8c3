"""The body of a ResNet-18 in 8-bit integers, run by ONNX Runtime.

Weights and activations were rounded to 8 bits beforehand (`core.training.quantise`; Jacob et al., Quantization and
Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference, 2018). On CPUs that multiply bytes natively
a work takes a third of the time it takes in float32 (`benchmarks/number_formats.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

import onnxruntime
import torch
from torch import Tensor

INT8_FILE = "int8.onnx"
BORDERED, FEATURES = "bordered", "features"
"""Names of the graph's input, see `bordered`, and of its output, float32 `[N, 512]`."""
BORDER = 3
"""Pixels around a window that the first layer of a ResNet looks at too."""
ERRORS_ONLY = 3


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
    framed = colour.repeat(count, 1, rows, columns)
    framed[..., BORDER : BORDER + height, BORDER : BORDER + width] = crops
    return framed


class Int8Body:
    """A loaded graph, safe to share between threads; a pass runs on the core of the thread that asks for it."""

    def __init__(self, graph: bytes, mean: Sequence[float]) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = ERRORS_ONLY
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._mean = mean

    def __call__(self, crops: Tensor) -> Tensor:
        """Return pooled features of windows as grey levels: float32 `[N, 512]` for uint8 `[N, 3, H, W]`."""
        given = bordered(crops, self._mean).numpy()
        features = self._session.run([FEATURES], {BORDERED: given})[0]
        return torch.from_numpy(features)
