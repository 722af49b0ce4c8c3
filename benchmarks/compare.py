"""Milliseconds that the Compare page computes for: loading, and every move of a threshold.

Usage: python benchmarks/compare.py [--models 15] [--images 5000] [--sources 150] [--rounds 5]

Predictions are drawn. "load" is everything a page shows first, from predictions joined to tables; "slider" is
what a moved threshold changes: confusion matrices and figures with their intervals; "pairs" are the paired tests
and sentences at new thresholds.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from core.evaluation import curves
from core.evaluation.comparison import Comparison
from core.evaluation.confusion import confusion
from core.evaluation.disagreements import disagreements
from core.evaluation.rules import Cut, Rule, the_same
from core.evaluation.selection import Joined
from core.verdict import Thresholds

MEDIA = ("oil", "watercolour", "print", "drawing", "comic", "digital")
FAMILIES = (
    "flux",
    "sdxl",
    "midjourney",
    "dall-e-2",
    "dall-e-3",
    "novelai",
    "gan",
    "kandinsky",
    "imagen",
    "dit",
)
LOAD_GOAL, SLIDER_GOAL = 2000, 300
SHARE_AI = 0.5


def drawn(models: int, images: int, sources: int) -> Joined:
    """Draw what models of differing skill said of the same images."""
    chance = np.random.default_rng(0)
    is_ai = chance.uniform(size=images) < SHARE_AI
    source = chance.integers(sources // 2, size=images)
    facts = pd.DataFrame(
        {
            "sha256": [f"{number:064x}" for number in range(images)],
            "label": np.where(is_ai, "ai", "human"),
            "generator": np.where(is_ai, "drawn", ""),
            "family": np.where(is_ai, chance.choice(FAMILIES, images), ""),
            "medium": np.where(is_ai, "", chance.choice(MEDIA, images)),
            "source": [f"{kind}-{number}" for kind, number in zip(is_ai, source, strict=True)],
        }
    )
    shared = np.where(is_ai, 1.0, -1.0) + chance.normal(0, 0.7, images)
    margins = {f"model-{i}": shared * (0.5 + i / models) + chance.normal(0, 1, images) for i in range(models)}
    p_ai = pd.DataFrame({name: (1 / (1 + np.exp(-margin))).round(6) for name, margin in margins.items()})
    return Joined("drawn numbers", "drawn numbers", facts, p_ai)


def milliseconds(work: Callable[[int], object], rounds: int) -> tuple[float, float]:
    """Return the median and the longest time of `work`, which is told the number of the round."""
    times = []
    for number in range(rounds):
        start = time.perf_counter()
        work(number)
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times), max(times)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--models", type=int, default=15)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--sources", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    joined = drawn(given.models, given.images, given.sources)
    kept = Comparison(joined)

    def rules(number: int) -> dict[str, Rule]:
        at = 0.3 + 0.4 * (number + 1) / (given.rounds + 1)
        return the_same(joined.models, Thresholds(at - 0.1, at + 0.1) if number % 2 else Cut(at))

    def load(number: int) -> None:
        comparison, at = Comparison(joined), rules(number)
        confusion(joined, at)
        comparison.figures(at)
        comparison.sentences(at)

    def slide(number: int) -> None:
        confusion(joined, rules(number))
        kept.figures(rules(number))

    def draw_curves(number: int) -> None:
        curves.roc(joined)
        curves.precision_recall(joined)
        curves.reliability(joined)
        curves.histograms(joined)
        curves.operating_points(joined, rules(number))
        curves.recall_by_family(joined, rules(number))
        curves.false_positives_by_medium(joined, rules(number))
        disagreements(joined, rules(number))

    kept.sentences(rules(0))
    kept.figures(rules(0))
    print(f"{given.models} models, {given.images} images of {given.sources} sources")
    for name, work, goal in (
        ("load: matrices, figures with intervals, all pairs", load, LOAD_GOAL),
        ("slider: matrices and figures with intervals", slide, SLIDER_GOAL),
        (
            "pairs: paired tests and sentences at new thresholds",
            lambda n: kept.sentences(rules(n)),
            SLIDER_GOAL,
        ),
        ("curves: all figures and disagreements", draw_curves, LOAD_GOAL),
    ):
        median, longest = milliseconds(work, given.rounds)
        print(f"{name:55} {median:7.0f} ms (longest {longest:.0f}, goal under {goal})")


if __name__ == "__main__":
    main()
