"""What recipes reach on families and sources held out of `train` and `val`, written down for comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from core import atomic
from core.corpus.cache import ImageCache
from core.corpus.manifest import Manifest
from core.detectors.features import Matrix, load_features
from core.errors import EvaluationError, OutputError, RecipeError
from core.evaluation.bootstrap import Scores, Truth
from core.evaluation.metrics import EVEN_ODDS, METRICS, arrays
from core.evaluation.undefined import NotDefined
from core.markdown_table import Table, markdown
from core.training.heads import Margins, calibrate, folds_of, gather, out_of_fold_margins, seen_rows
from core.training.held_out import by_source, expect_both_labels, one_family
from core.training.recipe import HeadRecipe
from core.verdict import Thresholds

BEGIN = "<!-- cross-validation: begin -->"
END = "<!-- cross-validation: end -->"
SHOWN = ("auc", "tpr_at_5_fpr", "ece", "human_called_ai", "coverage", "decided_accuracy")
LEAST_WORKS = 20
"""Human works below which a medium's rate of errors is not shown."""


def cross_validate(
    recipe: HeadRecipe, features: Matrix, frame: pd.DataFrame, views: Sequence[Matrix] = ()
) -> dict[str, str]:
    """Return the figures of one recipe, each under its title.

    Args:
        recipe: what to fit on each fold.
        features: `[N, size]`.
        frame: rows of the manifest `[N]`, from `train` and `val` alone.
        views: features of augmented views, each `[N, size]`; fitted on, not judged.
    """
    of_sources = out_of_fold_margins(
        recipe, features, frame, by_source(frame, recipe.folds, recipe.seed), views
    )
    of_families = out_of_fold_margins(recipe, features, frame, folds_of(recipe, frame), views)
    calibration, band = calibrate(of_families, frame)
    p_ai = calibration(of_families)
    thresholds = Thresholds(band.human_below, band.ai_above)
    truth, scores = arrays(frame.assign(p_ai=p_ai))
    row = {
        f"{METRICS['auc'].title}, sources held out": _shown(
            METRICS["auc"].compute(*arrays(frame.assign(p_ai=of_sources)), thresholds)
        )
    }
    for name in SHOWN:
        row[f"{METRICS[name].title}, families and sources held out"] = _figure(
            name, truth, scores, thresholds
        )
    row["human works above 0.5"] = _shown(float((scores[~truth] > EVEN_ODDS.at).mean()))
    row["medium called ai most often"] = _worst(_by_medium(frame, p_ai, band.ai_above))
    row["family held out alone with the lowest AUC"] = _worst(
        -_by_family(recipe, features, frame, of_families, views), sign=-1
    )
    return row


def _figure(name: str, truth: Truth, p_ai: Scores, thresholds: Thresholds) -> str:
    """Return a figure as it is shown; a recipe whose band decides no work at all has no accuracy, for one."""
    try:
        return _shown(METRICS[name].compute(truth, p_ai, thresholds))
    except EvaluationError as error:
        return str(NotDefined(str(error)))


def _by_medium(frame: pd.DataFrame, p_ai: Margins, ai_above: float) -> pd.Series:
    human = frame["label"] == "human"
    called = pd.Series(p_ai > ai_above, index=frame.index)[human].groupby(frame["medium"][human])
    return called.mean()[called.size() >= LEAST_WORKS]


def _by_family(
    recipe: HeadRecipe, features: Matrix, frame: pd.DataFrame, margins: Margins, views: Sequence[Matrix]
) -> pd.Series:
    """Return the AUC of each family, held out alone, against the human works as `margins` has them."""
    human = (frame["label"] == "human").to_numpy()
    found = {}
    for family in sorted(set(frame["family"]) - {""}):
        fold = one_family(frame, family)
        if set(frame["label"].iloc[fold.fitted]) < {"human", "ai"}:
            continue
        alone = out_of_fold_margins(recipe, features, frame, [fold], views)
        rows = human | ~np.isnan(alone)
        joined = np.where(human, margins, alone)
        part = frame[rows].assign(p_ai=joined[rows])
        found[family] = METRICS["auc"].compute(*arrays(part), Thresholds(0, 1))
    return pd.Series(found, dtype=float)


def _worst(rates: pd.Series, sign: int = 1) -> str:
    return f"{rates.idxmax()} {_shown(sign * float(rates.max()))}" if len(rates) else "none"


def _shown(value: float) -> str:
    return f"{value:.3f}"


def write_experiments(
    recipes: Sequence[HeadRecipe],
    manifest: Manifest,
    files: ImageCache,
    path: Path,
    progress: Callable[[str], None] = lambda name: None,  # noqa: ARG005
) -> None:
    """Cross-validate recipes and write their figures between the marks `BEGIN` and `END` of a Markdown file.

    What stands outside the marks stays; a file without them gets them at its end.

    Args:
        recipes: what to compare.
        manifest: the corpus; only `train` and `val` are used.
        files: where the images are.
        path: the Markdown file, made if it is not there.
        progress: told the recipe that is being fitted.

    Raises:
        EncoderError: if the encoder is needed and cannot be loaded.
        OutputError: if the file cannot be read or written.
        RecipeError: if two recipes have one name.
        TrainingError: if the corpus has too few families or sources.
    """
    names = [recipe.name for recipe in recipes]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise RecipeError(f"Two recipes are called {', '.join(twice)}: give each file a `name` of its own.")
    frame = seen_rows(manifest)
    for recipe in recipes:  # what cannot be held out is told before any work
        expect_both_labels(frame, by_source(frame, recipe.folds, recipe.seed))
        folds_of(recipe, frame)
    rows = {}
    for recipe in recipes:
        progress(recipe.name)
        clean, views = gather(recipe, load_features(recipe.features), frame, files)
        rows[recipe.name] = cross_validate(recipe, clean, frame, views)
    table = Table(
        f"Cross-validated on train and val ({len(frame)} images)",
        pd.DataFrame(rows).rename_axis("figure"),
    )
    put_between(path, BEGIN, END, markdown(table))


def put_between(path: Path, begin: str, end: str, text: str) -> None:
    """Put text between two marks of a Markdown file; a file without them gets them at its end.

    Raises:
        OutputError: if the file cannot be read or written, or has only one of the marks.
    """
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else "# Experiments\n\n"
        atomic.write(path, _between(before, begin, end, text, path).encode())
    except OutputError:
        raise
    except UnicodeDecodeError as error:
        raise OutputError(f"{path} is no text in UTF-8; choose another --output.") from error
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}); choose another --output.") from error


def _between(before: str, begin: str, end: str, text: str, path: Path) -> str:
    if (begin in before) != (end in before):
        raise OutputError(
            f"{path} has only one of the marks {begin} and {end} that text is put between: restore the other, or choose "
            "another --output."
        )
    head, _, rest = before.partition(begin)
    tail = rest.partition(end)[2] or "\n"
    return f"{head}{begin}\n\n{text}\n\n{end}{tail}"
