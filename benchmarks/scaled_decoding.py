"""What JPEG scaled decoding (`Image.draft`) would do to `p_ai`, on pictures of `val` enlarged to 1 056 px.

Usage: PYTHONPATH=. python benchmarks/scaled_decoding.py [--model resnet18-finetune] [--images 134]

Audits do not decode at scale: over 134 pictures `p_ai` of resnet18-finetune moved by up to 0.0145 (99.9th percentile
0.0144, median 0.0001), more than 0.001, the least a reader sees (a tolerance set after this was seen). Enlarged
pictures hold no detail of their own; real ones may move more.
"""

from __future__ import annotations

import argparse
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from core import images
from core.corpus import manifest
from core.corpus.cache import ImageCache
from core.detectors.store import load_detector

MANIFEST = Path("data/manifest.csv")
SIDE, QUALITY = 1056, 90


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="resnet18-finetune")
    parser.add_argument("--images", type=int, default=134)
    given = parser.parse_args()
    detector = load_detector(given.model)
    side = detector.card.preprocessing.uniform_side
    frame = manifest.read(MANIFEST).frame
    hashes = frame.loc[frame["split"] == "val", "sha256"].sample(frac=1, random_state=1)
    moved = []
    for path in [path for path in map(ImageCache.default(MANIFEST).find, hashes) if path][: given.images]:
        picture = Image.open(path).convert("RGB")
        scale = SIDE / min(picture.size)
        data = io.BytesIO()
        picture.resize(
            (round(picture.width * scale), round(picture.height * scale)), Image.Resampling.LANCZOS
        ).save(data, "JPEG", quality=QUALITY)
        whole, scaled = images.open(data.getvalue()), Image.open(data)
        scaled.draft("RGB", (side, side))
        as_is = detector.predict([whole])
        moved.append(float(abs(as_is - detector.predict([replace(whole, image=scaled.convert("RGB"))]))[0]))
    print(
        f"{len(moved)} pictures: p_ai moved by up to {max(moved):.4f}, 99.9th percentile "
        f"{np.quantile(moved, 0.999):.4f}, median {np.median(moved):.4f}"
    )


if __name__ == "__main__":
    main()
