"""Checkpoints: what a run needs to go on exactly where it stopped."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from core import atomic
from core.errors import TrainingError
from core.training.recipe import Recipe

CHECKPOINT_FILE = "checkpoint.pt"


@dataclass(frozen=True)
class Run:
    """What a checkpoint belongs to: going on with anything else would give a model nobody declared.

    `teacher` says which encoder and which head teach the network, "" if none do.
    """

    recipe: str
    corpus: str
    initialisation: str
    teacher: str = ""

    @classmethod
    def of(cls, recipe: Recipe, corpus_version: str, initialisation: str, teacher: str = "") -> Run:
        """Identify a run; `recipe` is held as a digest of its content."""
        digest = hashlib.sha256(recipe.model_dump_json().encode()).hexdigest()
        return cls(digest, corpus_version, initialisation, teacher)


def save_checkpoint(folder: Path, run: Run, state: dict[str, Any]) -> None:
    """Write `state` into `folder`, replacing the older checkpoint only when the new one is whole."""
    buffer = io.BytesIO()
    torch.save({"run": vars(run), "state": state}, buffer)
    atomic.write(folder / CHECKPOINT_FILE, buffer.getvalue())


def load_checkpoint(folder: Path, run: Run) -> dict[str, Any] | None:
    """Return the state saved for `run`, or None if `folder` has no checkpoint.

    Raises:
        TrainingError: if the checkpoint is damaged or belongs to another run.
    """
    path = folder / CHECKPOINT_FILE
    if not path.exists():
        return None
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        belongs, state = dict(saved["run"]), saved["state"]
    except (UnpicklingError, RuntimeError, EOFError, KeyError, TypeError, ValueError) as error:
        raise TrainingError(f"{path} is damaged: delete it to start afresh.") from error
    changed = [name for name, value in vars(run).items() if belongs.get(name) != value]
    if changed:
        raise TrainingError(
            f"{path} belongs to another run (different {', '.join(changed)}): delete {folder.parent} to start afresh, or "
            "choose another --output."
        )
    found: dict[str, Any] = state
    return found
