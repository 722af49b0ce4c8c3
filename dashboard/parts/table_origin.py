"""What a table to take away says of itself: which images it is of, and where the models cut."""

from typing import Final

import pandas as pd

from core.evaluation.rules import Rules
from dashboard.parts.threshold_control import in_words

IMAGES: Final = "images"
COUNT: Final = "count"
THRESHOLDS: Final = "thresholds"


def of_images(frame: pd.DataFrame, images: str) -> pd.DataFrame:
    """Put in front which images a table is of; the column of how many there are is then called `count`."""
    named = frame.rename(columns={IMAGES: COUNT})
    named.insert(0, IMAGES, images)
    return named


def at_thresholds(frame: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """Add in words where the model of each row cuts, or those of each pair, or all of them."""
    cuts = {model: in_words(rule) for model, rule in rules.items()}
    if "model" in frame:
        return frame.assign(**{THRESHOLDS: frame["model"].map(cuts)})
    if "first" in frame:
        of_pairs = [
            f"{first}: {cuts[first]}; {second}: {cuts[second]}"
            for first, second in zip(frame["first"], frame["second"], strict=True)
        ]
        return frame.assign(**{THRESHOLDS: of_pairs})
    return frame.assign(**{THRESHOLDS: "; ".join(f"{model}: {cut}" for model, cut in cuts.items())})
