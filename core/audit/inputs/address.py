"""Inputs that lie elsewhere than on this computer's disks: their addresses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MARK = "://"
"""Tells an address from a path: a `Path` never holds two slashes in a row."""


@dataclass(frozen=True)
class Address:
    """A place for which fsspec has a file system, such as `s3://bucket/folder` or `https://host/picture.png`."""

    text: str

    def __str__(self) -> str:
        return self.text

    @property
    def name(self) -> str:
        """Its last part, for display."""
        return self.text.rstrip("/").rsplit("/", 1)[-1]


Input = Path | Address


def input_of(text: str) -> Input:
    """Return what a user names: an address if it holds `://`, else a path."""
    return Address(text) if MARK in text else Path(text)
