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
    identity,
    write_stages,
)
from core.errors import EvaluationError
from core.evaluation.perturbations import CONDITIONS, chosen, perturb
from core.evaluation.robustness import read_robustness
from core.evaluation.robustness_run import measure_robustness
from core.images import open as open_image
from tests.light_meter import LightMeter


@pytest.fixture
def pair(light_meter, tmp_path, monkeypatch):
    """A cascade of two light meters, of which the second sees everything darker; its folder."""
    monkeypatch.setenv("VERSO_MODELS", str(tmp_path))
    fast = LightMeter(read_card(light_meter))
    darker = shutil.copytree(light_meter, tmp_path / "darker")
    calibration = PlattScaling(slope=1.0, intercept=-2.0, fitted_on="nothing")
    write_card(fast.card.model_copy(update={"name": "darker", "calibration": calibration}), darker)
    thorough = LightMeter(read_card(darker))
    stages = Stages(
        fast=light_meter.name,
        fast_is=identity(fast.card),
        thorough="darker",
        thorough_is=identity(thorough.card),
        human_below=0.42,
        ai_above=0.65,
    )
    folder = tmp_path / "pair"
    folder.mkdir()
    weights = Weights(file=STAGES_FILE, sha256=write_stages(stages, folder))
    changes = {"name": "pair", "family": "cascade", "calibration": AS_THE_STAGE_SAYS, "weights": weights}
    no_network = {"best_epoch": None, "epochs": None}
    write_card(fast.card.model_copy(update=changes | no_network), folder)
    return CascadeDetector(read_card(folder), stages, fast, thorough), folder


def test_a_cascade_holds_as_the_stages_that_judge_do(pair, light_meter, tmp_path, corpus, files):
    detector, folder = pair
    condition = chosen(["jpeg-50"])
    measure_robustness(detector.fast, light_meter, corpus, files, condition)
    measure_robustness(detector.thorough, tmp_path / "darker", corpus, files, condition)
    judged = detector.fast.judged
    measure_robustness(detector, folder, corpus, files, condition)
    assert detector.fast.judged == judged
    found = read_robustness(folder)
    artworks = [perturb(open_image(path), CONDITIONS["jpeg-50"]) for path in files.paths(found["sha256"])]
    p_ai, passed_on = detector.judged(artworks)
    assert 0 < passed_on.sum() < len(passed_on)
    np.testing.assert_allclose(found["jpeg-50"], p_ai, atol=1e-6)


def test_a_stage_that_was_not_measured_is_named(pair, light_meter, corpus, files):
    detector, folder = pair
    measure_robustness(detector.fast, light_meter, corpus, files, chosen(["jpeg-50"]))
    with pytest.raises(EvaluationError, match="'darker' was not measured under jpeg-50: run"):
        measure_robustness(detector, folder, corpus, files, chosen(["jpeg-50"]))
