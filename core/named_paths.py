"""Paths that a user or the environment names."""

from __future__ import annotations

import os
from pathlib import Path


def named_path(text: str) -> Path:
    """Return the path of this name, a leading `~` replaced by the home folder; that of an unknown user stays as it is."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 - Path.expanduser raises where nobody has that name
