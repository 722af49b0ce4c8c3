from urllib.error import URLError

import pytest
import torch
from torchvision.models import _api

from core.detectors.resnet import build
from core.errors import TrainingError
from core.training.initial import initial_network


def test_without_a_file_the_weights_are_torchvisions(monkeypatch):
    torch.manual_seed(1)
    imagenet = build(classes=1000).state_dict()
    asked = []

    def load(url, *_, **options):
        asked.append((url, options["check_hash"]))
        return imagenet

    monkeypatch.setattr(_api, "load_state_dict_from_url", load)
    network, origin, _ = initial_network(None, seed=0)
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
        initial_network(None, seed=0)
