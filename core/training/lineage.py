"""What a card says of the code and the corpus a model was made with."""

from __future__ import annotations

import shutil
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
    """Return the commit of the code, '-dirty' if files of `core` differ from it, or 'unknown' outside a checkout or without git."""
    if shutil.which("git") is None:
        return "unknown"
    core = Path(__file__).resolve().parents[1]
    commit = _git(core, "rev-parse", "--short=12", "HEAD")
    if commit.returncode:
        return "unknown"
    changed = _git(core, "status", "--porcelain", "--", ".").stdout
    return f"{commit.stdout.strip()}{'-dirty' if changed else ''}"


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  (its own arguments)
        ["git", *arguments],  # noqa: S607  (git is found on the path)
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
