"""Drawn corpora: files named by their checksum, and the manifest that lists them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd
from PIL import Image

from core.corpus import manifest

SIZE = (64, 48)


def write_corpus(
    folder: Path,
    drawings,
    counts: dict[str, int],
    generated: Callable[[Image.Image], Image.Image],
    families: Iterable[str],
) -> Path:
    """Draw so many pictures of each class for each split, and return the path of their manifest.

    People's works come as they are drawn, from as many sources as there are `families`; those of generators are
    drawn alike, then changed by `generated`, and take turns among the families, each with a source of its own.
    """
    names = list(families)
    rows = []
    for split, count in counts.items():
        for number in range(count):
            for label in ("human", "ai"):
                picture = drawings.painting(SIZE, len(rows))
                data = drawings.file(generated(picture) if label == "ai" else picture, "JPEG", quality=82)
                group = number % len(names)
                rows.append(row(data, split, label, f"folder:{label}-{group}", names[group]))
                path = folder / "images" / rows[-1]["sha256"][:2] / f"{rows[-1]['sha256']}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
    return manifest.write(pd.DataFrame(rows), folder / "manifest.csv").path


def row(data: bytes, split: str, label: str, source: str, family: str) -> dict[str, object]:
    """Return the manifest's row of a drawn picture; `family` counts only if it is generated."""
    sha256 = hashlib.sha256(data).hexdigest()
    return {
        "sha256": sha256,
        "split": split,
        "label": label,
        "generator": family if label == "ai" else "",
        "family": family if label == "ai" else "",
        "medium": "oil" if label == "human" else "",
        "source": source,
        "commit": "",
        "source_path": f"{sha256}.jpg",
        "crop": "",
        "license": "CC0-1.0",
        "attestation": "drawn for a test",
        "width": SIZE[0],
        "height": SIZE[1],
        "original_format": "JPEG",
        "original_sha256": sha256,
    }
