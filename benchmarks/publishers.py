"""How models do on works of people whose publishers they learned from, and on those of other publishers.

Usage: PYTHONPATH=. python benchmarks/publishers.py [MODEL ...]

A source is a repository; a publisher is whoever owns several of them, such as a house that publishes books. A source of
`ood` is new to every model, and its publisher may be known to it all the same. Below stands the calibration error where
both classes weigh alike, as the probability assumes, whatever the mix of the split.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from core.corpus import manifest
from core.detectors.card import read_card
from core.detectors.store import find_model
from core.evaluation.bootstrap import calibration_errors
from core.evaluation.metrics import ECE_BINS, arrays, figures_with_intervals
from core.evaluation.predictions import read_predictions
from core.usage import USUAL_MANIFEST

MANIFEST = Path(USUAL_MANIFEST)
SPLIT = "ood"
SHOWN = ("auc", "tpr_at_5_fpr", "human_called_ai", "coverage")


def publisher_of(sources: pd.Series) -> pd.Series:
    """Return who published each source: the owner of a repository, or the source itself."""
    return sources.str.split("/").str[0]


def alike(frame: pd.DataFrame) -> float:
    """Return the calibration error of rows of `predictions.csv` where both classes weigh alike."""
    truth, p_ai = arrays(frame)
    weights = len(truth) / 2 / np.where(truth, truth.sum(), (~truth).sum())
    return float(calibration_errors(weights[None], np.arange(len(truth)), truth, p_ai, ECE_BINS)[0])


def main() -> None:
    """Print the figures of each model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", default=["verso", "verso-fast"])
    asked = parser.parse_args()
    corpus = manifest.read(MANIFEST).frame
    seen = corpus[corpus["split"].isin(["train", "val"]) & (corpus["label"] == "human")]
    known = set(publisher_of(seen["source"]))
    for name in asked.models:
        folder = find_model(name)
        band = read_card(folder).rule
        frame = read_predictions(folder)
        frame = frame[frame["split"] == SPLIT]
        human, is_known = frame["label"] == "human", publisher_of(frame["source"]).isin(known)
        print(f"{name}, {SPLIT}, both classes alike: calibration error {alike(frame):.3f}")
        for title, works in (("known", human & is_known), ("other", human & ~is_known)):
            accused = int((frame.loc[works, "p_ai"] > band.ai_above).sum())
            print(f"  {title} publishers: {accused} of {int(works.sum())} works by people called ai")
            figures = figures_with_intervals(frame[works | ~human], band)
            told = ", ".join(
                f"{figure} {found.value:.3f} ({found.low:.3f} to {found.high:.3f})"
                for figure, found in figures.items()
                if figure in SHOWN
            )
            print(f"    with all generated works: {told}")


if __name__ == "__main__":
    main()
