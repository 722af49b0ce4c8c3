import re
import shlex
import subprocess
import sys

import pytest

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
from core.errors import RecipeError
from tests.cards import head_card
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
