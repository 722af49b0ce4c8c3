"""The encoder's transformer layers in 8-bit integers, for CPUs that multiply these natively.

The pinned weights come rounded to 8 bits, a step for each channel, and stay exactly what they are. Activations are
rounded token by token, to the range they have there (Dettmers et al., LLM.int8(): 8-bit Matrix Multiplication for
Transformers at Scale, 2022). A few channels go far beyond all others and would leave these few levels: they are given
several times, each time a part of them, and so are their weights (Zhao et al., Improving Neural Network Quantization
without Retraining using Outlier Channel Splitting, 2019). `benchmarks/number_formats.py` measures how near that comes to
float32, and how fast it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (torch's own convention)

if TYPE_CHECKING:
    from transformers.models.clip.modeling_clip import CLIPEncoderLayer

WEIGHT_LEVELS = 127
"""Of a weight, beside 0, on either side."""
STEPS = 254
"""From the lowest to the highest activation of a token; one less than a byte has, as 0 is rounded to a level too."""
LOWEST = -128
SMALLEST = 1e-12
"""That a step is at least: a token may be 0 throughout."""
COPIES = 64
"""Of channels, that the outliers among 768 are given more often."""
SIGMOID = 1.702
"""CLIP's activation is x * sigmoid(1.702 x)."""


class Int8Linear:
    """A linear layer that takes and gives float32, and multiplies bytes.

    Args:
        weight: float32 `[outputs, inputs]`.
        bias: float32 `[outputs]`.
        extent: the largest magnitude of each input, float32 `[inputs]`, if outliers are to be split.
    """

    def __init__(self, weight: Tensor, bias: Tensor, extent: Tensor | None = None) -> None:
        self._step = weight.abs().amax(1).clamp_(min=SMALLEST) / WEIGHT_LEVELS
        levels = (weight / self._step[:, None]).round().to(torch.int8)
        self._times = None if extent is None else times_given(extent)
        if self._times is not None:
            again = torch.repeat_interleave(self._times - 1)
            self._share, self._again = 1 / self._times, again
            levels = torch.cat([levels, levels[:, again]], dim=1)
        self._columns = levels.t()
        self._sums = levels.float().sum(1) * self._step
        self._bias = bias

    def __call__(self, tokens: Tensor) -> Tensor:
        """Return float32 `[tokens, outputs]` for `[tokens, inputs]`."""
        if self._times is not None:
            tokens = tokens * self._share
            tokens = torch.cat([tokens, tokens.index_select(1, self._again)], dim=1)
        low = tokens.amin(1, keepdim=True).clamp_(max=0)
        high = tokens.amax(1, keepdim=True).clamp_(min=0)
        step = (high - low).div_(STEPS).clamp_(min=SMALLEST)
        zero = (low / step).round_().neg_().add_(LOWEST)
        levels = (tokens / step).round_().add_(zero).to(torch.int8)
        products = torch._int_mm(levels, self._columns).float()  # noqa: SLF001  (torch has no public name for it)
        products.mul_(self._step).addcmul_(zero, self._sums, value=-1)
        return torch.addcmul(self._bias, products, step)


def times_given(extent: Tensor, copies: int = COPIES) -> Tensor:
    """Say how often each input is given, so that `copies` more than all make the largest part of one the smallest.

    Args:
        extent: the largest magnitude of each input, float32 `[inputs]`.
        copies: how many more than one of each are given.

    Returns:
        int64 `[inputs]`, at least 1.
    """
    times = torch.ones_like(extent, dtype=torch.int64)
    for _ in range(copies):
        times[(extent / times).argmax()] += 1
    return times


class Int8Layer:
    """A layer of a CLIP vision transformer; the float layer it is made of is not kept.

    Args:
        layer: in float32.
        before_attention: the largest magnitude of what its first norm gives, float32 `[size]`.
        before_perceptron: the same of its second norm.
    """

    def __init__(self, layer: CLIPEncoderLayer, before_attention: Tensor, before_perceptron: Tensor) -> None:
        attention = layer.self_attn
        asked = attention.q_proj, attention.k_proj, attention.v_proj
        self._heads = attention.num_heads
        self._first_norm, self._second_norm = layer.layer_norm1, layer.layer_norm2
        self._asked = Int8Linear(
            torch.cat([part.weight for part in asked]),
            torch.cat([part.bias for part in asked]),
            before_attention,
        )
        self._answered = Int8Linear(attention.out_proj.weight, attention.out_proj.bias)
        self._widened = Int8Linear(layer.mlp.fc1.weight, layer.mlp.fc1.bias, before_perceptron)
        self._narrowed = Int8Linear(layer.mlp.fc2.weight, layer.mlp.fc2.bias)

    def __call__(self, hidden: Tensor, wanted: int | None = None) -> Tensor:
        """Return what the layer gives for the first `wanted` tokens, by default all.

        Window by window, so that what is between stays in the cache of the processor.

        Args:
            hidden: float32 `[N, tokens, size]`.
            wanted: how many tokens to return; of the others only keys and values are made.

        Returns:
            float32 `[N, wanted, size]`.
        """
        return torch.stack([self._of_window(tokens, wanted or len(tokens)) for tokens in hidden])

    def _of_window(self, tokens: Tensor, wanted: int) -> Tensor:
        count, size = tokens.shape
        asked = self._asked(self._first_norm(tokens))
        query, key, value = asked.view(count, 3, self._heads, size // self._heads).permute(1, 2, 0, 3)[
            :, None
        ]
        answer = F.scaled_dot_product_attention(query[:, :, :wanted], key, value)
        tokens = tokens[:wanted] + self._answered(answer[0].transpose(0, 1).reshape(wanted, size))
        wide = F.silu(self._widened(self._second_norm(tokens)).mul_(SIGMOID), inplace=True).div_(SIGMOID)
        return tokens + self._narrowed(wide)
