import numpy as np
import pytest
from hypothesis import given, settings
from sklearn.metrics import auc, average_precision_score, roc_auc_score

from core.detectors.card import read_card, write_card
from core.evaluation import curves
from core.evaluation.evaluate import evaluate
from core.evaluation.perturbations import chosen
from core.evaluation.robustness import read_robustness
from core.evaluation.rules import Cut, the_same
from core.evaluation.selection import Selection
from core.verdict import Thresholds
from tests.evaluation.drawn import joined, judged, two_models
from tests.light_meter import LightMeter, write_light_meter


@settings(max_examples=40, deadline=None)
@given(judged(models=1))
def test_curves_enclose_the_areas_that_scikit_learn_computes(drawn):
    truth, p_ai = drawn
    table = joined(truth, p_ai)
    roc, recalls = curves.roc(table), curves.precision_recall(table)
    if truth.any() and not truth.all():
        assert auc(roc["fpr"], roc["tpr"]) == pytest.approx(roc_auc_score(truth, p_ai["m0"]), rel=1e-9)
        steps = -np.diff(recalls["recall"]) * recalls["precision"].to_numpy()[:-1]
        assert steps.sum() == pytest.approx(average_precision_score(truth, p_ai["m0"]), rel=1e-9)
    else:
        assert roc.empty
    assert curves.reliability(table)["images"].sum() == len(truth)
    assert curves.histograms(table)["images"].sum() == len(truth)


def test_operating_points_lie_on_the_roc_curve():
    table = two_models()
    points = curves.operating_points(table, {"m0": Cut(0.5), "m1": Thresholds(0.3, 0.7)})
    assert points["edge"].tolist() == ["cut", "human_below", "ai_above"]
    for model, of_model in points.groupby("model"):
        line = curves.roc(table)[lambda roc, model=model: roc["model"] == model]
        on_line = np.interp(of_model["fpr"], line["fpr"], line["tpr"])
        assert (of_model["tpr"] <= on_line + 1e-9).all()
    assert points["fpr"][1] > points["fpr"][2]


def test_shares_of_families_and_media_are_counted_by_hand():
    table = joined(
        [True, True, True, False, False],
        {"m": [0.9, 0.4, 0.8, 0.7, 0.1]},
        family=["flux", "flux", "sdxl", "", ""],
        medium=["", "", "", "oil", "ink"],
    )
    rules = the_same(["m"], Cut(0.5))
    recall = curves.recall_by_family(table, rules).set_index("family")
    assert recall["share"].to_dict() == {"flux": 0.5, "sdxl": 1}
    accused = curves.false_positives_by_medium(table, rules).set_index("medium")
    assert accused["share"].to_dict() == {"oil": 1, "ink": 0}
    assert (recall["low"] <= recall["share"]).all()
    assert (recall["share"] <= recall["high"]).all()


def test_no_images_give_no_rows():
    table = joined([], {"m": []})
    rules = the_same(["m"], Cut(0.5))
    for made in (
        curves.roc(table),
        curves.precision_recall(table),
        curves.operating_points(table, rules),
        curves.reliability(table),
        curves.histograms(table),
        curves.recall_by_family(table, rules),
        curves.false_positives_by_medium(table, rules),
    ):
        assert made.empty
        assert "model" in made


def test_after_each_condition_stand_the_models_measured_under_it(light_meter, corpus, files, tmp_path):
    models = {"light": light_meter, "dark": tmp_path / "dark", "plain": tmp_path / "plain"}
    for name, measured in (("light", ["jpeg-50", "noise-5"]), ("dark", ["noise-5"]), ("plain", [])):
        folder = models[name]
        if not folder.exists():
            write_light_meter(folder, corpus.version)
            write_card(read_card(folder).model_copy(update={"name": name}), folder)
        evaluate(LightMeter(read_card(folder)), folder, corpus, files, chosen(measured))
    after = curves.after_each([str(folder) for folder in models.values()], Selection("test"), corpus)
    assert {condition: joined.models for condition, joined in after.items()} == {
        curves.CLEAN: ("light", "dark", "plain"),
        "jpeg-50": ("light",),
        "noise-5": ("light", "dark"),
    }
    said = read_robustness(light_meter).set_index("sha256").loc[after["noise-5"].images["sha256"]]
    for condition in ("jpeg-50", "noise-5"):
        np.testing.assert_allclose(after[condition].p_ai["light"], said[condition])
    assert (after["noise-5"].p_ai["light"] != after[curves.CLEAN].p_ai["light"]).any()
    figures = curves.robustness_of(after, dict.fromkeys(models, Cut(0.5)))
    shown = figures[figures["figure"] == "auc"]
    assert shown.groupby("model")["condition"].apply(list).to_dict() == {
        "light": [curves.CLEAN, "jpeg-50", "noise-5"],
        "dark": [curves.CLEAN, "noise-5"],
        "plain": [curves.CLEAN],
    }
