import shutil

import numpy as np
import pytest

from core.detectors.calibration import PlattScaling
from core.detectors.card import Weights, read_card, write_card
from core.detectors.cascade import (
    AS_THE_STAGE_SAYS,
    STAGES_FILE,
    CascadeDetector,
    Stages,
    Step,
    identity,
    write_stages,
)
from core.detectors.store import find_model
from core.errors import EvaluationError
from core.evaluation.evaluate import evaluate
from core.evaluation.held_out_margins import write_held_out
from core.evaluation.perturbations import CONDITIONS, chosen, perturb
from core.evaluation.predictions import PREDICTIONS_FILE
from core.evaluation.robustness import read_robustness
from core.evaluation.robustness_run import measure_robustness
from core.images import open as open_image
from tests.light_meter import LightMeter


@pytest.fixture
def three(light_meter, tmp_path, monkeypatch):
    """A cascade of three light meters, of which each sees everything darker than the one before; its folder."""
    monkeypatch.setenv("VERSO_MODELS", str(tmp_path))
    meters = [LightMeter(read_card(light_meter))]
    for name, intercept in (("darker", -1.0), ("darkest", -2.0)):
        folder = shutil.copytree(light_meter, tmp_path / name)
        calibration = PlattScaling(slope=1.0, intercept=intercept, fitted_on="nothing")
        card = meters[0].card.model_copy(update={"name": name, "calibration": calibration})
        write_card(card, folder)
        meters.append(LightMeter(read_card(folder)))
    fast, darker, darkest = (meter.card for meter in meters)
    steps = (
        Step(model=light_meter.name, identity=identity(fast), human_below=0.42, ai_above=0.65),
        Step(model="darker", identity=identity(darker), human_below=0.23, ai_above=0.31),
    )
    stages = Stages(steps=steps, thorough="darkest", thorough_is=identity(darkest))
    folder = tmp_path / "three"
    folder.mkdir()
    weights = Weights(file=STAGES_FILE, sha256=write_stages(stages, folder))
    changes = {"name": "three", "family": "cascade", "calibration": AS_THE_STAGE_SAYS, "weights": weights}
    no_network = {"kept_epoch": None, "epochs": None}
    write_card(fast.model_copy(update=changes | no_network), folder)
    return CascadeDetector(read_card(folder), stages, meters), folder


def test_a_cascade_holds_as_the_stages_that_judge_do(three, corpus, files):
    detector, folder = three
    condition = chosen(["jpeg-50"])
    for stage, name in zip(detector.detectors, detector.stages.names, strict=True):
        measure_robustness(stage, find_model(name), corpus, files, condition)
    judged = [stage.judged for stage in detector.detectors]
    measure_robustness(detector, folder, corpus, files, condition)
    assert [stage.judged for stage in detector.detectors] == judged
    found = read_robustness(folder)
    artworks = [perturb(open_image(path), CONDITIONS["jpeg-50"]) for path in files.paths(found["sha256"])]
    p_ai, judge = detector.judged(artworks)
    assert set(judge.tolist()) == {0, 1, 2}
    np.testing.assert_allclose(found["jpeg-50"], p_ai, atol=1e-6)


def test_a_stage_that_was_not_measured_is_named(three, light_meter, corpus, files):
    detector, folder = three
    measure_robustness(detector.detectors[0], light_meter, corpus, files, chosen(["jpeg-50"]))
    with pytest.raises(EvaluationError, match="'darker' was not measured under jpeg-50: run") as caught:
        measure_robustness(detector, folder, corpus, files, chosen(["jpeg-50"]))
    assert f"`python -m core evaluate darker --corpus {corpus.path} --perturb all`" in str(caught.value)


def test_a_cascade_is_not_measured_on_works_that_a_stage_learned_from(three, corpus, files, tmp_path):
    detector, folder = three
    card = read_card(tmp_path / "darker")
    write_card(
        card.model_copy(update={"corpus": card.corpus.model_copy(update={"version": "0" * 64})}),
        tmp_path / "darker",
    )
    of_test = corpus.frame[corpus.frame["split"] == "test"]
    write_held_out(of_test.assign(part=1, margin=0.5), tmp_path / "darker")
    with pytest.raises(EvaluationError, match=r"8 images of test and ood .* 'darker' was trained"):
        evaluate(detector, folder, corpus, files)
    assert not (folder / PREDICTIONS_FILE).exists()
