import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from safetensors.torch import load_file

from core.detectors.card import read_card
from core.detectors.store import load_detector
from core.errors import RecipeError, TrainingError
from core.training import run
from core.training.checkpoint import CHECKPOINT_FILE
from core.training.lineage import code_commit
from core.training.recipe import load_recipe, recipe_names
from tests.commands import invoke, run_cli
from tests.training.network import StoppedError

REPOSITORY = Path(__file__).resolve().parents[2]


def train_command(workshop, output: Path, *extra: str) -> list[str]:
    return [
        "train",
        str(workshop.recipe),
        "--corpus",
        str(workshop.manifest),
        "--output",
        str(output),
        "--init",
        str(workshop.init),
        *extra,
    ]


def assert_same_weights(first: Path, second: Path) -> None:
    left, right = (load_file(folder / "weights.safetensors") for folder in (first, second))
    assert left.keys() == right.keys()
    for name, value in left.items():
        assert torch.equal(value, right[name]), f"{name} differs"


def test_same_seed_gives_same_model_whatever_the_number_of_workers(workshop, tiny_model, tmp_path):
    run_cli(*train_command(workshop, tmp_path / "again", "--workers", "2"))
    assert_same_weights(tiny_model, tmp_path / "again")


def test_a_killed_run_goes_on_to_the_same_model(workshop, tiny_model, tmp_path):
    output = tmp_path / "killed"
    program = (
        "import os, signal, core.training.fit as fit\n"
        "save, fit.CHECKPOINT_AFTER = fit.save_checkpoint, 0\n"
        "def save_then_die(*a):\n"
        "    save(*a)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "fit.save_checkpoint = save_then_die\n"
        "from core.cli import main\n"
        "main()\n"
    )
    command = [sys.executable, "-c", program, *train_command(workshop, output, "--workers", "0")]
    for _ in range(2):  # it dies after each of the first two epochs
        killed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=False)
        assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
        assert (output / "training" / "whole" / CHECKPOINT_FILE).exists()
    run_cli(*train_command(workshop, output, "--workers", "0"))
    assert_same_weights(tiny_model, output)
    assert (output / "history.csv").read_text() == (tiny_model / "history.csv").read_text()
    assert not (output / "training").exists()


def test_of_a_network_that_stayed_frozen_only_the_head_is_saved(workshop, tmp_path):
    recipe = workshop.recipe.read_text().replace('epochs = 2\ntrains = "all"', 'epochs = 2\ntrains = "head"')
    (tmp_path / "frozen.toml").write_text(recipe)
    command = train_command(workshop, tmp_path / "frozen", "--workers", "0")
    command[1] = str(tmp_path / "frozen.toml")
    run_cli(*command)
    assert load_file(tmp_path / "frozen" / "head.safetensors").keys() == {"weight", "bias"}


@pytest.mark.parametrize("network", ["whole", "without-part-2"])
def test_resuming_with_another_recipe_is_refused_at_once(network, workshop, tmp_path):
    place = tmp_path / "mixed" / "training" / network
    place.mkdir(parents=True)
    run = {"recipe": "another", "corpus": "another", "initialisation": "another"}
    torch.save({"run": run, "state": {}}, place / CHECKPOINT_FILE)
    result = invoke(*train_command(workshop, tmp_path / "mixed", "--workers", "0"))
    assert isinstance(result.exception, TrainingError)
    assert "different recipe, corpus, initialisation" in str(result.exception)
    assert f"delete {place.parent} to start afresh" in str(result.exception)


@pytest.mark.parametrize("content", [b"not a checkpoint", {"run": [1], "state": {}}])
def test_a_damaged_checkpoint_is_named(content, workshop, tmp_path):
    place = tmp_path / "damaged" / "training" / "whole"
    place.mkdir(parents=True)
    if isinstance(content, bytes):
        (place / CHECKPOINT_FILE).write_bytes(content)
    else:
        torch.save(content, place / CHECKPOINT_FILE)
    result = invoke(*train_command(workshop, tmp_path / "damaged", "--workers", "0"))
    assert isinstance(result.exception, TrainingError)
    assert "is damaged" in str(result.exception)


def test_a_model_that_is_trained_again_judges_as_before_until_the_new_one_is_there(
    workshop, tiny_model, tmp_path, monkeypatch
):
    output = shutil.copytree(tiny_model, tmp_path / "again")
    (output / "held_out.csv").touch()
    card = read_card(tiny_model)

    def stop(*_):
        raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr(run, "_calibrated", stop)
        result = invoke(*train_command(workshop, output, "--workers", "0"))
        assert isinstance(result.exception, StoppedError)
    assert read_card(output) == card
    assert load_detector(str(output)).card == card
    run_cli(*train_command(workshop, output, "--workers", "0"))
    assert read_card(output).trained >= card.trained
    assert not (output / "held_out.csv").exists()


def test_a_model_is_trained_by_one_process_at_a_time(workshop, tmp_path):
    (tmp_path / "busy" / "training").mkdir(parents=True)
    with FileLock(tmp_path / "busy" / "training" / ".lock"):
        result = invoke(*train_command(workshop, tmp_path / "busy", "--workers", "0"))
    assert isinstance(result.exception, TrainingError)
    assert "Another process trains in" in str(result.exception)


def test_a_network_whose_scores_are_no_numbers_is_told(workshop, tmp_path):
    recipe = workshop.recipe.read_text().replace("lr = 1e-3", "lr = 1e30")
    (tmp_path / "steep.toml").write_text(recipe)
    command = train_command(workshop, tmp_path / "steep", "--workers", "0")
    command[1] = str(tmp_path / "steep.toml")
    result = invoke(*command)
    assert isinstance(result.exception, TrainingError)
    assert "lower `lr`" in str(result.exception)


def test_without_git_the_commit_is_unknown(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    assert code_commit() == "unknown"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["embedding-knn", "--init", "x.safetensors"], "--init starts a network"),
        (["verso", "--own-weight", "2"], "name them with --own"),
    ],
)
def test_options_without_effect_are_wrong_usage(options, said, workshop, tmp_path):
    arguments = ["--corpus", str(workshop.manifest), "--output", str(tmp_path / "x")]
    result = invoke("train", *options, *arguments)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.replace("│", " ").split())


def test_initial_weights_of_another_network_are_refused(workshop, tmp_path):
    (tmp_path / "init.safetensors").write_bytes(b"nonsense")
    command = train_command(workshop, tmp_path / "out", "--workers", "0")
    command[command.index("--init") + 1] = str(tmp_path / "init.safetensors")
    result = invoke(*command)
    assert isinstance(result.exception, TrainingError)
    assert "no readable safetensors" in str(result.exception)


@pytest.mark.parametrize("name", recipe_names())
def test_every_shipped_recipe_is_valid_and_bears_its_file_name(name):
    assert load_recipe(name).name == name


def test_an_unknown_recipe_lists_the_known_ones():
    with pytest.raises(RecipeError, match="resnet18-finetune"):
        load_recipe("no-such-recipe")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("seed = 3", "seed = -1", "seed"),
        ("seed = 3", f"seed = {2**32}", "seed"),
        ("sigma = [1.0, 4.0]", "sigma = [4.0, 1.0]", "sigma: the lower end of the range comes first"),
        ("sigma = [1.0, 4.0]", "sigma = [0.0, 4.0]", "sigma"),
        ("area = [0.5, 1.0]", "area = [0.5, 2.0]", "area"),
        ('op = "random-square"\nsize = 32\narea = [0.5, 1.0]', 'op = "flip"', "random-square, for example"),
    ],
)
def test_numbers_that_no_run_could_use_are_refused(old, new, said, workshop, tmp_path):
    declared = workshop.recipe.read_text()
    assert old in declared
    path = tmp_path / "wrong.toml"
    path.write_text(declared.replace(old, new))
    with pytest.raises(RecipeError, match=said):
        load_recipe(str(path))


def test_a_recipe_that_is_no_utf_8_or_cannot_be_read_is_told(tmp_path):
    (tmp_path / "latin.toml").write_bytes('summary = "für"'.encode("latin-1"))
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(RecipeError, match="is no UTF-8 text"):
        load_recipe(str(tmp_path / "latin.toml"))
    with pytest.raises(RecipeError, match="cannot be read"):
        load_recipe(str(tmp_path / "folder.toml"))


def test_a_wrong_field_of_a_recipe_is_named(workshop, tmp_path):
    path = tmp_path / "wrong.toml"
    path.write_text(workshop.recipe.read_text().replace("lr = 1e-3", "lr = -1.0"))
    with pytest.raises(RecipeError, match=r"optimiser\.adamw\.lr"):
        load_recipe(str(path))
