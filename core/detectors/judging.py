"""From artworks to verdicts."""

from __future__ import annotations

from collections.abc import Sequence

from core.detectors.protocol import Detector
from core.images import Artwork
from core.verdict import Verdict, decide


def judge(detector: Detector, artworks: Sequence[Artwork]) -> list[Verdict]:
    """Return the verdict of `detector` on each artwork, in their order."""
    return [decide(float(p), detector.card.band, detector.card.name) for p in detector.predict(artworks)]
