"""The images on which models differ most."""

from __future__ import annotations

import pandas as pd

from core.evaluation.rules import VERDICTS, Rules, codes
from core.evaluation.selection import Joined

SPREAD = "spread"
LIMIT = 50


def disagreements(joined: Joined, rules: Rules, limit: int = LIMIT) -> pd.DataFrame:
    """List the images with the widest spread of `p_ai` among the models, widest first.

    Args:
        joined: the images and what the models said of them.
        rules: the rule of each model.
        limit: list at most this many.

    Returns:
        the columns of `joined.images`; `spread`, the largest `p_ai` less the smallest, in [0, 1]; of each model
        `p_ai NAME` (float64) and `said NAME` (human, ai or inconclusive). Images on which all agree entirely
        are left out; of equal spread, those come first on which the verdicts differ, then by sha256.
    """
    spread = joined.p_ai.max(axis=1) - joined.p_ai.min(axis=1)
    said = {
        model: [VERDICTS[code] for code in codes(joined.p_ai[model].to_numpy(), rules[model])]
        for model in joined.models
    }
    verdicts = pd.DataFrame(said, index=joined.images.index)
    listed = joined.images.assign(**{SPREAD: spread, "verdicts": verdicts.nunique(axis=1)})
    for model in joined.models:
        listed[f"p_ai {model}"] = joined.p_ai[model]
        listed[f"said {model}"] = verdicts[model]
    ordered = listed[listed[SPREAD] > 0].sort_values(
        [SPREAD, "verdicts", "sha256"], ascending=[False, False, True], ignore_index=True
    )
    return ordered.head(limit).drop(columns="verdicts")
