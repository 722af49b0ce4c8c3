import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from core.detectors.card import Interval
from core.errors import EvaluationError
from core.evaluation.bootstrap import Draws
from core.evaluation.metrics import (
    METRICS,
    expected_calibration_error,
    figures_with_intervals,
    interval,
    tpr_at_fpr,
)
from core.evaluation.rules import Cut
from core.evaluation.tables import cell
from core.verdict import Thresholds

BAND = Thresholds(0.3, 0.7)


def predictions(count: int = 200, seed: int = 0, sources: int = 10) -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    label = np.array(["human", "ai"] * (count // 2))
    centre = np.where(label == "ai", 0.65, 0.35)
    return pd.DataFrame(
        {
            "sha256": [f"{i:064x}" for i in range(count)],
            "split": "test",
            "label": label,
            "generator": np.where(label == "ai", "g", ""),
            "source": [f"{kind}-{i % sources}" for i, kind in enumerate(label)],
            "p_ai": np.clip(chance.normal(centre, 0.25), 0, 1),
        }
    )


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=2, max_size=80))
def test_tpr_at_fpr_is_the_best_of_all_thresholds(pairs):
    truth = np.array([is_ai for is_ai, _ in pairs])
    p_ai = np.array([score / 20 for _, score in pairs])
    if truth.all() or not truth.any():
        return
    for allowed in (0.01, 0.05, 0.3):
        best = max(
            (p_ai[truth] > threshold).mean()
            for threshold in [*p_ai, -1.0]
            if (p_ai[~truth] > threshold).mean() <= allowed
        )
        assert tpr_at_fpr(truth, p_ai, allowed) == pytest.approx(best)


def test_calibration_error_of_a_perfect_and_of_an_overconfident_model():
    chance = np.random.default_rng(0)
    p_ai = chance.uniform(0, 1, 60_000)
    assert expected_calibration_error(chance.uniform(0, 1, 60_000) < p_ai, p_ai) < 0.01
    assert expected_calibration_error(np.array([True, False] * 500), np.full(1000, 0.9)) == pytest.approx(0.4)


def test_bins_hold_equal_mass():
    truth = np.zeros(30, bool)
    p_ai = np.array([0.0] * 28 + [0.5, 1.0])
    assert expected_calibration_error(truth, p_ai, bins=15) == pytest.approx(1.5 / 30)


def test_figures_of_a_small_example_by_hand():
    truth = np.array([False, False, False, True, True, True])
    p_ai = np.array([0.1, 0.5, 0.9, 0.2, 0.6, 0.8])
    computed = {name: figure.compute(truth, p_ai, BAND) for name, figure in METRICS.items()}
    assert computed["human_called_ai"] == pytest.approx(1 / 3)
    assert computed["ai_called_human"] == pytest.approx(1 / 3)
    assert computed["coverage"] == pytest.approx(4 / 6)
    assert computed["decided_accuracy"] == pytest.approx(2 / 4)
    assert computed["decided_balanced_accuracy"] == pytest.approx(2 / 4)
    assert computed["balanced_accuracy"] == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert computed["auc"] == pytest.approx(5 / 9)
    assert computed["brier"] == pytest.approx(np.mean((truth - p_ai) ** 2))


def test_balanced_accuracy_at_the_shipped_thresholds_leaves_the_undecided_out_and_weighs_classes_alike():
    truth = np.array([False, False, True, True, True, True, True])
    p_ai = np.array([0.1, 0.5, 0.9, 0.8, 0.75, 0.2, 0.6])
    compute = METRICS["decided_balanced_accuracy"].compute
    assert compute(truth, p_ai, BAND) == pytest.approx((1 + 3 / 4) / 2)
    with pytest.raises(EvaluationError, match="balanced accuracy where decided"):
        compute(truth, np.where(truth, p_ai, 0.5), BAND)


def test_intervals_hold_the_value_and_depend_on_the_seed_alone():
    frame = predictions()
    first = figures_with_intervals(frame, BAND, rounds=200)
    assert first == figures_with_intervals(frame, BAND, rounds=200)
    for found in first.values():
        assert found.low <= found.value <= found.high
    assert first["auc"].value == pytest.approx(roc_auc_score(frame["label"] == "ai", frame["p_ai"]), abs=5e-5)


def test_a_figure_reads_the_same_from_a_card_as_from_the_predictions():
    exact = Interval(value=0.97245904, low=0.92645003, high=0.99449)
    assert cell(exact.rounded()) == cell(exact) == "0.972 (0.926 to 0.994)"


def test_images_that_stand_or_fall_together_give_wider_intervals():
    frame = predictions(400)
    chance = np.random.default_rng(1)
    shifts = {source: chance.normal(0, 0.3) for source in frame["source"].unique()}
    frame["p_ai"] = np.clip(frame["p_ai"] + frame["source"].map(shifts), 0, 1)
    grouped = figures_with_intervals(frame, BAND, rounds=300)["auc"]
    alone = figures_with_intervals(frame.assign(source=frame["sha256"]), BAND, rounds=300)["auc"]
    assert grouped.high - grouped.low > 1.3 * (alone.high - alone.low)


def test_one_class_gives_a_sentence_and_no_number():
    frame = predictions()
    with pytest.raises(EvaluationError, match="all of one class"):
        figures_with_intervals(frame[frame["label"] == "ai"], BAND)


def test_a_model_that_decides_nothing_has_no_accuracy_where_decided():
    frame = pd.DataFrame(
        {"label": ["human", "ai"] * 10, "source": [str(i) for i in range(20)], "p_ai": np.full(20, 0.5)}
    )
    figures = figures_with_intervals(frame, Thresholds(0.2, 0.8), rounds=20)
    assert "decided_accuracy" not in figures
    assert figures["coverage"].value == 0


def test_draws_in_which_nothing_was_decided_do_not_count():
    p_ai = np.full(20, 0.5)
    p_ai[[1, 3]] = 0.9, 0.1
    frame = pd.DataFrame({"label": ["human", "ai"] * 10, "source": [str(i) for i in range(20)], "p_ai": p_ai})
    found = figures_with_intervals(frame, Thresholds(0.2, 0.8), rounds=50)["decided_accuracy"]
    assert (found.low, found.value, found.high) == (0, 0.5, 1)


def test_a_share_of_none_or_all_is_not_certain():
    p_ai = np.where(np.arange(80) % 2 == 1, 0.9, 0.1)
    frame = pd.DataFrame(
        {"label": ["human", "ai"] * 40, "source": [str(i // 2) for i in range(80)], "p_ai": p_ai}
    )
    found = figures_with_intervals(frame, Thresholds(0.2, 0.8), rounds=50)
    accused, right = found["human_called_ai"], found["decided_accuracy"]
    assert (accused.low, accused.value) == (0, 0)
    assert accused.high == pytest.approx(
        1.96**2 / (40 + 1.96**2), abs=1e-4
    )  # Wilson's score interval of 0 of 40
    assert (right.value, right.high) == (1, 1)
    assert right.low == pytest.approx(80 / (80 + 1.96**2), abs=1e-4)


def test_a_few_separable_works_make_no_figure_certain():
    frame = pd.DataFrame(
        {
            "label": ["human"] * 30 + ["ai"] * 20,
            "source": list(map(str, range(50))),
            "p_ai": [0.1] * 30 + [0.9] * 20,
        }
    )
    found = figures_with_intervals(frame, Thresholds(0.2, 0.8), rounds=50)
    of_twenty = pytest.approx(20 / (20 + 1.96**2), abs=1e-4)  # Wilson's score interval of 20 of 20
    for name in ("auc", "balanced_accuracy", "tpr_at_1_fpr", "tpr_at_5_fpr", "decided_balanced_accuracy"):
        assert (found[name].value, found[name].low, found[name].high) == (1, of_twenty, 1), name


def test_draws_that_do_not_define_a_figure_do_not_count():
    defined = np.linspace(0.4, 0.6, 41)
    assert interval(0.5, np.append(defined, [np.nan] * 100)) == interval(0.5, defined)


def test_a_class_of_one_source_is_drawn_work_by_work():
    truth = np.repeat([False, True], 30)
    sources = pd.Series([str(number) for number in range(30)] + ["the only one"] * 30)
    found = Draws.of(truth, sources, 50).tallies(np.arange(60), 60)
    assert (found[:, truth] > 1).any()
    assert (found[:, truth].sum(axis=1) == 30).all()


FEW_VALUES = np.repeat([0.2, 0.4, 0.9], [40, 30, 30])
MIXED = np.tile([False, True, False, True, True], 20)


@pytest.mark.parametrize("seed", range(3))
def test_the_calibration_error_hangs_on_no_order_of_rows(seed):
    rows = np.random.default_rng(seed).permutation(len(MIXED))
    sources = pd.Series([f"source {number % 7}" for number in range(len(MIXED))])
    figure, rule = METRICS["ece"], Cut(0.5)
    expected = figure.compute(MIXED, FEW_VALUES, rule)
    assert figure.compute(MIXED[rows], FEW_VALUES[rows], rule) == pytest.approx(expected)
    drawn = figure.draw(Draws.of(MIXED, sources), MIXED, FEW_VALUES, rule)
    mixed = Draws.of(MIXED[rows], sources[rows].reset_index(drop=True))
    assert figure.draw(mixed, MIXED[rows], FEW_VALUES[rows], rule) == pytest.approx(drawn)


def test_two_values_that_are_right_have_no_calibration_error():
    p_ai = np.repeat([0.25, 0.75], 400)
    truth = np.concatenate([np.arange(400) % 4 == 0, np.arange(400) % 4 != 0])
    assert expected_calibration_error(truth, p_ai) == pytest.approx(0)
