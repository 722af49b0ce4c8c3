"""From artworks to verdicts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.detectors.protocol import Detector, Staged
from core.images import Artwork
from core.verdict import Verdict, decide


def judge(detector: Detector, artworks: Sequence[Artwork]) -> list[Verdict]:
    """Return the verdict of `detector` on each artwork, in their order."""
    return [decide(float(p), detector.card.rule, detector.card.name) for p in detector.predict(artworks)]


def predict_naming(detector: Detector, artworks: Sequence[Artwork]) -> tuple[NDArray[np.float32], list[str]]:
    """Return `p_ai` of each artwork, float32 `[N]`, and the name of the model that judged it.

    That is `detector` itself, or the stage of it that did.
    """
    if isinstance(detector, Staged):
        return detector.predict_by_stage(artworks)
    return detector.predict(artworks), [detector.card.name] * len(artworks)
