"""Where Verso keeps what it can make or fetch again."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from core.named_paths import named_path

VARIABLE = "VERSO_CACHE"


def cache_folder(kind: str) -> Path:
    """Return the folder for one `kind` of file, below `VERSO_CACHE` or the user's cache folder."""
    configured = os.environ.get(VARIABLE)
    return (named_path(configured) if configured else Path(platformdirs.user_cache_dir("verso"))) / kind
