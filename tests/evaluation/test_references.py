"""The figures agree with scikit-learn, torchmetrics and statsmodels, whatever the input."""

from contextlib import contextmanager
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from statsmodels.stats.contingency_tables import mcnemar as sm_mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint
from torchmetrics.functional.classification import (
    binary_auroc,
    binary_confusion_matrix,
    binary_roc,
    binary_stat_scores,
)

from core.evaluation.bootstrap import Draws
from core.evaluation.comparison import Comparison
from core.evaluation.confusion import confusion
from core.evaluation.metrics import AT_THRESHOLDS, ECE_BINS, METRICS, value_of
from core.evaluation.paired import EXACT_BELOW, holm, mcnemar, only_first_right
from core.evaluation.rules import Cut, the_same
from core.evaluation.undefined import NotDefined
from core.evaluation.wilson import wilson
from core.verdict import Thresholds
from tests.evaluation.drawn import joined, judged

ALL = {**METRICS, **AT_THRESHOLDS}
CUTS = st.sampled_from([0.0, 0.25, 1 / 3, 0.5, 1.0])
SAME = {"rel": 1e-9, "abs": 1e-9}
EXAMPLES = settings(max_examples=60, deadline=None)


def values(truth, p_ai, rule):
    return {name: value_of(figure, truth, p_ai, rule) for name, figure in ALL.items()}


def equal_mass_error(truth, p_ai):
    """The calibration error over bins of equal mass, which none of the libraries has, from its definition."""
    shared = pd.Series(truth.astype(float)).groupby(p_ai).transform("mean").to_numpy()
    gap = (p_ai - shared)[np.argsort(p_ai, kind="stable")]
    return sum(abs(part.sum()) for part in np.array_split(gap, ECE_BINS)) / len(gap)


@EXAMPLES
@given(judged(models=1), CUTS)
def test_figures_at_a_cut_agree_with_scikit_learn(drawn, at):
    truth, p_ai = drawn[0], drawn[1]["m0"]
    found = values(truth, p_ai, Cut(at))
    called = p_ai > at
    expected = dict.fromkeys(ALL, NotDefined)
    if len(truth):
        expected |= {
            "accuracy": sk.accuracy_score(truth, called),
            "decided_accuracy": sk.accuracy_score(truth, called),
            "coverage": 1.0,
            "brier": np.mean((truth - p_ai) ** 2),
            "ece": equal_mass_error(truth, p_ai),
        }
    if called.any():
        expected["precision"] = sk.precision_score(truth, called)
    if truth.any():
        expected |= {
            "tpr": sk.recall_score(truth, called),
            "ai_called_human": 1 - sk.recall_score(truth, called),
        }
    if not truth.all():
        specificity = sk.recall_score(truth, called, pos_label=False)
        expected |= {"tnr": specificity, "human_called_ai": 1 - specificity}
    if truth.any() and not truth.all():
        fpr, tpr, _ = sk.roc_curve(truth, p_ai, drop_intermediate=False)
        expected |= {
            "auc": sk.roc_auc_score(truth, p_ai),
            "balanced_accuracy": sk.balanced_accuracy_score(truth, p_ai > 0.5),
            "decided_balanced_accuracy": sk.balanced_accuracy_score(truth, called),
            "tpr_at_1_fpr": tpr[fpr <= 0.01].max(),
            "tpr_at_5_fpr": tpr[fpr <= 0.05].max(),
        }
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if value is NotDefined:
            assert str(found[name]) == "not defined here", name
        else:
            assert found[name] == pytest.approx(value, **SAME), name


@contextmanager
def double_precision():
    """Have torchmetrics build its curves in float64: it takes torch's default type, whatever type the scores have."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@EXAMPLES
@given(judged(least=1, models=1), CUTS)
def test_figures_at_a_cut_agree_with_torchmetrics(drawn, at):
    truth, p_ai = drawn[0], drawn[1]["m0"]
    found = values(truth, p_ai, Cut(at))
    scores, target = torch.tensor(p_ai), torch.tensor(truth).int()
    # Its counts are exact, but it divides counts in float32 whatever the default: the shares are taken here.
    tp, fp, tn, fn, _ = binary_stat_scores(torch.tensor(p_ai > at).int(), target).tolist()
    for name, part, whole in (
        ("accuracy", tp + tn, len(truth)),
        ("tpr", tp, tp + fn),
        ("tnr", tn, tn + fp),
        ("precision", tp, tp + fp),
    ):
        if whole:
            assert found[name] == pytest.approx(part / whole, **SAME), name
        else:
            assert str(found[name]) == "not defined here", name
    if truth.any() and not truth.all():
        with double_precision():
            fpr, tpr, _ = binary_roc(scores, target)
            assert found["auc"] == pytest.approx(binary_auroc(scores, target).item(), **SAME)
        assert fpr.dtype == torch.float64
        assert found["tpr_at_1_fpr"] == pytest.approx(tpr[fpr <= 0.01].max().item(), **SAME)
        assert found["tpr_at_5_fpr"] == pytest.approx(tpr[fpr <= 0.05].max().item(), **SAME)


@EXAMPLES
@given(judged(), CUTS)
def test_confusion_matrices_agree_with_both(drawn, at):
    truth, p_ai = drawn
    table = joined(truth, p_ai)
    for model, matrix in confusion(table, the_same(table.models, Cut(at))).items():
        called = p_ai[model] > at
        assert list(matrix.counts.columns) == ["human", "ai"]
        if len(truth):
            np.testing.assert_array_equal(
                matrix.counts, sk.confusion_matrix(truth, called, labels=[False, True])
            )
            torched = binary_confusion_matrix(torch.tensor(called).int(), torch.tensor(truth).int())
            np.testing.assert_array_equal(matrix.counts, torched.numpy())
        for label, there in (("human", (~truth).any()), ("ai", truth.any())):
            row = list(matrix.rates.loc[label])
            assert (
                sum(row) == pytest.approx(1) if there else {str(rate) for rate in row} == {"not defined here"}
            )


@EXAMPLES
@given(judged(models=1), st.tuples(CUTS, CUTS).map(sorted))
def test_a_band_leaves_its_inside_and_its_edges_undecided(drawn, edges):
    truth, p_ai = drawn[0], drawn[1]["m0"]
    band = Thresholds(*edges)
    table = joined(truth, {"m": p_ai})
    counts = confusion(table, {"m": band})["m"].counts
    verdicts = [band.label(value) for value in p_ai]
    for label, is_ai in (("human", False), ("ai", True)):
        for said in ("human", "ai", "inconclusive"):
            expected = sum(t == is_ai and v == said for t, v in zip(truth, verdicts, strict=True))
            assert counts.loc[label, said] == expected


@EXAMPLES
@given(judged(least=2, models=1), CUTS, st.integers(1, 6))
def test_every_draw_gives_what_the_drawn_images_give(drawn, at, sources):
    truth, p_ai = drawn[0], drawn[1]["m0"]
    table = joined(truth, {"m": p_ai}, source=[f"s{i % sources}" for i in range(len(truth))])
    draws = Draws.of(truth, table.images["source"], rounds=5, seed=3)
    weights = draws.counts[:, draws.group].astype(int)
    for name, figure in ALL.items():
        if isinstance(value_of(figure, truth, p_ai, Cut(at)), NotDefined):
            continue
        got = figure.draw(draws, truth, p_ai, Cut(at))
        for weight, value in zip(weights, got, strict=True):
            rows = np.repeat(np.arange(len(truth)), weight)
            expected = value_of(figure, truth[rows], p_ai[rows], Cut(at))
            if isinstance(expected, NotDefined):
                assert np.isnan(value), name
            else:
                assert value == pytest.approx(expected, **SAME), name


@EXAMPLES
@given(st.lists(st.tuples(*[st.booleans()] * 3), max_size=120))
def test_mcnemar_of_all_pairs_at_once_agrees_with_statsmodels(answers):
    right = np.array(answers, bool).reshape(-1, 3).T
    only = only_first_right(right)
    pairs = list(combinations(range(3), 2))
    tests = mcnemar(*(np.array([only[pair[::turn]] for pair in pairs]) for turn in (1, -1)))
    for (i, j), found in zip(pairs, tests, strict=True):
        table = [[int((a & b).sum()) for b in (right[j], ~right[j])] for a in (right[i], ~right[i])]
        assert (found.only_first, found.only_second) == (table[0][1], table[1][0])
        assert found.exact == (found.only_first + found.only_second < EXACT_BELOW)
        expected = sm_mcnemar(table, exact=found.exact, correction=True).pvalue
        assert found.p == pytest.approx(min(1, expected), **SAME)
    assert [found.p_holm for found in tests] == pytest.approx(holm(np.array([found.p for found in tests])))


@EXAMPLES
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_agrees_with_statsmodels(p_values):
    np.testing.assert_allclose(
        holm(np.array(p_values)), multipletests(p_values, method="holm")[1], rtol=1e-9, atol=1e-12
    )


def test_a_test_that_is_not_defined_does_not_count_in_the_correction():
    found = holm(np.array([0.01, np.nan, 0.02]))
    assert found[[0, 2]].tolist() == pytest.approx([0.02, 0.02])
    assert np.isnan(found[1])


@settings(max_examples=25, deadline=None)
@given(judged(models=3), CUTS)
def test_nothing_shown_is_ever_nan(drawn, at):
    table = joined(*drawn)
    comparison = Comparison(table, rounds=10)
    rules = the_same(table.models, Cut(at))
    for row in comparison.figures(rules):
        for value in row.by_model.values():
            assert str(value) == "not defined here" or np.isfinite([value.value, value.low, value.high]).all()
    for pair in comparison.pairs(rules):
        assert 0 <= pair.mcnemar.p <= pair.mcnemar.p_holm <= 1
        assert str(pair.auc) == "not defined here" or np.isfinite([pair.auc.low, pair.auc.p_holm]).all()
    assert not any("nan" in sentence for sentence in comparison.sentences(rules))


@pytest.mark.parametrize(("count", "works"), [(0, 1), (1, 1), (0, 40), (7, 40), (39, 40), (1234, 5678)])
def test_wilson_agrees_with_statsmodels(count, works):
    assert wilson(count, works) == pytest.approx(proportion_confint(count, works, method="wilson"), abs=1e-12)
