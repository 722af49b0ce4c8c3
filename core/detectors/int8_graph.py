"""The graph of a network rounded to 8 bits, as ONNX Runtime's quantiser writes it, made into steps that torch runs.

In the file (ONNX operators, in the style that ONNX Runtime calls QDQ) each convolution stands between operators that turn
bytes into numbers and numbers into bytes. Here bytes go in and out of each step: oneDNN's kernels multiply them and round
what they give. A sum goes into the convolution before it, which has its numbers before they are rounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor

BORDERED: Final = "bordered"
"""Name of the graph's input: windows with a border, uint8 `[N, 3, H, W]`."""
FEATURES: Final = "features"
"""Name of its output, float32 `[N, 512]`."""

Found = Mapping[str, Tensor]
"""What the steps before gave, by name."""


class Step(Protocol):
    """One operator; `gives` names what it gives."""

    @property
    def gives(self) -> str:
        """Name of what it gives."""
        ...

    def __call__(self, found: Found) -> Tensor:
        """Run it."""
        ...


@dataclass(frozen=True)
class Rounding:
    """How numbers became bytes: a number is (its byte - `zero_point`) x `scale`."""

    scale: float
    zero_point: int


def cut(pixels: Tensor, side: int) -> Tensor:
    """Cut `[N, C, H, W]` into squares whose pixels become channels: `[N, side**2 * C, H / side, W / side]`."""
    count, channels, height, width = pixels.shape
    rows, columns = height // side, width // side
    lines = pixels.permute(0, 2, 3, 1).reshape(count, rows, side, columns, side * channels)
    return torch.cat(lines.unbind(2), dim=-1).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class Squares:
    """Cuts bytes into squares, see `cut`."""

    takes: str
    gives: str
    side: int

    def __call__(self, found: Found) -> Tensor:
        """Cut."""
        return cut(found[self.takes], self.side)


@dataclass(frozen=True, eq=False)
class Convolution:
    """A convolution of bytes, of which it gives bytes; what `adds` names is added before they are rounded, and is lost.

    `weight` is in the order that oneDNN asks for, `weight_scale` says what a level of each output's weights is, float32
    `[outputs]`, as `bias` is.
    """

    takes: str
    gives: str
    weight: Tensor
    weight_scale: Tensor
    bias: Tensor
    stride: list[int]
    padding: list[int]
    taken: Rounding
    given: Rounding
    adds: str | None = None
    added: Rounding | None = None

    def __call__(self, found: Found) -> Tensor:
        """Convolve; where `given.zero_point` is 0, negative numbers become 0."""
        kernels, given = torch.ops.onednn, self.given
        what = (
            *(found[self.takes], self.taken.scale, self.taken.zero_point),
            *(self.weight, self.weight_scale, torch.zeros_like(self.weight_scale, dtype=torch.int64)),
        )
        how = (self.bias, self.stride, self.padding, [1, 1], 1, given.scale, given.zero_point, torch.uint8)
        if self.adds is None or self.added is None:
            plain: Tensor = kernels.qconv2d_pointwise(*what, *how, "none", [], "")
            return plain
        sums: Tensor = kernels.qconv2d_pointwise.binary(
            *what, found[self.adds], *how, self.added.scale, self.added.zero_point, "sum", 1.0, "none", [], ""
        )
        return sums


@dataclass(frozen=True)
class Pool:
    """The largest of the bytes in each field."""

    takes: str
    gives: str
    side: list[int]
    stride: list[int]
    padding: list[int]

    def __call__(self, found: Found) -> Tensor:
        """Pool."""
        largest: Tensor = torch.ops.quantized.max_pool2d(
            found[self.takes], self.side, self.stride, self.padding, [1, 1], False
        )
        return largest


@dataclass(frozen=True)
class Mean:
    """The mean over all places, in float32: `[N, C]`."""

    takes: str
    gives: str
    taken: Rounding

    def __call__(self, found: Found) -> Tensor:
        """Take the mean."""
        return (found[self.takes].float().mean(dim=(2, 3)) - self.taken.zero_point) * self.taken.scale


def read_steps(graph: bytes) -> list[Step]:
    """Read a graph of `core.training.quantise`: its steps, in an order in which each finds what it takes."""
    return _Reader(onnx.load_from_string(graph).graph).steps()


class _Reader:
    def __init__(self, graph: onnx.GraphProto) -> None:
        self._nodes = list(graph.node)
        self._constants = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
        self._by_output = {node.output[0]: node for node in self._nodes}
        self._rounded = {node.input[0]: node for node in self._nodes if node.op_type == "QuantizeLinear"}

    def steps(self) -> list[Step]:
        steps: list[Step] = []
        for node in self._nodes:
            if node.op_type == "SpaceToDepth":
                steps.append(Squares(node.input[0], node.output[0], _attributes(node)["blocksize"]))
            elif node.op_type == "Conv":
                steps.append(self._convolution(node))
            elif node.op_type == "Add":
                steps.append(self._with_sum(node, steps.pop()))
            elif node.op_type == "MaxPool":
                steps.append(self._pool(node))
            elif node.op_type == "ReduceMean":
                steps.append(Mean(self._bytes(node.input[0]), FEATURES, self._rounding(node.input[0])))
        return steps

    def _bytes(self, numbers: str) -> str:
        """Return the name of the bytes that became these numbers."""
        name: str = self._by_output[numbers].input[0]
        return name

    def _rounding(self, numbers: str) -> Rounding:
        """Return how these numbers became bytes, or were bytes before."""
        node = self._by_output.get(numbers)
        if node is None or node.op_type != "DequantizeLinear":
            node = self._rounded[numbers]
        _, scale, zero_point = node.input
        return Rounding(float(self._constants[scale]), int(self._constants[zero_point]))

    def _levels(self, numbers: str) -> tuple[NDArray[Any], NDArray[np.float32]]:
        """Return constant numbers as they were rounded, and what a level of each output is."""
        levels, scale = self._by_output[numbers].input[:2]
        return self._constants[levels], self._constants[scale]

    def _convolution(self, node: onnx.NodeProto) -> Convolution:
        takes, weight, bias = node.input
        levels, weight_scale = (torch.tensor(each) for each in self._levels(weight))
        bias_levels, bias_scale = self._levels(bias)
        named = _attributes(node)
        stride, padding, taken = named["strides"], named["pads"][:2], self._rounding(takes)
        packed = torch.ops.onednn.qconv_prepack(
            levels, weight_scale, taken.scale, taken.zero_point, stride, padding, [1, 1], 1, None
        )
        return Convolution(
            takes=self._bytes(takes),
            gives=self._rounded[node.output[0]].output[0],
            weight=packed,
            weight_scale=weight_scale,
            bias=torch.tensor(bias_levels * bias_scale, dtype=torch.float32),
            stride=stride,
            padding=padding,
            taken=taken,
            given=self._rounding(node.output[0]),
        )

    def _with_sum(self, node: onnx.NodeProto, last: Step) -> Convolution:
        """Return `last`, whose numbers are one of the addends, with the sum in it."""
        if not isinstance(last, Convolution):
            raise TypeError(f"{node.name} does not follow a convolution.")
        other = next(numbers for numbers in node.input if self._bytes(numbers) != last.gives)
        return replace(
            last,
            gives=self._rounded[node.output[0]].output[0],
            given=self._rounding(node.output[0]),
            adds=self._bytes(other),
            added=self._rounding(other),
        )

    def _pool(self, node: onnx.NodeProto) -> Pool:
        named = _attributes(node)
        return Pool(
            takes=self._bytes(node.input[0]),
            gives=self._rounded[node.output[0]].output[0],
            side=named["kernel_shape"],
            stride=named["strides"],
            padding=named["pads"][:2],
        )


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
