"""The pictures a model is most sure of and wrong about, with the facts that stand beside each."""

from __future__ import annotations

import pandas as pd

from core.corpus.stats import NOT_STATED
from core.verdict import Label, Thresholds

PER_LABEL = 4
"""Pictures named of each split and label."""

ID_DIGITS = 12


def known_failures(predictions: pd.DataFrame, band: Thresholds) -> tuple[str, ...]:
    """Name the most confidently wrong pictures of each split and label, one sentence each.

    A picture is wrong if its verdict is the other class; the further `p_ai` is beyond 0.5, the more confident.
    The sentence gives facts and no guess: what the picture is, where it is from, the first digits of its
    sha256, and how often works of its kind are called wrongly in that split.

    Args:
        predictions: rows of `predictions.csv` with the columns `medium` and `family` of the manifest.
        band: the model's thresholds.

    Returns:
        sentences in the order of splits in `predictions`, works by people first; at most `PER_LABEL` of each.
    """
    verdicts = predictions["p_ai"].map(band.label)
    wrong = (verdicts != predictions["label"]) & (verdicts != Label.INCONCLUSIVE)
    kind = predictions["medium"].where(predictions["label"] == "human", predictions["family"])
    frame = predictions.assign(
        wrong=wrong,
        called=verdicts,
        kind=kind.replace("", NOT_STATED),
        sure=(predictions["p_ai"] - 0.5).abs(),
    )
    found = []
    for split in frame["split"].unique():
        for label in ("human", "ai"):
            part = frame[(frame["split"] == split) & (frame["label"] == label)]
            worst = (
                part[part["wrong"]].sort_values(["sure", "sha256"], ascending=[False, True]).head(PER_LABEL)
            )
            found += [_sentence(row, part[part["kind"] == row["kind"]]) for _, row in worst.iterrows()]
    return tuple(found)


def _sentence(row: pd.Series, alike: pd.DataFrame) -> str:
    what = f"work by a person (medium {row['kind']})" if row["label"] == "human" else f"work by {row['kind']}"
    wrong = int(alike["wrong"].sum())
    return (
        f"{row['split']} {row['sha256'][:ID_DIGITS]}: {what} from {row['source']} called {row['called']}, "
        f"p_ai {row['p_ai']:.3f}; so {'is' if wrong == 1 else 'are'} {wrong} of {len(alike)} works of its kind there."
    )
