"""The body of a network in 8-bit integers, run by ONNX Runtime.

Weights and activations were rounded to 8 bits beforehand (`core.training.quantise`; Jacob et al., Quantization and
Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference, 2018). On CPUs that multiply bytes natively
a work takes a third of the time it takes in float32 (`benchmarks/number_formats.py`).
"""

from __future__ import annotations

import onnxruntime
import torch
from torch import Tensor

INT8_FILE = "int8.onnx"
CROPS, FEATURES = "crops", "features"
"""Names of the graph's input, uint8 `[N, 3, H, W]`, and of its output, float32 `[N, 512]`."""
ERRORS_ONLY = 3


class Int8Body:
    """A loaded graph, safe to share between threads; a pass runs on the core of the thread that asks for it."""

    def __init__(self, graph: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = ERRORS_ONLY
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def __call__(self, crops: Tensor) -> Tensor:
        """Return pooled features of windows as grey levels: float32 `[N, 512]` for uint8 `[N, 3, H, W]`."""
        features = self._session.run([FEATURES], {CROPS: crops.numpy()})[0]
        return torch.from_numpy(features)
