"""Commands that messages suggest, as they can be given to a shell."""

from __future__ import annotations

import shlex
from pathlib import Path

from core.detectors.store import shown_name

USUAL_MANIFEST = Path(__file__).resolve().parents[2] / "data" / "manifest.csv"
"""Read where no other is named with `--corpus`, if commands are given in the folder of Verso."""


def how_to_evaluate(folder: Path, *, corpus: Path = USUAL_MANIFEST, condition: str = "") -> str:
    """Return the command that measures the model in `folder` on a manifest, and under a condition if one is named."""
    words = ["python", "-m", "core", "evaluate", shown_name(folder)]
    if corpus.absolute() != USUAL_MANIFEST:
        words += ["--corpus", str(corpus)]
    if condition:
        words += ["--perturb", condition]
    return shlex.join(words)
