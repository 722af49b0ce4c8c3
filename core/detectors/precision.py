"""Which device and number format a network runs in on this machine."""

from __future__ import annotations

from dataclasses import dataclass

import torch

BF16_TOLERANCE = 0.03
"""Largest accepted difference in `p_ai` between bfloat16 and float32 (absolute)."""


NATIVE_BF16 = ("amx_bf16", "avx512_bf16")
"""Instruction sets that multiply bfloat16 without turning it into float32 first, as torch names them."""


@dataclass(frozen=True)
class Compute:
    """Where and in which precision to run."""

    device: torch.device
    dtype: torch.dtype

    @property
    def autocast(self) -> torch.autocast:
        """A context that runs convolutions in `dtype`; does nothing for float32."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)


def best_compute() -> Compute:
    """Choose a CUDA GPU if there is one, else the CPU; bfloat16 where the hardware multiplies it natively."""
    if torch.cuda.is_available():
        dtype = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
        return Compute(torch.device("cuda"), dtype)
    capabilities = torch.cpu.get_capabilities()
    native = any(capabilities.get(name, False) for name in NATIVE_BF16)
    return Compute(torch.device("cpu"), torch.bfloat16 if native else torch.float32)
