import json
import threading
from contextlib import contextmanager, suppress

import numpy as np
import pytest

from core.detectors.card import Interval
from core.evaluation import comparison as comparing
from core.evaluation.comparison import Comparison, figure_frame, pair_frame, part_frame
from core.evaluation.comparison_report import as_csv, as_json, as_markdown
from core.evaluation.confusion import cell_images
from core.evaluation.disagreements import disagreements
from core.evaluation.paired import AucDifference, McNemar, Pair, auc_differences
from core.evaluation.rules import Cut, the_same
from core.evaluation.wording import sentence
from core.verdict import Thresholds
from tests.evaluation.drawn import joined, two_models

RULES = {"m0": Cut(0.5), "m1": Cut(0.5)}


@pytest.fixture(scope="module")
def unequal():
    return Comparison(two_models(), rounds=300)


def test_two_sessions_that_compare_at_once_do_not_both_limit_the_threads_of_the_process(monkeypatch):
    inside, met = threading.Barrier(2), []

    @contextmanager
    def limits(_):
        with suppress(threading.BrokenBarrierError):
            inside.wait(0.3)
            met.append(True)
        yield

    monkeypatch.setattr(comparing, "threadpool_limits", limits)
    sessions = [
        threading.Thread(target=Comparison(two_models(60), rounds=20).pairs, args=[RULES]) for _ in range(2)
    ]
    for session in sessions:
        session.start()
    for session in sessions:
        session.join()
    assert not met


def test_the_better_model_is_named_with_its_interval_and_where(unequal):
    said = unequal.sentences(RULES)[0]
    assert said.startswith("m0 is better than m1 on ood (ΔAUC 0.")
    pair = unequal.pairs(RULES)[0]
    assert pair.auc.low < pair.auc.value < pair.auc.high
    assert {str(part) for part in pair.parts} == {"human oil", "human comic", "flux", "sdxl"}
    assert sum(part.images for part in pair.parts) == 400


def test_the_order_of_the_models_does_not_change_who_is_better(unequal):
    table = unequal.joined
    turned = Comparison(
        joined(table.truth, {"m1": table.p_ai["m1"], "m0": table.p_ai["m0"]}, source=table.images["source"]),
        rounds=300,
    )
    assert turned.sentences(RULES)[0].startswith("m0 is better than m1 on ood (ΔAUC 0.")
    assert turned.pairs(RULES)[0].auc.value == pytest.approx(-unequal.pairs(RULES)[0].auc.value)


def test_who_is_right_more_often_is_told_where_the_ranking_tells_nothing():
    even = AucDifference(0.0001, -0.0002, 0.01, 0.8, 0.8)
    pair = Pair("m0", "m1", even, McNemar(40, 4, exact=False, p=1e-6, p_holm=1e-6), ())
    said = sentence(pair, "ood")
    assert said.startswith("At these thresholds m0 is right more often than m1 on ood; by how they rank")
    assert "ΔAUC 0.000, 0.000 to 0.010" in said
    assert "cannot be told apart on ood" not in said


def test_models_of_equal_skill_cannot_be_told_apart():
    comparison = Comparison(two_models(200, skill=(0.5, 0.5)), rounds=300)
    assert "m0 and m1 cannot be told apart on ood (ΔAUC" in comparison.sentences(RULES)[0]
    assert all(row.best is None for row in comparison.figures(RULES))


def test_the_best_is_marked_only_where_it_is_proven(unequal):
    best = {row.name: row.best for row in unequal.figures(RULES)}
    assert best["auc"] == "m0"
    assert best["coverage"] is None
    same = joined(unequal.joined.truth, {"m0": unequal.joined.p_ai["m0"], "m1": unequal.joined.p_ai["m0"]})
    assert {row.best for row in Comparison(same, rounds=50).figures(RULES)} == {None}


def told(value, seed, spread=0.02):
    drawn = value + np.random.default_rng(seed).normal(0, spread, 400)
    return comparing._Measured(value, drawn, Interval(value=value, low=0, high=1))


def test_the_best_has_the_lowest_of_what_is_to_be_low():
    figures = {"a": told(0.1, 0), "b": told(0.5, 1)}
    assert comparing._best(figures, "lower") == "a"
    assert comparing._best(figures, "higher") == "b"


def test_the_best_is_better_than_every_other_model():
    figures = {"a": told(0.9, 0), "b": told(0.895, 1), "c": told(0.3, 2)}
    assert comparing._best(figures, "higher") is None
    assert comparing._best({name: figures[name] for name in "ac"}, "higher") == "a"


def test_of_three_models_a_difference_that_one_pair_in_twenty_would_show_is_none():
    """Three pairs are three chances: p values are corrected after Holm."""
    drawn = np.array([told(0.0, seed, 1.0).drawn for seed in range(3)])
    found = auc_differences([3.2, 0.0, 0.0], drawn)[0]
    assert found.p < 0.05 < found.p_holm
    assert found.better is None
    (alone,) = auc_differences([3.2, 0.0], drawn[:2])
    assert alone.better == "first"


def test_a_threshold_changes_what_follows_it_and_nothing_else(unequal):
    before, after = (
        {row.name: row.by_model["m0"] for row in unequal.figures(rules)}
        for rules in (RULES, RULES | {"m0": Thresholds(0.2, 0.8)})
    )
    changed = {name for name in before if before[name] != after[name]}
    assert {"coverage", "accuracy", "tpr", "human_called_ai"} <= changed
    assert not changed & {"auc", "brier", "ece", "balanced_accuracy", "tpr_at_1_fpr", "tpr_at_5_fpr"}


def test_one_class_gives_a_sentence_about_verdicts_instead():
    comparison = Comparison(joined([True] * 40, {"m0": [0.9] * 40, "m1": [0.1] * 40}), rounds=20)
    assert (
        "m0 is right more often than m1 on ood (on 40 images only it was right"
        in comparison.sentences(RULES)[0]
    )
    assert str(comparison.figures(RULES)[0].by_model["m0"]) == "not defined here"


def test_a_cell_lists_its_images_the_most_confident_first():
    table = joined([False] * 4, {"m": [0.6, 0.9, 0.1, 0.5]})
    wrong = cell_images(table, "m", Cut(0.5), "human", "ai")
    assert wrong["p_ai"].tolist() == [0.9, 0.6]
    right = cell_images(table, "m", Cut(0.5), "human", "human")
    assert right["p_ai"].tolist() == [0.1, 0.5]
    undecided = cell_images(table, "m", Thresholds(0.3, 0.7), "human", "inconclusive")
    assert undecided["p_ai"].tolist() == [0.6, 0.5]


def test_disagreements_come_widest_first():
    table = joined([False, True, True], {"m0": [0.5, 0.9, 0.4], "m1": [0.5, 0.1, 0.6]})
    listed = disagreements(table, RULES)
    assert listed["spread"].tolist() == pytest.approx([0.8, 0.2])
    assert listed["said m0"].tolist() == ["ai", "human"]
    assert len(disagreements(table, RULES, limit=1)) == 1


def test_report_and_files_hold_the_same_numbers(unequal):
    figures = figure_frame(unequal.figures(RULES))
    facts = json.loads(as_json([unequal], RULES))[0]
    auc = figures[(figures["figure"] == "auc") & (figures["model"] == "m0")].iloc[0]
    assert facts["figures"]["auc"]["values"]["m0"]["value"] == pytest.approx(auc["value"])
    text = as_markdown(unequal, RULES)
    assert f"**{auc['value']:.3f} ({auc['low']:.3f} to {auc['high']:.3f})**" in text
    assert facts["pairs"][0]["sentence"] in text
    assert as_csv([unequal], RULES).startswith("images,figure,title,better,model,value,low,high,defined,best")
    pairs = unequal.pairs(RULES)
    assert pair_frame(pairs)["auc_value"][0] == pytest.approx(pairs[0].auc.value)
    assert len(part_frame(pairs)) == 4


def test_the_report_of_nothing_defined_has_no_nan():
    table = joined([True] * 3, {"m0": [0.5] * 3, "m1": [0.5] * 3})
    band = the_same(table.models, Thresholds(0.4, 0.6))
    text = as_markdown(Comparison(table, rounds=10), band)
    assert "not defined here" in text
    assert "nan" not in text.lower().replace("human", "")
    assert json.loads(as_json([Comparison(table, rounds=10)], band))[0]["figures"]["auc"]["values"]["m0"] == {
        "not_defined": "There are no human works here, and this figure needs them."
    }


def test_parts_that_cannot_be_told_apart_are_named_in_plain_words():
    pair = Comparison(two_models(60, skill=(0.5, 0.5)), rounds=50).pairs(RULES)[0]
    assert sentence(pair, "ood").endswith("on no medium and no family of ood alone can they be told apart.")
    assert np.isclose(pair.mcnemar.p_holm, pair.mcnemar.p)
