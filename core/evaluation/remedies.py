"""Commands that messages suggest, as they can be given to a shell."""

from __future__ import annotations

import shlex
from pathlib import Path

from core.detectors.store import shown_name
from core.usage import USUAL_MANIFEST

SHIPPED = Path(__file__).resolve().parents[2] / USUAL_MANIFEST


def how_to_evaluate(folder: Path, *, corpus: Path = SHIPPED, condition: str = "") -> str:
    """Return the command that measures the model in `folder` on a manifest, and under a condition if one is named."""
    words = ["python", "-m", "core", "evaluate", shown_name(folder)]
    if corpus.absolute() != SHIPPED:
        words += ["--corpus", str(corpus)]
    if condition:
        words += ["--perturb", condition]
    return shlex.join(words)
