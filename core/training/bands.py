"""Does a band keep its promise on works it was not chosen on? Ways to choose it, compared on held-out folds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from core.corpus.cache import ImageCache
from core.corpus.manifest import Manifest
from core.detectors.features import load_features
from core.evaluation.calibration import BandPolicy, choose_band, fit_platt
from core.evaluation.conformal import class_conditional
from core.markdown_table import Table, markdown
from core.training.experiments import LEAST_WORKS, put_between
from core.training.heads import Margins, folds_of, gather, out_of_fold_margins, seen_rows
from core.training.held_out import Fold
from core.training.recipe import HeadRecipe
from core.verdict import Thresholds

BEGIN = "<!-- bands: begin -->"
END = "<!-- bands: end -->"
LOOSER = BandPolicy(human_called_ai=0.05, medium_called_ai=0.10, ai_called_human=0.10)

Chooser = Callable[[Margins, pd.DataFrame], Thresholds]


def _by_policy(policy: BandPolicy) -> Chooser:
    def choose(p_ai: Margins, frame: pd.DataFrame) -> Thresholds:
        band = choose_band(p_ai, frame["label"], frame["medium"], policy, chosen_on="the other folds")
        return Thresholds(band.human_below, band.ai_above)

    return choose


def _conformal(p_ai: Margins, frame: pd.DataFrame) -> Thresholds:
    is_ai = (frame["label"] == "ai").to_numpy()
    return class_conditional(p_ai, is_ai, LOOSER.human_called_ai, LOOSER.ai_called_human)


def _named(policy: BandPolicy) -> str:
    limits = (policy.human_called_ai, policy.medium_called_ai, policy.ai_called_human)
    return f"band, at most {' / '.join(f'{limit:.0%}' for limit in limits)}"


WAYS: dict[str, Chooser] = {
    f"{_named(BandPolicy())} (shipped)": _by_policy(BandPolicy()),
    _named(LOOSER): _by_policy(LOOSER),
    f"class-conditional conformal, {LOOSER.human_called_ai:.0%} / {LOOSER.ai_called_human:.0%}": _conformal,
}
"""Ways to choose a band; the limits: human works called ai, of any medium, ai works called human."""


def compare_bands(margins: Margins, frame: pd.DataFrame, folds: Sequence[Fold]) -> pd.DataFrame:
    """Return what each of `WAYS` reaches: a row each, a column per figure, all shares in [0, 1].

    The accuracy of a band that decides nothing is NaN. Calibration and band are fitted on the margins of all folds but one and applied to that one.

    Args:
        margins: out of fold, `[N]`.
        frame: rows of the manifest `[N]`.
        folds: those the margins are out of; every row is held out once.
    """
    rows = {}
    for name, choose in WAYS.items():
        called = np.full(len(frame), "", dtype=object)
        for fold in folds:
            others = np.setdiff1d(np.arange(len(frame)), fold.held_out)
            known = frame.iloc[others]
            calibration = fit_platt(margins[others], known["label"], fitted_on="the other folds")
            band = choose(calibration(margins[others]), known)
            called[fold.held_out] = [str(band.label(float(p))) for p in calibration(margins[fold.held_out])]
        rows[name] = _figures(called, frame)
    return pd.DataFrame.from_dict(rows, orient="index")


def _figures(called: np.ndarray, frame: pd.DataFrame) -> dict[str, float]:
    human = (frame["label"] == "human").to_numpy()
    accused = pd.Series(called == "ai", index=frame.index)[human].groupby(frame["medium"][human])
    decided = called != "inconclusive"
    right = (called == frame["label"])[decided]
    return {
        "human works called ai": float((called[human] == "ai").mean()),
        "the same, worst medium": float(accused.mean()[accused.size() >= LEAST_WORKS].max()),
        "ai works called human": float((called[~human] == "human").mean()),
        "share decided": float(decided.mean()),
        "accuracy where decided": float(right.mean()) if len(right) else float("nan"),
    }


def write_bands(recipe: HeadRecipe, manifest: Manifest, files: ImageCache, path: Path) -> None:
    """Compare bands for one recipe and write the table between the marks of a Markdown file.

    Args:
        recipe: what to fit on each fold of held-out families and sources.
        manifest: the corpus; only `train` and `val` are used.
        files: where the images are.
        path: the Markdown file, made if it is not there.

    Raises:
        EncoderError: if the encoder is needed and cannot be loaded.
        OutputError: if the file cannot be read or written.
        TrainingError: if the corpus has too few families or sources.
    """
    frame = seen_rows(manifest)
    folds = folds_of(recipe, frame)
    clean, views = gather(recipe, load_features(recipe.features), frame, files)
    margins = out_of_fold_margins(recipe, clean, frame, folds, views)
    found = compare_bands(margins, frame, folds).map(
        lambda share: "not defined here" if np.isnan(share) else f"{share:.1%}"
    )
    title = f"{recipe.name}: bands chosen without the fold they are measured on ({len(frame)} images of train and val)"
    put_between(path, BEGIN, END, markdown(Table(title, found.rename_axis("how it is chosen"))))
