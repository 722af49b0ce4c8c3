import os
import shutil

import numpy as np
import pandas as pd
import pytest

from core import threads
from core.corpus import manifest
from core.corpus.cache import ImageCache
from core.detectors.card import read_card, write_card
from core.detectors.encoder import Encoder
from core.detectors.store import load_detector
from core.errors import EvaluationError
from core.evaluation import robustness_run
from core.evaluation.perturbations import CONDITIONS, chosen, perturb
from core.evaluation.predictions import DECIMALS
from core.evaluation.robustness import ROBUSTNESS_FILE, read_robustness
from core.evaluation.robustness_run import measure_robustness
from core.images import open as open_image
from tests.commands import run_cli
from tests.light_meter import LightMeter, PowerCutError

THREE = chosen(["jpeg-50", "noise-5", "crop-80"])


@pytest.fixture
def small_batches(monkeypatch):
    """Lets a corpus of 16 images be interrupted between batches and between saves, two batches of 2 under way."""
    monkeypatch.setattr(robustness_run, "batch_size", lambda _: 2)
    monkeypatch.setattr(robustness_run, "SAVE_EVERY", 4)
    monkeypatch.setattr(threads, "AHEAD", 1)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


def measured(folder, corpus, files, conditions=THREE, fails_after=None) -> int:
    """Measure with a stand-in for the detector; return how many pictures it judged."""
    detector = LightMeter(read_card(folder), fails_after)
    measure_robustness(detector, folder, corpus, files, conditions)
    return detector.judged


def test_every_test_and_ood_image_is_judged_after_the_perturbation(light_meter, corpus, files):
    detector = LightMeter(read_card(light_meter))
    measure_robustness(detector, light_meter, corpus, files, chosen(["jpeg-50"]))
    found = read_robustness(light_meter)
    wanted = corpus.frame[corpus.frame["split"].isin(["test", "ood"])]
    assert list(found.columns) == ["sha256", "jpeg-50"]
    assert list(found["sha256"]) == sorted(wanted["sha256"])
    artworks = [perturb(open_image(path), CONDITIONS["jpeg-50"]) for path in files.paths(found["sha256"])]
    np.testing.assert_allclose(found["jpeg-50"], detector.predict(artworks), atol=1e-6)
    text = (light_meter / ROBUSTNESS_FILE).read_text()
    assert len(text.splitlines()[1].split(",")[1].partition(".")[2]) == DECIMALS


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("judged", [0, 1, 7, 15, 16, 22, 33, 47])
def test_a_run_interrupted_anywhere_ends_in_the_file_of_one_that_was_not(
    light_meter, corpus, files, tmp_path, judged
):
    whole = shutil.copytree(light_meter, tmp_path / "whole")
    assert measured(whole, corpus, files) == 48
    with pytest.raises(PowerCutError):
        measured(light_meter, corpus, files, fails_after=judged)
    assert not (light_meter / ROBUSTNESS_FILE).exists()
    again = measured(light_meter, corpus, files)
    assert again <= 48 - judged + 4 + 4
    assert (light_meter / ROBUSTNESS_FILE).read_bytes() == (whole / ROBUSTNESS_FILE).read_bytes()
    assert read_card(light_meter).measured == read_card(whole).measured
    assert not list(light_meter.glob("*.part"))


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("moment", ["before _write", "after _write", "before record", "after record"])
def test_a_power_cut_around_the_writing_of_the_columns_loses_nothing(
    light_meter, corpus, files, tmp_path, monkeypatch, moment
):
    whole = shutil.copytree(light_meter, tmp_path / "whole")
    measured(whole, corpus, files)
    when, name = moment.split()
    step, calls = getattr(robustness_run, name), []

    def cut(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            if when == "after":
                step(*arguments)
            raise PowerCutError
        return step(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(robustness_run, name, cut)
        with pytest.raises(PowerCutError):
            measured(light_meter, corpus, files)
    assert measured(light_meter, corpus, files) == 0
    assert (light_meter / ROBUSTNESS_FILE).read_bytes() == (whole / ROBUSTNESS_FILE).read_bytes()


def test_what_is_measured_is_skipped_and_more_is_added_beside_it(light_meter, corpus, files):
    assert measured(light_meter, corpus, files, chosen(["noise-5"])) == 16
    first = read_robustness(light_meter)["noise-5"]
    assert measured(light_meter, corpus, files, chosen(["noise-5", "jpeg-90"])) == 16
    found = read_robustness(light_meter)
    assert list(found.columns) == ["sha256", "jpeg-90", "noise-5"]
    pd.testing.assert_series_equal(found["noise-5"], first)
    assert measured(light_meter, corpus, files, chosen(["jpeg-90"])) == 0


def test_other_weights_calibration_or_steps_start_again(light_meter, corpus, files, monkeypatch):
    measured(light_meter, corpus, files)
    card = read_card(light_meter)
    weights = card.weights.model_copy(update={"sha256": "0" * 64})
    write_card(card.model_copy(update={"weights": weights}), light_meter)
    assert measured(light_meter, corpus, files, chosen(["crop-80"])) == 16
    assert list(read_robustness(light_meter).columns) == ["sha256", "crop-80"]
    steeper = read_card(light_meter).calibration.model_copy(update={"slope": 9.0})
    write_card(read_card(light_meter).model_copy(update={"calibration": steeper}), light_meter)
    assert measured(light_meter, corpus, files, chosen(["crop-80"])) == 16
    changed = chosen(["crop-80"])[0].__class__("crop-80", "crop", CONDITIONS["jpeg-30"].steps)
    monkeypatch.setitem(CONDITIONS, "crop-80", changed)
    assert measured(light_meter, corpus, files, [changed]) == 16


def test_another_band_starts_nothing_again(light_meter, corpus, files):
    measured(light_meter, corpus, files)
    band = read_card(light_meter).thresholds.model_copy(update={"human_below": 0.1, "ai_above": 0.9})
    write_card(read_card(light_meter).model_copy(update={"thresholds": band}), light_meter)
    assert measured(light_meter, corpus, files) == 0


@pytest.mark.usefixtures("small_batches")
def test_what_an_interrupted_run_of_other_weights_left_is_not_used(light_meter, corpus, files):
    with pytest.raises(PowerCutError):
        measured(light_meter, corpus, files, fails_after=10)
    card = read_card(light_meter)
    weights = card.weights.model_copy(update={"sha256": "0" * 64})
    write_card(card.model_copy(update={"weights": weights}), light_meter)
    assert measured(light_meter, corpus, files) == 48
    assert not list(light_meter.glob("*.part"))


def test_other_images_start_again(light_meter, corpus, files):
    measured(light_meter, corpus, files)
    fewer = corpus.frame.drop(index=corpus.frame.index[corpus.frame["split"] == "ood"][0])
    smaller = manifest.Manifest(fewer.reset_index(drop=True), corpus.version, corpus.path)
    assert measured(light_meter, smaller, files) == 45


def test_progress_counts_what_this_run_has_to_do(light_meter, corpus, files):
    measured(light_meter, corpus, files, chosen(["noise-5"]))
    told = []
    detector = LightMeter(read_card(light_meter))
    measure_robustness(detector, light_meter, corpus, files, THREE, lambda *facts: told.append(facts))
    assert told[0] == ("JPEG quality 50", 0, 32)
    assert told[-1] == ("centre crop 80 %", 32, 32)


def test_a_broken_part_names_itself(light_meter, corpus, files, monkeypatch):
    monkeypatch.setattr(robustness_run, "record", lambda *_: (_ for _ in ()).throw(PowerCutError))
    with pytest.raises(PowerCutError):
        measured(light_meter, corpus, files, chosen(["jpeg-50"]))
    (part,) = light_meter.glob("robustness.*.part")
    part.write_text("sha256,jpeg-30\na,0.7\n")
    with pytest.raises(EvaluationError, match=r"jpeg-50.*\.part must have the columns.*delete it"):
        measured(light_meter, corpus, files)
    part.write_text("sha256,jpeg-50\na,7\n")
    with pytest.raises(EvaluationError, match=r"jpeg-50.*\.part must hold probabilities.*delete it"):
        measured(light_meter, corpus, files)


@pytest.mark.filterwarnings("ignore::core.errors.EncoderWarning")
@pytest.mark.usefixtures("tiny_encoder")
def test_heads_share_the_embeddings_of_perturbed_pictures(studio, tmp_path, monkeypatch):
    embedded = []
    embed_each = Encoder.embed_each

    def counting(self, windows, taps):
        embedded.append(len(windows))
        return embed_each(self, windows, taps)

    arguments = ["--corpus", str(studio.manifest)]
    for family in ("logistic-regression", "knn"):
        run_cli("train", str(studio.recipes[family]), *arguments, "--output", str(tmp_path / family))
        run_cli("evaluate", str(tmp_path / family), *arguments)
    monkeypatch.setattr(Encoder, "embed_each", counting)
    for family in ("logistic-regression", "knn"):
        run_cli(
            "evaluate", str(tmp_path / family), *arguments, "--perturb", "noise-5", "--perturb", "resize-50"
        )
        assert sum(embedded) == 2 * 24
    found = read_robustness(tmp_path / "knn")
    paths = ImageCache.default(studio.manifest).paths(found["sha256"])
    artworks = [perturb(open_image(path), CONDITIONS["noise-5"]) for path in paths]
    p_ai = load_detector(str(tmp_path / "knn")).predict(artworks)
    np.testing.assert_allclose(found["noise-5"], p_ai, atol=1e-4)
