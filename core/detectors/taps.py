"""Taps: the places in the encoder's network where an embedding is read off.

After each layer L, counted from 1: the class token (`class-L`), the mean of the patch tokens (`patches-L`) and
their standard deviation (`spread-L`); and `pooled`, the class token of the last layer after the last layer
norm. Early and middle layers keep traces of generation that the last one forgets: Koutlis and Papadopoulos,
Leveraging Representations from Intermediate Encoder-Blocks for Synthetic Image Detection (ECCV 2024).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from core.errors import EncoderError

POOLED = "pooled"
JUST_POOLED = (POOLED,)


def _deviation(tokens: Tensor) -> Tensor:
    """Return the standard deviation over tokens, `[N, size]` of `[N, tokens, size]`.

    `Tensor.std` takes several times as long on a CPU.
    """
    length = torch.linalg.vector_norm(tokens - tokens.mean(dim=1, keepdim=True), dim=1)
    deviation: Tensor = length / (tokens.shape[1] - 1) ** 0.5
    return deviation


READINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "class": lambda hidden: hidden[:, 0],
    "patches": lambda hidden: hidden[:, 1:].mean(dim=1),
    "spread": lambda hidden: _deviation(hidden[:, 1:]),
}
"""What is read off the hidden states `[N, 1 + patches, size]` of a layer: `[N, size]`."""

Tap = Annotated[str, Field(pattern=r"^(pooled|(class|patches|spread)-[1-9]\d?)$")]
"""The name of a tap."""


def all_taps(layers: int) -> tuple[str, ...]:
    """Return the names of every tap of a network with so many layers: 3 x `layers` + 1."""
    return (*(f"{kind}-{layer}" for kind in READINGS for layer in range(1, layers + 1)), POOLED)


def require_taps(taps: tuple[str, ...], known: tuple[str, ...]) -> None:
    """Do nothing if all `taps` are among the `known` ones.

    Raises:
        EncoderError: if one is not; the message names it.
    """
    for tap in taps:
        if tap not in known:
            raise EncoderError(f"The encoder has no tap '{tap}'; choose among {', '.join(known)}.")


def last_layer(taps: tuple[str, ...], layers: int) -> int:
    """Return the layer, counted from 1, after which the last of `taps` can be read off."""
    return max(layers if tap == POOLED else int(tap.partition("-")[2]) for tap in taps)


def reads_class_alone(taps: tuple[str, ...], layer: int) -> bool:
    """Whether `taps` read the class token and no patch of the `layer`, counted from 1."""
    return not any(tap.partition("-")[2] == str(layer) and not tap.startswith("class-") for tap in taps)
