import re
import shlex
import subprocess
import sys

import pytest

from core.detectors.card import Int8Weights, Weights, how_to_make, read_int8
from core.detectors.store import (
    DEFAULT_MODEL,
    FALLBACK_MODEL,
    default_model,
    find_model,
    is_loadable,
    load_card,
    load_detector,
    model_names,
    what_is_missing,
)
from core.errors import ModelError, RecipeError
from tests.cards import head_card, network_card
from tests.commands import invoke


def test_where_the_encoder_is_missing_a_model_that_needs_none_judges(monkeypatch, tmp_path):
    monkeypatch.delenv("VERSO_ENCODER", raising=False)
    monkeypatch.setenv("VERSO_CACHE", str(tmp_path))
    assert default_model() == FALLBACK_MODEL
    assert load_detector().card.name == FALLBACK_MODEL


def test_where_the_encoder_is_at_hand_the_default_model_judges(monkeypatch, tmp_path):
    (tmp_path / "encoder.safetensors").touch()
    monkeypatch.setenv("VERSO_ENCODER", str(tmp_path / "encoder.safetensors"))
    assert default_model() == DEFAULT_MODEL


def test_all_weights_shipped_are_at_most_80_megabytes():
    files = []
    for name in model_names():
        weights = load_card(name).weights
        names = [weights.file, *([weights.int8.file] if weights.int8 else [])]
        files += [find_model(name) / each for each in names]
    assert sum(path.stat().st_size for path in files if path.is_file()) <= 80e6


def test_a_network_does_not_wait_for_the_libraries_of_other_models():
    loads = f"import sys; from core.audit.model import load_model; load_model({FALLBACK_MODEL!r}); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", loads], check=True, capture_output=True, text=True)
    assert not {"sklearn", "skops", "transformers"} & set(loaded.stdout.split())


def test_the_fallback_needs_nothing_that_is_not_shipped():
    assert is_loadable(load_card(FALLBACK_MODEL), find_model(FALLBACK_MODEL))


@pytest.mark.parametrize("name", ["absent", "with space"])
def test_the_command_that_makes_missing_weights_is_a_whole_one(name, tmp_path):
    missing = what_is_missing(head_card("absent", recipe="no recipe"), tmp_path / name)
    (command,) = re.findall("`(python -m core [^`]+)`", missing)
    arguments = shlex.split(command)[3:]
    assert arguments[-1] == str(tmp_path / name)
    assert isinstance(invoke(*arguments).exception, RecipeError)  # nothing is wrong but the recipe's name


def made_with_the_shipped_corpus(card):
    version = load_card(FALLBACK_MODEL).corpus.version
    return card.model_copy(update={"corpus": card.corpus.model_copy(update={"version": version})})


def test_a_shipped_recipe_and_corpus_make_the_model_again_by_one_command(tmp_path):
    card = made_with_the_shipped_corpus(head_card("absent"))
    command = f"python -m core train embedding-svm --corpus data/manifest.csv --output {tmp_path}"
    assert how_to_make(card, tmp_path) == f"`{command}`"


def test_a_network_starts_again_from_what_it_started_from(tmp_path):
    shipped = load_card("student-1")
    command = f"python -m core train student-1 --corpus data/manifest.csv --output {tmp_path}"
    assert how_to_make(shipped, tmp_path) == f"`{command}`"
    began = shipped.initialisation.model_copy(update={"origin": "torchvision ResNet18_Weights.IMAGENET1K_V1"})
    other = shipped.model_copy(update={"initialisation": began})
    assert how_to_make(other, tmp_path).startswith(f"`{command} --init FILE`")


def test_a_recipe_of_the_user_s_is_asked_for_and_not_taken_for_a_name(tmp_path):
    card = made_with_the_shipped_corpus(head_card("absent", recipe="mine"))
    told = how_to_make(card, tmp_path)
    assert told.startswith(f"`python -m core train RECIPE --corpus data/manifest.csv --output {tmp_path}`")
    assert "with the recipe (mine)" in told


def test_a_cascade_is_made_again_of_models_that_are_named_with_its_corpus(tmp_path):
    no_network = {"kept_epoch": None, "epochs": None}
    card = network_card("absent", family="cascade", **no_network)
    options = "--fast MODEL --thorough MODEL --corpus {} --output {}"
    assert f"`python -m core cascade {options.format('MANIFEST', tmp_path)}`" in how_to_make(card, tmp_path)
    shipped = made_with_the_shipped_corpus(card)
    told = how_to_make(shipped, tmp_path)
    assert f"`python -m core cascade {options.format('data/manifest.csv', tmp_path)}`" in told


def test_8_bit_weights_are_made_again_with_the_corpus_of_their_model(tmp_path):
    int8 = Weights(
        file="weights.safetensors", sha256="0" * 64, int8=Int8Weights(file="int8.onnx", sha256="0" * 64)
    )
    card = network_card("net", weights=int8)
    with pytest.raises(ModelError, match=r"core quantise .* --corpus MANIFEST`"):
        read_int8(card, tmp_path)
    with pytest.raises(ModelError, match=r"core quantise .* --corpus data/manifest.csv`"):
        read_int8(made_with_the_shipped_corpus(card), tmp_path)
