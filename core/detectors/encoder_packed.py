"""The encoder's transformer layers in bfloat16, with their weights in the order that oneDNN's kernels ask for.

What torch's own layers do besides multiplying takes as long as multiplying in tiles (AMX): it puts the weights in that
order anew in each pass, copies the bias, and reads and writes what is between three times for the activation. Here that
is done once, or within the multiplication. `benchmarks/number_formats.py` measures how near the result comes to float32.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Literal, cast

import torch
from torch import Tensor, nn

from core.detectors.encoder_int8 import SIGMOID

if TYPE_CHECKING:
    from transformers.models.clip.modeling_clip import CLIPEncoderLayer


class PackedLinear(nn.Module):
    """A linear layer, with an activation or none, that gives bfloat16.

    Args:
        weight: float32 `[outputs, inputs]`.
        bias: float32 `[outputs]`.
        then: what follows.
    """

    def __init__(self, weight: Tensor, bias: Tensor, then: Literal["none", "swish"] = "none") -> None:
        super().__init__()
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight.detach().bfloat16())  # noqa: SLF001
        self._bias = bias.detach().bfloat16()
        self._then = then

    def forward(self, tokens: Tensor) -> Tensor:
        """Return bfloat16 `[..., outputs]` for `[..., inputs]`."""
        given: Tensor = torch.ops.mkldnn._linear_pointwise(  # noqa: SLF001
            tokens.bfloat16(), self._weight, self._bias, self._then, [], ""
        )
        return given


def packed_layer(layer: CLIPEncoderLayer) -> CLIPEncoderLayer:
    """Return a copy of a layer in float32 that runs packed and has no gradients.

    CLIP's activation, x * sigmoid(1.702 x), is the swish of 1.702 x, over 1.702.
    """
    packed = copy.deepcopy(layer)
    for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
        linear = cast("nn.Linear", packed.self_attn.get_submodule(name))
        packed.self_attn.set_submodule(name, PackedLinear(linear.weight, linear.bias))
    wide, narrow = packed.mlp.fc1, packed.mlp.fc2
    perceptron = nn.Sequential(
        PackedLinear(wide.weight * SIGMOID, wide.bias * SIGMOID, "swish"),
        PackedLinear(narrow.weight / SIGMOID, narrow.bias),
    )
    packed.set_submodule("mlp", perceptron)
    return packed
