"""A figure that the images at hand do not define is a value of its own, never a NaN."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NotDefined:
    """Stands where a figure would; prints as "not defined here". `why` is one sentence."""

    why: str

    def __str__(self) -> str:
        return "not defined here"
