import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from core.corpus import manifest
from core.detectors.card import read_card
from core.errors import RecipeError, TrainingError
from core.training import run
from core.training.held_out import by_family_and_source
from core.training.recipe import load_recipe
from tests.commands import invoke, run_cli

REPOSITORY = Path(__file__).resolve().parents[2]
HELD_OUT = "[held_out]\nparts = 3\nnetworks = {networks}\n\n[[stages]]"


def recipe_file(workshop, folder: Path, networks: int = 2) -> Path:
    path = folder / "holds-out.toml"
    declared = workshop.recipe.read_text().replace("epochs = 2", "epochs = 1")
    path.write_text(declared.replace("[[stages]]", HELD_OUT.format(networks=networks), 1))
    return path


def command(workshop, corpus, recipe: Path, output: Path) -> list[str]:
    return [
        *("train", str(recipe), "--corpus", str(corpus), "--output", str(output)),
        *("--init", str(workshop.init), "--workers", "0"),
    ]


@pytest.fixture(scope="module")
def held_out(workshop, studio, tmp_path_factory):
    """A model calibrated on two of three parts, and what its networks said of them."""
    folder = tmp_path_factory.mktemp("held-out")
    recipe = recipe_file(workshop, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VERSO_CACHE", str(folder / "cache"))
        run_cli(*command(workshop, studio.manifest, recipe, folder / "model"))
    return folder / "model"


def test_each_work_of_a_part_is_judged_once_by_the_network_that_lacks_its_part(held_out, studio):
    said = pd.read_csv(held_out / "held_out.csv")
    rows = manifest.read(studio.manifest).frame
    seen = rows[rows["split"].isin(["train", "val"])].reset_index(drop=True)
    for number, fold in enumerate(by_family_and_source(seen, 3, seed=3)[:2], start=1):
        of_part = said[said["part"] == number]
        assert sorted(of_part["sha256"]) == sorted(seen["sha256"].iloc[fold.held_out])
    assert set(said["part"]) == {1, 2}
    assert said["margin"].notna().all()


def test_the_card_says_on_which_works_the_probability_was_calibrated(held_out):
    card = read_card(held_out)
    assert "held-out families and sources of train and val (2 of 3 parts" in card.calibration.fitted_on
    assert "2 of 3 parts" in card.thresholds.policy


def test_only_the_model_stays_of_the_networks_that_were_trained(held_out):
    assert sorted(path.name for path in held_out.iterdir()) == [
        "card.toml",
        "held_out.csv",
        "history.csv",
        "weights.safetensors",
    ]


def test_a_run_killed_while_it_holds_out_goes_on_to_the_same_model(
    workshop, studio, held_out, tmp_path, monkeypatch
):
    output = tmp_path / held_out.name
    program = (
        "import os, signal, core.training.run as run\n"
        "run._calibrated = lambda *a: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from core.cli import main\n"
        "main()\n"
    )
    arguments = command(workshop, studio.manifest, recipe_file(workshop, tmp_path), output)
    killed = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=REPOSITORY, capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert not (output / "card.toml").exists()
    monkeypatch.setattr(run, "code_commit", lambda: "a-later-one")
    run_cli(*arguments)
    for name in ("held_out.csv", "history.csv", "weights.safetensors"):
        assert (output / name).read_bytes() == (held_out / name).read_bytes(), name
    assert read_card(output).commit == f"{read_card(held_out).commit}, then a-later-one"


def test_more_networks_than_parts_are_refused(workshop, tmp_path):
    with pytest.raises(RecipeError, match="no more networks than parts"):
        load_recipe(str(recipe_file(workshop, tmp_path, networks=4)))


def test_a_part_without_which_val_lacks_a_label_is_told_before_anything_is_trained(
    workshop, studio, tmp_path
):
    frame = manifest.read(studio.manifest).frame
    of_others = (
        (frame["split"] == "val") & (frame["label"] == "human") & (frame["source"] != "folder:human-0")
    )
    (tmp_path / "images").symlink_to(studio.folder / "images")
    listed = manifest.write(frame[~of_others], tmp_path / "manifest.csv").path
    recipe = recipe_file(workshop, tmp_path, networks=3)
    result = invoke(*command(workshop, listed, recipe, tmp_path / "model"))
    assert isinstance(result.exception, TrainingError)
    said = str(result.exception)
    assert said.startswith("Split 'val', without part ")
    assert "of what is held out, has no image labelled human" in said
    assert not (tmp_path / "model").exists()


def test_a_corpus_with_too_few_families_is_refused_before_anything_is_trained(workshop, tmp_path):
    arguments = command(workshop, workshop.manifest, recipe_file(workshop, tmp_path), tmp_path / "model")
    result = invoke(*arguments)
    assert isinstance(result.exception, TrainingError)
    assert "cannot be held out" in str(result.exception)
    assert not (tmp_path / "model").exists()
