import csv
import io
import json
import re
import shutil
from pathlib import Path

import pytest

from core.detectors.calibration import PlattScaling
from core.detectors.card import ChosenThresholds, read_card, write_card
from core.errors import EvaluationError, WrongUsageError
from tests.commands import invoke, run_cli


@pytest.fixture
def models(tiny_model, workshop, tmp_path):
    other = shutil.copytree(tiny_model, tmp_path / "other")
    write_card(read_card(other).model_copy(update={"name": "other"}), other)
    return [str(tiny_model), str(other), "--corpus", str(workshop.manifest)]


def test_one_model_prints_its_figures_and_two_everything(models, tiny_model):
    alone = run_cli("compare", str(tiny_model), *models[2:], "--split", "ood")
    assert "ROC AUC" in alone
    assert "Paired tests" not in alone
    both = run_cli("compare", *models, "--split", "ood")
    assert "tiny and other cannot be told apart on ood" in both
    assert "rows true, columns said" in both


def test_json_and_csv_hold_the_asked_for_images_at_the_asked_for_thresholds(models):
    facts = json.loads(run_cli("compare", *models, "--split", "test", "--threshold", "0.4", "--json"))
    assert facts[0]["thresholds"] == {"tiny": {"at": 0.4}, "other": {"at": 0.4}}
    assert sum(facts[0]["confusion"]["tiny"]["human"].values()) == 4
    rows = csv.DictReader(
        io.StringIO(run_cli("compare", *models, "--family", "grid", "--band", "0.2", "0.8", "--csv"))
    )
    assert {row["images"] for row in rows} == {"test (ai works of grid)", "ood (ai works of grid)"}


def test_each_model_is_compared_at_the_band_of_its_own_card(models):
    folder = Path(models[1])
    band = ChosenThresholds(human_below=0.125, ai_above=0.875, policy="another")
    write_card(read_card(folder).model_copy(update={"thresholds": band}), folder)
    facts = json.loads(run_cli("compare", *models, "--split", "test", "--json"))
    assert facts[0]["thresholds"]["other"] == {"human_below": 0.125, "ai_above": 0.875}
    assert facts[0]["thresholds"]["tiny"] != facts[0]["thresholds"]["other"]


def test_a_model_trained_anew_is_not_compared_by_what_it_said_before(models):
    folder = Path(models[1])
    calibration = PlattScaling(slope=9.0, intercept=0.0, fitted_on="other works")
    write_card(read_card(folder).model_copy(update={"calibration": calibration}), folder)
    with pytest.raises(EvaluationError, match=f"evaluate {re.escape(str(folder))}"):
        raise invoke("compare", *models, "--split", "test").exception


@pytest.mark.parametrize("lacks", ["the file", "the right model", "the condition", "a whole robustness.csv"])
def test_the_command_that_is_suggested_measures_on_the_corpus_that_was_named(models, lacks):
    folder = Path(models[1])
    if lacks == "the file":
        (folder / "predictions.csv").unlink()
    if lacks == "the right model":
        calibration = PlattScaling(slope=9.0, intercept=0.0, fitted_on="other works")
        write_card(read_card(folder).model_copy(update={"calibration": calibration}), folder)
    if lacks == "a whole robustness.csv":
        (folder / "robustness.csv").write_text("sha256\n")
    conditions = [] if lacks in {"the file", "the right model"} else ["--condition", "jpeg-50"]
    result = invoke("compare", folder.as_posix(), *models[2:], *conditions)
    assert isinstance(result.exception, EvaluationError)
    assert f"python -m core evaluate {folder} --corpus {models[-1]}" in str(result.exception)


def test_own_images_are_judged_on_the_spot(models, tmp_path, drawings):
    for number, label in enumerate(("human", "ai")):
        (tmp_path / "mine" / label).mkdir(parents=True)
        picture = drawings.file(drawings.painting((80, 60), number))
        (tmp_path / "mine" / label / "a.png").write_bytes(picture)
    assert "your images in mine (1 human, 1 AI)" in run_cli(
        "compare", *models[:2], "--own", str(tmp_path / "mine")
    )


def test_models_whose_cards_have_one_name_are_called_as_given(models, tiny_model, tmp_path, drawings):
    folders = [str(tiny_model), str(shutil.copytree(tiny_model, tmp_path / "again"))]
    facts = json.loads(run_cli("compare", *folders, *models[1:], "--split", "ood", "--json"))
    assert list(facts[0]["confusion"]) == [*folders, "other"]
    (tmp_path / "mine" / "ai").mkdir(parents=True)
    (tmp_path / "mine" / "ai" / "a.png").write_bytes(drawings.file(drawings.painting((80, 60))))
    judged = run_cli("compare", *folders, "--own", str(tmp_path / "mine"))
    assert all(folder in judged for folder in folders)


@pytest.mark.parametrize(
    "options",
    [["--threshold", "0.5", "--band", "0.1", "0.2"], ["--json", "--csv"], ["--own", "x", "--split", "ood"]],
)
def test_options_that_exclude_each_other_are_wrong_usage(models, options):
    assert invoke("compare", *models, *options).exit_code == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--split", "foo"], "There is no split 'foo'"),
        (["--family", "foo"], "There is no family 'foo'"),
        (["--medium", "foo"], "There is no medium 'foo'"),
        (["--source", "foo"], "comes from source 'foo'"),
        (["--condition", "foo"], "There is no perturbation 'foo'"),
    ],
)
def test_a_choice_that_there_is_not_is_wrong_usage(models, options, said):
    error = invoke("compare", *models, *options).exception
    assert isinstance(error, WrongUsageError)
    assert said in str(error)


def test_a_band_upside_down_is_laid_at_the_option(models):
    result = invoke("compare", *models, "--band", "0.9", "0.1")
    assert result.exit_code == 2
    assert "--band" in result.stderr
    assert "the lower one first" in " ".join(result.stderr.replace("│", " ").split())


def test_a_model_named_twice_and_a_condition_not_measured_are_sentences(models):
    for again in (models[0], f"{models[0]}/"):
        twice = invoke("compare", models[0], again, *models[2:]).exception
        assert isinstance(twice, WrongUsageError)
        assert f"'{models[0]}' is named twice" in str(twice)
    assert "was not measured after 'jpeg-50'" in str(
        invoke("compare", *models, "--condition", "jpeg-50").exception
    )
