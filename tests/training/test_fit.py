import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from core.errors import RecipeError, TrainingError
from core.training.checkpoint import CHECKPOINT_FILE
from core.training.recipe import load_recipe, recipe_names
from tests.commands import invoke, run_cli

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Keeps the features of the drawn pictures out of the user's cache."""
    monkeypatch.setenv("VERSO_CACHE", str(tmp_path / "cache"))


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
        assert (output / CHECKPOINT_FILE).exists()
    run_cli(*train_command(workshop, output, "--workers", "0"))
    assert_same_weights(tiny_model, output)
    assert (output / "history.csv").read_text() == (tiny_model / "history.csv").read_text()
    assert not (output / CHECKPOINT_FILE).exists()


def test_of_a_network_that_stayed_frozen_only_the_head_is_saved(workshop, tmp_path):
    recipe = workshop.recipe.read_text().replace('epochs = 2\ntrains = "all"', 'epochs = 2\ntrains = "head"')
    (tmp_path / "frozen.toml").write_text(recipe)
    command = train_command(workshop, tmp_path / "frozen", "--workers", "0")
    command[1] = str(tmp_path / "frozen.toml")
    run_cli(*command)
    assert load_file(tmp_path / "frozen" / "head.safetensors").keys() == {"weight", "bias"}


def test_resuming_with_another_recipe_is_refused(workshop, tmp_path):
    output = tmp_path / "mixed"
    output.mkdir()
    run = {"recipe": "another", "corpus": "another", "initialisation": "another"}
    torch.save({"run": run, "state": {}}, output / CHECKPOINT_FILE)
    result = invoke(*train_command(workshop, output, "--workers", "0"))
    assert isinstance(result.exception, TrainingError)
    assert "different recipe, corpus, initialisation" in str(result.exception)
    assert "delete it" in str(result.exception)


def test_a_damaged_checkpoint_is_named(workshop, tmp_path):
    output = tmp_path / "damaged"
    output.mkdir()
    (output / CHECKPOINT_FILE).write_bytes(b"not a checkpoint")
    result = invoke(*train_command(workshop, output, "--workers", "0"))
    assert isinstance(result.exception, TrainingError)
    assert "is damaged" in str(result.exception)


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


def test_a_wrong_field_of_a_recipe_is_named(workshop, tmp_path):
    path = tmp_path / "wrong.toml"
    path.write_text(workshop.recipe.read_text().replace("lr = 1e-3", "lr = -1.0"))
    with pytest.raises(RecipeError, match=r"optimiser\.adamw\.lr"):
        load_recipe(str(path))
