"""Heads for `verso` that were tried and rejected: each fitted as it was, measured on families and sources held out.

Usage: PYTHONPATH=. python benchmarks/failed_heads.py [--output models/EXPERIMENTS.md]

Works of `train` and `val` alone, in the folds that `verso` itself was chosen by. Heads see the taps of `verso`, and are
fitted on its altered views too. What is put beside `verso` is read from the models' `held_out.csv`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from core.corpus import manifest
from core.corpus.cache import ImageCache
from core.detectors.classical import pipeline_margins
from core.detectors.features import Matrix, load_features
from core.detectors.store import find_model
from core.errors import VersoError
from core.evaluation.held_out_margins import read_held_out
from core.evaluation.metrics import EVEN_ODDS, expected_calibration_error, tpr_at_fpr
from core.evaluation.metrics import METRICS as KNOWN
from core.markdown_table import Table, markdown
from core.training.experiments import put_between
from core.training.heads import Gathered, Margins, calibrate, fit_on, gather, seen_rows
from core.training.held_out import Fold, Rows, by_family_and_source, groups_of
from core.training.recipe import HeadRecipe, load_recipe
from core.usage import USUAL_MANIFEST
from core.verdict import Thresholds

MANIFEST = Path(USUAL_MANIFEST)
BEGIN = "<!-- failed heads: begin -->"
END = "<!-- failed heads: end -->"
STRENGTHS = (1.0, 10.0)
"""How strongly directions are penalised in which groups of a class differ."""
HEADS = 10
"""Heads fitted on half of the groups each, and averaged."""
POLYNOMIAL = {"kernel": "poly", "degree": 2, "coef0": 3.0, "C": 1.0}
COMPONENTS = 512
PENALTIES = (5e-4, 2e-3, 3e-2, 1.0)
"""Other values of C than the recipe's: the smaller, the stronger the penalty."""
WEIGHTS = (0.1, 0.3, 0.5)
"""What share of a joint margin another model gets beside `verso`."""

Judge = Callable[[Matrix], NDArray[np.floating]]
Fit = Callable[["Desk", Rows], Judge]


@dataclass(frozen=True, eq=False)
class Desk:
    """What every trial works with: the recipe, what it is fitted on, and the folds."""

    recipe: HeadRecipe
    works: Gathered
    folds: list[Fold]

    @property
    def groups(self) -> pd.Series:
        """What is held out together."""
        return groups_of(self.works.frame)

    def stacked(self, rows: Rows) -> tuple[Matrix, NDArray[np.bool_]]:
        """Return pictures and altered views `[n, size]`, and which were generated `[n]`."""
        parts = [self.works.clean, *self.works.views]
        is_ai = (self.works.frame["label"].iloc[rows] == "ai").to_numpy()
        return np.concatenate([part[rows] for part in parts]), np.tile(is_ai, len(parts))


def as_it_is(desk: Desk, rows: Rows) -> Judge:
    """Fit the recipe."""
    works = desk.works
    pipeline = fit_on(desk.recipe, works.clean, works.frame, rows, works.views)
    return lambda features: pipeline_margins(pipeline, features)


def with_c(value: float) -> Fit:
    """Return a fit of the recipe with another penalty."""

    def fit(desk: Desk, rows: Rows) -> Judge:
        head = desk.recipe.head.model_copy(update={"c": value})
        return as_it_is(replace(desk, recipe=desk.recipe.model_copy(update={"head": head})), rows)

    return fit


def to_the_end(desk: Desk, rows: Rows) -> Judge:
    """Fit with the weakest of the penalties, to a hundredth of scikit-learn's usual tolerance."""
    features, is_ai = desk.stacked(rows)
    head = LogisticRegression(C=max(PENALTIES), tol=1e-6, max_iter=5000, class_weight="balanced")
    return make_pipeline(StandardScaler(), head).fit(features, is_ai).decision_function


def alike(column: Callable[[Desk], pd.Series]) -> Fit:
    """Return a fit in which the groups of a class weigh alike, however many works each has."""

    def fit(desk: Desk, rows: Rows) -> Judge:
        frame = desk.works.frame
        sizes = frame.iloc[rows].groupby(["label", column(desk).iloc[rows]])["label"].transform("size")
        weighed = frame.assign(weight=(1 / sizes).reindex(frame.index, fill_value=1.0))
        return as_it_is(replace(desk, works=replace(desk.works, frame=weighed)), rows)

    return fit


def penalised(strength: float) -> Fit:
    """Return a fit that shrinks the directions in which the groups of a class differ."""

    def fit(desk: Desk, rows: Rows) -> Judge:
        features, is_ai = desk.stacked(rows)
        scaler = StandardScaler().fit(features)
        scaled = scaler.transform(features)
        groups = np.tile(desk.groups.iloc[rows].to_numpy(), len(features) // len(rows))
        apart = []
        for label in (False, True):
            mean = scaled[is_ai == label].mean(0)
            for group in np.unique(groups[is_ai == label]):
                chosen = (is_ai == label) & (groups == group)
                apart.append(np.sqrt(chosen.mean()) * (scaled[chosen].mean(0) - mean))
        _, spread, directions = np.linalg.svd(np.stack(apart), full_matrices=False)
        taken = 1 - 1 / np.sqrt(1 + strength * spread**2)

        def shrunk(matrix: Matrix) -> Matrix:
            return matrix - (matrix @ directions.T * taken) @ directions

        head = LogisticRegression(C=desk.recipe.head.c, max_iter=2000, class_weight="balanced")
        head.fit(shrunk(scaled), is_ai)
        return lambda seen: head.decision_function(shrunk(scaler.transform(seen)))

    return fit


def of_half_the_groups(desk: Desk, rows: Rows) -> Judge:
    """Fit `HEADS` heads, each on half of the groups of both classes, and average their margins."""
    chance = np.random.default_rng(desk.recipe.seed)
    frame = desk.works.frame.iloc[rows]
    judges = []
    for _ in range(HEADS):
        half: list[str] = []
        for _, groups in desk.groups.iloc[rows].groupby(frame["label"]):
            names = groups.unique()
            half += list(chance.choice(names, (len(names) + 1) // 2, replace=False))
        judges.append(as_it_is(desk, rows[desk.groups.iloc[rows].isin(half).to_numpy()]))
    return lambda features: np.mean([judge(features) for judge in judges], axis=0)


def support_vectors(components: int | None = None, **kernel: object) -> Fit:
    """Return a fit of a support vector machine with a kernel, on principal components if so many are asked for."""

    def fit(desk: Desk, rows: Rows) -> Judge:
        features, is_ai = desk.stacked(rows)
        fewer = (
            [PCA(components, svd_solver="randomized", random_state=desk.recipe.seed)] if components else []
        )
        machine = make_pipeline(StandardScaler(), *fewer, SVC(class_weight="balanced", **kernel))
        return machine.fit(features, is_ai).decision_function

    return fit


CURVED = "support vector machine, polynomial of degree 2"
TRIALS: dict[str, Fit] = {
    "verso": as_it_is,
    **{f"verso with C = {value:g}": with_c(value) for value in PENALTIES},
    f"the same with C = {max(PENALTIES):g}, the solver's tolerance 1e-6 instead of 1e-4": to_the_end,
    "families and sources of a class weigh alike": alike(lambda desk: desk.groups),
    "media of a class weigh alike": alike(lambda desk: desk.works.frame["medium"]),
    **{f"directions between groups penalised, {by:g}": penalised(by) for by in STRENGTHS},
    f"mean of {HEADS} heads, each of half the families and sources": of_half_the_groups,
    CURVED: support_vectors(**POLYNOMIAL),
    f"the same on {COMPONENTS} principal components": support_vectors(COMPONENTS, **POLYNOMIAL),
    "support vector machine, wide radial kernel": support_vectors(kernel="rbf", gamma=5e-5, C=10.0),
}


def measure(margins: Margins, frame: pd.DataFrame) -> dict[str, str]:
    """Return the figures of one trial, as they are shown; `margins` `[N]` are out of fold."""
    calibration, band = calibrate(margins, frame)
    p_ai = calibration(margins).astype(np.float64)
    thresholds = Thresholds(band.human_below, band.ai_above)
    truth = (frame["label"] == "ai").to_numpy()
    above = pd.Series(p_ai > EVEN_ODDS.at, index=frame.index)[~truth]
    medium = frame["medium"][~truth]
    found = {
        "AUC": KNOWN["auc"].compute(truth, p_ai, thresholds),
        "TPR at 5 % FPR": tpr_at_fpr(truth, p_ai, 0.05),
        "calibration error": expected_calibration_error(truth, p_ai),
        "share decided": KNOWN["coverage"].compute(truth, p_ai, thresholds),
        "accuracy where decided": KNOWN["decided_accuracy"].compute(truth, p_ai, thresholds),
        "human works above 0.5": float(above.mean()),
        **{f"{name} above 0.5": float(above[medium == name].mean()) for name in ("oil", "digital")},
    }
    return {name: f"{value:.3f}" for name, value in found.items()}


def tried(desk: Desk) -> pd.DataFrame:
    """Fit each of `TRIALS` on every fold and return a row of figures each."""
    frame, rows = desk.works.frame, {}
    known: dict[str, Margins] = {}
    for name, fit in TRIALS.items():
        margins = np.full(len(frame), np.nan, np.float32)
        for fold in desk.folds:
            margins[fold.held_out] = fit(desk, fold.fitted)(desk.works.clean[fold.held_out])
        known[name], rows[name] = margins, measure(margins, frame)
        print(name, rows[name], flush=True)
    rows |= mixed(CURVED, known["verso"], known[CURVED], frame)
    return pd.DataFrame.from_dict(rows, orient="index")


def beside(other: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a row of figures for each share of another model's margin beside that of `verso`."""
    known = [read_held_out(find_model(name)).set_index("sha256")["margin"] for name in ("verso", other)]
    joined = frame.join(
        pd.concat(known, axis=1, keys=["verso", "other"], join="inner"), on="sha256", how="inner"
    )
    margins = (joined[name].to_numpy(np.float32) for name in ("verso", "other"))
    return pd.DataFrame.from_dict(mixed(other, *margins, joined), orient="index")


def mixed(name: str, verso: Margins, other: Margins, frame: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Return the figures of joint margins, the other's share from none to half; margins `[N]` weigh by their spread."""
    return {
        f"{name} beside verso, {share:.0%} ({len(frame)} works)": measure(
            (1 - share) * verso / verso.std() + share * other / other.std(), frame
        )
        for share in (0.0, *WEIGHTS)
    }


def main() -> None:
    """Measure and write the table between its marks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("models/EXPERIMENTS.md"))
    given = parser.parse_args()
    recipe = load_recipe("verso")
    frame = seen_rows(manifest.read(MANIFEST))
    files = ImageCache.default(MANIFEST)
    works = Gathered(frame, *gather(recipe, load_features(recipe.features), frame, files))
    desk = Desk(recipe, works, by_family_and_source(frame, recipe.folds, recipe.seed))
    others = ("verso-fast", "forensic-gradient-boosting")
    found = pd.concat([tried(desk), *(beside(other, frame) for other in others)])
    title = f"Rejected heads, families and sources held out ({len(frame)} works of train and val)"
    put_between(given.output, BEGIN, END, markdown(Table(title, found.rename_axis("head"))))


if __name__ == "__main__":
    try:
        main()
    except VersoError as error:
        raise SystemExit(str(error)) from error
