"""`python -m core corpus leaks ...`, as a user types it."""

import numpy as np
import torch

from core import images
from core.detectors import store
from core.detectors.forensic import centre_square
from core.detectors.preprocessing import Preprocessing
from core.evaluation import commands
from tests.commands import invoke
from tests.corpus.conftest import draw, write_images  # noqa: F401  (a fixture)


class Card:
    """As much of a model's card as the alarm needs."""

    preprocessing = Preprocessing(short_side=32, window=32, uniform_side=40)
    features = None


def leaking(write_images):  # noqa: F811
    rows = []
    for split in ("train", "val"):
        for _ in range(40):
            for label in ("human", "ai"):
                kind = "PNG" if label == "ai" else "JPEG"
                data = draw(len(rows), image_format=kind)
                rows.append((data, {"split": split, "label": label, "original_format": kind}))
    return str(write_images(rows).path)


def test_the_alarm_rings_on_the_files_and_is_silent_on_what_the_model_is_fed(
    write_images,  # noqa: F811
    monkeypatch,
):
    monkeypatch.setattr(store, "load_card", lambda _: Card())
    result = invoke("corpus", "leaks", leaking(write_images))
    assert result.exit_code == 0, result.output
    assert "The leak alarm rings on the originals" in result.stdout
    assert "The leak alarm rings on the files as they are" in result.stdout
    assert "The leak alarm is silent on what the detector is fed" in result.stdout


def test_the_exit_code_is_1_when_it_rings_on_what_the_model_is_fed(write_images, monkeypatch):  # noqa: F811
    monkeypatch.setattr(store, "load_card", lambda _: Card())
    monkeypatch.setattr(commands, "_input_of", lambda *_: _marked)
    result = invoke("corpus", "leaks", leaking(write_images))
    assert result.exit_code == 1
    assert "The leak alarm rings on what the detector is fed" in result.stdout


def _marked(artwork):
    """One row of pixels more for what came as PNG."""
    return np.zeros((1, 33 if artwork.format == "PNG" else 32, 32, 3), np.uint8)


def test_the_model_is_fed_what_its_transform_gives():
    preprocessing = Preprocessing(short_side=32, window=32, uniform_side=40)
    artwork = images.open(draw(1))
    fed = commands._input_of(preprocessing, forensic=False)(artwork)
    assert fed.shape == (1, 32, 32, 3)
    assert fed.dtype == np.uint8
    again = preprocessing.normalize(torch.from_numpy(fed).permute(0, 3, 1, 2))
    assert np.allclose(again.numpy(), preprocessing.tensor(artwork.image).numpy(), atol=1e-5)


def test_a_forensic_model_is_fed_the_square_that_it_measures_and_judged_apart():
    groups = commands._alike(["forensic-gradient-boosting", "verso-fast", "resnet18-finetune"])
    of_forensic = [fed for fed, names in groups.items() if "forensic-gradient-boosting" in names]
    assert [(forensic, groups[fed]) for fed in of_forensic for forensic in fed[1:]] == [
        (True, ["forensic-gradient-boosting"])
    ]
    artwork, (preprocessing, _) = images.open(draw(1)), of_forensic[0]
    fed = commands._input_of(preprocessing, forensic=True)(artwork)
    assert np.array_equal(fed, centre_square(artwork.image, preprocessing)[None])
