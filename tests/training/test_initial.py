import subprocess
from urllib.error import URLError

import pytest
import torch
from torchvision.models import _api

from core.detectors.resnet import build
from core.errors import TrainingError
from core.training.initial import initial_network
from core.training.recipe import load_recipe
from tests.packages import pip_that_saves, state_in_package
from tests.training.network import small_recipe


def test_without_a_file_the_weights_are_torchvisions(monkeypatch):
    torch.manual_seed(1)
    imagenet = build(classes=1000).state_dict()
    asked = []

    def load(url, *_, **options):
        asked.append((url, options["check_hash"]))
        return imagenet

    monkeypatch.setattr(_api, "load_state_dict_from_url", load)
    network, origin, _ = initial_network(None, small_recipe((1, "head")))
    assert asked[0][1] is True
    assert "resnet18" in asked[0][0]
    assert "IMAGENET1K_V1" in origin.origin
    assert torch.equal(network.layer4[1].conv2.weight, imagenet["layer4.1.conv2.weight"])
    assert network.fc.out_features == 2


def test_without_internet_the_way_out_is_named(monkeypatch):
    def fail(*_, **__):
        raise URLError("no route to host")

    monkeypatch.setattr(_api, "load_state_dict_from_url", fail)
    with pytest.raises(TrainingError, match="--init FILE"):
        initial_network(None, small_recipe((1, "head")))


@pytest.mark.parametrize("name", ["student-1", "verso-fast"])
def test_versos_own_networks_start_from_the_packaged_body_whatever_the_environment_lacks(
    name, tmp_path, monkeypatch
):
    monkeypatch.setenv("VERSO_CACHE", str(tmp_path))
    monkeypatch.delenv("VERSO_INIT", raising=False)
    state = build(classes=5).state_dict()
    state_in_package(state, monkeypatch)
    network, origin, _ = initial_network(None, load_recipe(name))
    assert torch.equal(network.layer4[1].conv2.weight, state["layer4.1.conv2.weight"])
    assert (origin.origin, origin.license) == ("omniart-eye-classifier 0.1.3 (MIT)", "MIT")
    assert network.fc.out_features == 2

    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("downloaded twice"))
    initial_network(None, load_recipe(name))


def test_a_packaged_body_that_cannot_be_fetched_is_named_with_a_way_out(tmp_path, monkeypatch):
    monkeypatch.setenv("VERSO_CACHE", str(tmp_path))
    monkeypatch.delenv("VERSO_INIT", raising=False)
    monkeypatch.setattr(
        subprocess, "run", pip_that_saves("omniart_eye_classifier-0.1.3-py3-none-any.whl", b"x")
    )
    with pytest.raises(TrainingError, match=r"another file than the pinned .* VERSO_INIT"):
        initial_network(None, load_recipe("student-1"))
