"""Milliseconds that the Compare page takes: loading, and every move of a threshold.

Usage: PYTHONPATH=. python benchmarks/compare_page_speed.py [--models 15] [--images 5000] [--sources 150] [--rounds 5]

Predictions are drawn. First what is computed: "load" is everything a page shows first, from predictions joined to
tables; "slider" is what a moved threshold changes: confusion matrices and figures with their intervals; "pairs" are
the paired tests and sentences at new thresholds. Then the page itself as the server runs it, under the cards of
all shipped models: the whole script from top to bottom, though a moved slider redraws only the part below it. What
the browser then needs to paint is not in it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
from streamlit.testing.v1 import AppTest

from core.corpus import manifest
from core.detectors.card import CARD_FILE
from core.detectors.library import entries
from core.evaluation import curves
from core.evaluation.comparison import Comparison
from core.evaluation.confusion import confusion
from core.evaluation.disagreements import disagreements
from core.evaluation.predictions import predictions_frame, write_predictions
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
APP = Path(__file__).resolve().parents[1] / "dashboard" / "app.py"
SPLIT = "val"
LONGEST_S = 600
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


def lay(joined: Joined, folder: Path) -> list[str]:
    """Write drawn predictions under the cards of the shipped models, and their manifest; return the models' names."""
    facts = joined.images.assign(
        split=SPLIT,
        commit="",
        source="folder:" + joined.images["source"],
        source_path=joined.images["sha256"],
        crop="",
        license="CC0-1.0",
        attestation="drawn for a benchmark",
        width=64,
        height=64,
        original_format="PNG",
        original_sha256=joined.images["sha256"],
    )
    listed = manifest.write(facts, folder / "manifest.csv")
    order = listed.frame["sha256"]
    shipped = [entry for entry in entries() if entry.card is not None]
    for entry, model in zip(shipped, joined.models, strict=True):
        copy = folder / "models" / entry.name
        copy.mkdir(parents=True)
        shutil.copy(entry.folder / CARD_FILE, copy)
        p_ai = joined.p_ai[model].set_axis(joined.images["sha256"])[order].to_numpy()
        write_predictions(predictions_frame(listed, p_ai), copy)
    return [entry.name for entry in shipped]


def time_page(names: Sequence[str], folder: Path, rounds: int) -> None:
    """Measure the page with the models `lay` wrote into `folder`, and print."""
    with (
        patch("dashboard.corpus_shelf.DATA", folder),
        patch.dict(os.environ, VERSO_MODELS=str(folder / "models")),
    ):
        app = AppTest.from_file(str(APP), default_timeout=LONGEST_S).run()
        app.query_params.update({"models": list(names), "images": SPLIT, "thresholds": "one for all"})
        moves = iter(np.linspace(0.2, 0.8, rounds))
        for name, work, times, goal in (
            ("page: first load", lambda _: app.switch_page("app_pages/compare.py").run(), 1, LOAD_GOAL),
            ("page: loaded again", lambda _: app.run(), rounds, LOAD_GOAL),
            (
                "page: slider",
                lambda _: app.slider(key="cut").set_value(float(next(moves))).run(),
                rounds,
                SLIDER_GOAL,
            ),
        ):
            report(name, milliseconds(work, times), goal)


def report(name: str, measured: tuple[float, float], goal: int) -> None:
    """Print the median and the longest time of a piece of work beside its goal."""
    median, longest = measured
    print(f"{name:55} {median:7.0f} ms (longest {longest:.0f}, goal under {goal})")


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

    kept.sentences(rules(-1))  # every round then cuts elsewhere: what was computed once is kept
    kept.figures(rules(-1))
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
        report(name, milliseconds(work, given.rounds), goal)
    with tempfile.TemporaryDirectory() as made:
        known = sum(entry.card is not None for entry in entries())
        names = lay(drawn(known, given.images, given.sources), Path(made))
        print(f"{len(names)} models, {given.images} images of {given.sources} sources")
        time_page(names, Path(made), given.rounds)


if __name__ == "__main__":
    main()
