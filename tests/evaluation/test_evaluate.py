import shutil
from dataclasses import replace

import numpy as np
import pytest
from filelock import FileLock

from core.corpus import manifest
from core.corpus.cache import ImageCache
from core.detectors.card import read_card, write_card
from core.detectors.store import load_detector
from core.errors import EvaluationError
from core.evaluation.evaluate import LOCK_FILE, evaluate
from core.evaluation.measured import UNPERTURBED, is_current
from core.evaluation.perturbations import CONDITIONS, chosen, perturb
from core.evaluation.predictions import read_predictions
from core.evaluation.report_card import refresh_card
from core.evaluation.robustness import ROBUSTNESS_FILE, read_robustness, robustness_figures
from core.images import open as open_image
from tests.commands import invoke, run_cli
from tests.light_meter import LightMeter

THREE = chosen(["jpeg-50", "noise-5", "crop-80"])


def test_evaluate_puts_robustness_on_the_card_and_keeps_what_is_made(light_meter, corpus, files):
    detector = LightMeter(read_card(light_meter))
    evaluate(detector, light_meter, corpus, files, THREE)
    assert detector.judged == 28 + 48
    evaluate(detector, light_meter, corpus, files, THREE)
    assert detector.judged == 28 + 48
    card = read_card(light_meter)
    assert is_current(card, UNPERTURBED)
    predictions = read_predictions(light_meter)
    part = predictions[predictions["split"] == "test"]
    direct = robustness_figures(part, read_robustness(light_meter).set_index("sha256"), card.rule, "")
    assert card.splits["test"].robustness == direct
    assert set(card.splits["ood"].robustness) == {"jpeg-50", "noise-5", "crop-80"}
    assert card.splits["val"].robustness == {}


def test_evaluating_changed_weights_takes_the_old_robustness_off(light_meter, corpus, files):
    evaluate(LightMeter(read_card(light_meter)), light_meter, corpus, files, THREE)
    card = read_card(light_meter)
    weights = card.weights.model_copy(update={"sha256": "0" * 64})
    write_card(card.model_copy(update={"weights": weights}), light_meter)
    refresh_card(light_meter, corpus)
    assert read_card(light_meter).splits["test"].robustness == {}
    evaluate(LightMeter(read_card(light_meter)), light_meter, corpus, files)
    assert not (light_meter / ROBUSTNESS_FILE).exists()


@pytest.mark.parametrize("conditions", [(), THREE])
def test_a_second_process_is_refused_before_it_judges_or_changes_anything(
    light_meter, corpus, files, conditions
):
    detector = LightMeter(read_card(light_meter))
    before = (light_meter / "card.toml").read_bytes()
    with (
        FileLock(light_meter / LOCK_FILE),
        pytest.raises(EvaluationError, match="measured by another process"),
    ):
        evaluate(detector, light_meter, corpus, files, conditions)
    assert detector.judged == 0
    assert (light_meter / "card.toml").read_bytes() == before


def test_the_command_line_measures_and_goes_on(tiny_model, workshop, tmp_path):
    model = shutil.copytree(tiny_model, tmp_path / "tiny")
    arguments = ["evaluate", str(model), "--corpus", str(workshop.manifest)]
    run_cli(*arguments, "--perturb", "greyscale", "--perturb", "jpeg-90")
    assert list(read_robustness(model).columns) == ["sha256", "jpeg-90", "greyscale"]
    found = read_robustness(model)
    artworks = [
        perturb(open_image(path), CONDITIONS["jpeg-90"])
        for path in ImageCache.default(workshop.manifest).paths(found["sha256"])
    ]
    p_ai = load_detector(str(model)).predict(artworks)
    np.testing.assert_allclose(found["jpeg-90"], p_ai, atol=1e-4)
    before = (model / "predictions.csv").stat().st_mtime_ns
    run_cli(*arguments, "--perturb", "blur-1")
    assert list(read_robustness(model).columns) == ["sha256", "jpeg-90", "blur-1", "greyscale"]
    assert (model / "predictions.csv").stat().st_mtime_ns == before
    refused = invoke(*arguments, "--perturb", "jpeg-1")
    assert "no perturbation 'jpeg-1'" in str(refused.exception)


def test_images_of_one_class_replace_nothing_that_was_measured(workshop, tiny_model, tmp_path):
    model = tmp_path / "tiny"
    shutil.copytree(tiny_model, model)
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    listed = manifest.read(workshop.manifest)
    human = listed.frame[listed.frame["label"] == "human"]
    for rows, said in ((human, "are all human"), (human.iloc[:0], "names no image of")):
        with pytest.raises(EvaluationError, match=said):
            evaluate(
                load_detector(str(model)),
                model,
                replace(listed, frame=rows.reset_index(drop=True)),
                ImageCache.default(workshop.manifest),
            )
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before
