"""Which device and number format a network runs in on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import nn

from core.threads import in_order

Network = TypeVar("Network", bound=nn.Module)
Item = TypeVar("Item")
Result = TypeVar("Result")

BF16_TOLERANCE = 0.03
"""Accepted difference in `p_ai` between bfloat16 and float32 (absolute).

Networks keep within it; `verso` goes beyond it on about one work in 700 (`benchmarks/number_formats.py`).
"""
INT8_TOLERANCE = 0.06
"""Accepted difference in `p_ai` between 8-bit integers and float32 (absolute).

On `val` `verso-int8` keeps within it; `verso-fast` goes beyond it on 4 works of 673 (`benchmarks/number_formats.py`).
"""
NATIVE_BF16 = ("amx_bf16", "avx512_bf16")
"""Instruction sets that multiply bfloat16 without turning it into float32 first, as torch names them."""
TILES = ("amx_bf16",)
"""Those that multiply whole tiles of bfloat16."""
NATIVE_INT8 = ("amx_int8", "avx512_vnni", "avx_vnni")
"""Those that multiply bytes and add the products up in 32 bits; others would saturate."""


@dataclass(frozen=True)
class Compute:
    """Where and in which precision to run; with `int8`, networks that have 8-bit weights run in these.

    With `tiles` the CPU multiplies bfloat16 in tiles, in which the encoder is faster than in 8 bits.
    """

    device: torch.device
    dtype: torch.dtype
    int8: bool = False
    tiles: bool = False

    @property
    def packs(self) -> bool:
        """Whether oneDNN multiplies here, which is faster with weights in an order of its own."""
        on_cpu = self.device.type == "cpu" and self.dtype == torch.bfloat16
        return on_cpu and bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]

    def __str__(self) -> str:
        """Name device and number formats, as in "cpu bfloat16 int8 tiles"."""
        dtype = str(self.dtype).removeprefix("torch.")
        return f"{self.device.type} {dtype}{' int8' if self.int8 else ''}{' tiles' if self.tiles else ''}"

    @property
    def autocast(self) -> torch.autocast:
        """A context that runs convolutions in `dtype`; does nothing for float32."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)


def cast_once(network: Network, dtype: torch.dtype) -> Network:
    """Keep the weights that autocast would turn into `dtype` in every pass in it, in place; passes stay the same."""
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            layer.to(dtype)
    return network


@contextmanager
def one_core_a_pass() -> Iterator[None]:
    """Let every pass through a network run on one core, for callers whose own threads share the cores.

    Threads that were started before keep what they had. What a pass gives does not hang on how many cores there are.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def on_every_core(function: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result]:
    """Yield `function(item)` of each item in the order of the items, computed by as many threads as there are cores.

    Passes through networks run on one core each meanwhile; see `in_order` and `one_core_a_pass`.
    """
    with one_core_a_pass():
        yield from in_order(function, items, os.cpu_count() or 1)


def best_compute() -> Compute:
    """Choose a CUDA GPU if there is one, else the CPU; bfloat16 and 8 bits where the hardware multiplies them natively."""
    if torch.cuda.is_available():
        dtype = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
        return Compute(torch.device("cuda"), dtype)
    dtype = torch.bfloat16 if _has_one_of(NATIVE_BF16) else torch.float32
    tiles = _has_one_of(TILES) and _onednn_may_use_tiles()
    return Compute(torch.device("cpu"), dtype, _has_one_of(NATIVE_INT8), tiles)


def _has_one_of(instructions: tuple[str, ...]) -> bool:
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in instructions)


def _onednn_may_use_tiles() -> bool:
    """Whether oneDNN is not held to older instructions by its variable `ONEDNN_MAX_CPU_ISA`."""
    newest = os.environ.get("ONEDNN_MAX_CPU_ISA", "default").lower()
    return newest in {"default", "all"} or "amx" in newest
