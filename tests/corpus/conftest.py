"""Drawn images and manifests over them; nothing here reads a stored picture."""

import hashlib
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.corpus import manifest


def draw(
    seed: int,
    size: tuple[int, int] = (64, 48),
    image_format: str = "PNG",
    cut: tuple[int, int, int, int] | None = None,
    **options: object,
) -> bytes:
    """A smooth random picture: different seeds differ everywhere, equal seeds are alike after any codec."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    picture = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
    out = io.BytesIO()
    picture.crop(cut).save(out, image_format, **options)
    return out.getvalue()


def row(sha256: str, **changes: object) -> dict[str, object]:
    """A valid row of a human image; for `label="ai"` a generator and a family are filled in."""
    fields: dict[str, object] = {
        "sha256": sha256,
        "split": "train",
        "label": "human",
        "generator": "",
        "family": "",
        "medium": "oil",
        "source": "folder:studio",
        "commit": "",
        "source_path": f"{sha256[:8]}.png",
        "crop": "",
        "license": "CC0-1.0",
        "attestation": "drawn for a test",
        "width": 64,
        "height": 48,
        "original_format": "PNG",
        "original_sha256": sha256,
    }
    if changes.get("label") == "ai":
        fields |= {"generator": "painter-1", "family": "painter", "medium": ""}
    return fields | changes


def name(number: int) -> str:
    """A well-formed sha256."""
    return hashlib.sha256(str(number).encode()).hexdigest()


def frame(*rows: dict[str, object]) -> pd.DataFrame:
    return pd.DataFrame(list(rows))


@pytest.fixture
def write_images(tmp_path: Path):
    """Store images under a corpus folder and write the manifest that lists them."""

    def store(images: list[tuple[bytes, dict[str, object]]]) -> manifest.Manifest:
        rows = []
        for data, changes in images:
            sha256 = hashlib.sha256(data).hexdigest()
            path = tmp_path / "corpus" / "images" / sha256[:2] / f"{sha256}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            rows.append(row(sha256, **changes))
        return manifest.write(frame(*rows), tmp_path / "corpus" / "manifest.csv")

    return store


@pytest.fixture
def seven_images(tmp_path):
    """Seven images whose counts are known by eye."""
    rows = [
        row(name(1), split="train", source="folder:a", medium="oil", original_format="JPEG"),
        row(name(2), split="train", source="folder:a", medium="", original_format="JPEG", license=""),
        row(name(3), split="ood", source="folder:b", width=48, height=48),
        row(name(4), label="ai", split="train", source="folder:c", width=48, height=48),
        row(name(5), label="ai", split="val", source="folder:c", width=30, height=60),
        row(name(6), label="ai", split="ood", source="folder:c", family="new", generator="new-1"),
        row(name(7), label="ai", split="ood", source="folder:d", family="new", generator="new-2|x"),
    ]
    return manifest.write(frame(*rows), tmp_path / "manifest.csv").frame
