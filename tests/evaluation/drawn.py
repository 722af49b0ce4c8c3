"""Predictions drawn for a test, and what hypothesis draws."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from core.evaluation.selection import Joined


def joined(truth, p_ai, *, source=None, medium="oil", family="flux") -> Joined:
    """Several models on images with these labels; each image is a source of its own unless told otherwise."""
    truth = np.asarray(truth, bool)
    facts = pd.DataFrame(
        {
            "sha256": [f"{number:064x}" for number in range(len(truth))],
            "label": np.where(truth, "ai", "human"),
            "generator": np.where(truth, "g", ""),
            "family": np.where(truth, family, ""),
            "medium": np.where(truth, "", medium),
            "source": [str(number) for number in range(len(truth))] if source is None else source,
        }
    )
    columns = {name: np.asarray(values, dtype=np.float64) for name, values in p_ai.items()}
    return Joined("drawn numbers", "ood", facts, pd.DataFrame(columns, index=facts.index))


@st.composite
def judged(draw, least=0, models=2):
    """Labels and the probabilities of several models, with ties, one class only and no images among them."""
    size = draw(st.integers(least, 60))
    truth = np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size)), bool)
    steps = draw(st.sampled_from([1, 3, 20, 1000]))
    levels = st.lists(st.integers(0, steps), min_size=size, max_size=size)
    return truth, {f"m{i}": np.array(draw(levels), np.float64) / steps for i in range(models)}


def two_models(count=400, seed=0, skill=(0.5, 0.2)) -> Joined:
    """A model of each skill on the same images of 20 sources, two media and two families."""
    chance = np.random.default_rng(seed)
    truth = np.arange(count) % 2 == 1
    shared = chance.normal(0, 0.5, count)
    p_ai = {
        f"m{i}": 1 / (1 + np.exp(-(3 * each * np.where(truth, 1, -1) + shared + chance.normal(0, 1, count))))
        for i, each in enumerate(skill)
    }
    place = np.arange(count) // 2 % 20
    return joined(
        truth,
        p_ai,
        source=[f"{is_ai}-{number}" for is_ai, number in zip(truth, place, strict=True)],
        medium=np.where(place % 2 == 0, "oil", "comic"),
        family=np.where(place % 2 == 0, "flux", "sdxl"),
    )
