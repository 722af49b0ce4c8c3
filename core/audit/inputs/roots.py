"""Which folders of this computer the dashboard may read; the command line may read any."""

from __future__ import annotations

import os
from pathlib import Path

from core.audit.inputs.address import Address, Input
from core.named_paths import named_path

VARIABLE = "VERSO_AUDIT_ROOTS"


class Roots:
    """Folders below which files may be read."""

    def __init__(self, folders: list[Path]) -> None:
        self._folders = [folder.resolve() for folder in folders]

    @classmethod
    def configured(cls) -> Roots:
        """Return the folders of the environment variable `VERSO_AUDIT_ROOTS`, separated as in PATH; by default none."""
        named = os.environ.get(VARIABLE, "")
        return cls([named_path(name) for name in named.split(os.pathsep) if name])

    def and_below(self, folder: Path) -> Roots:
        """Return these folders and one more."""
        return Roots([*self._folders, folder])

    def hold(self, path: Input) -> bool:
        """Whether a path, its links followed, lies below one of the folders or is one; an address never does."""
        if isinstance(path, Address):
            return False
        try:
            real = path.resolve()
        except (OSError, ValueError, RuntimeError):  # a null character, a circle of links
            return False
        return any(real.is_relative_to(folder) for folder in self._folders)

    def __str__(self) -> str:
        return ", ".join(str(folder) for folder in self._folders) or f"none (set {VARIABLE})"
