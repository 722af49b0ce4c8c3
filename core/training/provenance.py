"""What a card says of the code and the corpus a model was made with."""

from __future__ import annotations

import subprocess
from pathlib import Path

from core.corpus.manifest import Manifest
from core.detectors.card import Corpus


def corpus_of(manifest: Manifest) -> Corpus:
    """Count the images of each class that a model may learn from."""
    counts = manifest.frame.groupby(["split", "label"]).size()
    return Corpus(
        version=manifest.version,
        train_human=int(counts.get(("train", "human"), 0)),
        train_ai=int(counts.get(("train", "ai"), 0)),
        val_human=int(counts.get(("val", "human"), 0)),
        val_ai=int(counts.get(("val", "ai"), 0)),
    )


def code_commit() -> str:
    """Return the commit of the code, '-dirty' if files differ from it, or 'unknown' outside a checkout."""
    answer = subprocess.run(
        ["git", "describe", "--always", "--abbrev=12", "--dirty"],  # noqa: S607  (git is found on the path)
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout.strip() if answer.returncode == 0 else "unknown"
