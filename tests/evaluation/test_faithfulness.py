"""How well maps show what a model judges by."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from core import images
from core.detectors.card import Int8Weights, write_card
from core.detectors.preprocessing import Preprocessing
from core.detectors.store import load_card, load_detector
from core.errors import EvaluationError
from core.evaluation import faithfulness
from core.evaluation.faithfulness import AREAS, COLUMNS, areas_under, randomised, summary
from core.explain import METHODS, Saliency, grad_cam
from tests.commands import invoke, run_cli

SIDE = 64


class Corner:
    """Says ai as far as the upper left quarter of a picture is red."""

    card = type("Card", (), {"preprocessing": Preprocessing(uniform_side=SIDE, short_side=SIDE, window=SIDE)})

    def predict(self, artworks):
        quarters = [np.asarray(each.image, np.float32)[: SIDE // 2, : SIDE // 2] for each in artworks]
        redness = [(quarter[..., 0] - quarter[..., 1]).mean() / 255 for quarter in quarters]
        return np.clip(redness, 0, 1).astype(np.float32)


@pytest.fixture
def red_corner(drawings):
    picture = Image.new("RGB", (SIDE, SIDE), (90, 90, 90))
    picture.paste((255, 0, 0), (0, 0, SIDE // 2, SIDE // 2))
    return images.open(drawings.file(picture))


def pointing(rows, columns, target="ai", seen=slice(None)):
    heat, looked = np.zeros((SIDE, SIDE), np.float32), np.zeros((SIDE, SIDE), bool)
    heat[rows, columns] = 1
    looked[:, seen] = True
    return Saliency(heat, looked, target)


def test_a_map_of_what_a_model_judges_by_beats_one_of_the_opposite_corner(red_corner):
    first, last = slice(0, SIDE // 2), slice(SIDE // 2, None)
    right = areas_under(Corner(), red_corner, pointing(first, first))
    wrong = areas_under(Corner(), red_corner, pointing(last, last))
    assert right[0] < wrong[0] - 0.2
    assert right[1] > wrong[1] + 0.1
    flipped = areas_under(Corner(), red_corner, pointing(first, first, "human"))
    assert flipped == pytest.approx([1 - area for area in right])


def test_what_a_model_does_not_see_is_neither_taken_away_nor_put_back(red_corner):
    unseen = pointing(slice(None), slice(None), seen=slice(SIDE // 2, None))
    deletion, _ = areas_under(Corner(), red_corner, unseen)
    assert deletion == pytest.approx(float(Corner().predict([red_corner])[0]))


def frame(**columns):
    given = {
        "label": ["ai", "human"] * 4,
        "source": list("abcdefgh"),
        "randomised": 0.0,
        **dict.fromkeys(AREAS, 0.5),
    }
    return pd.DataFrame(given | columns)


def test_the_summary_says_by_how_much_a_map_beats_its_baselines():
    of = summary(frame(deletion_map=0.2, insertion_map=0.9))
    assert (of["deletion_gain_random"].value, of["insertion_gain_centre"].value) == pytest.approx((0.3, 0.4))
    assert of["deletion_gain_random"].low == pytest.approx(0.3)
    spread = summary(frame(deletion_map=np.linspace(0, 1, 8)))["deletion_map"]
    assert spread.low < spread.value < spread.high
    assert spread.images == 8


def test_random_weights_leave_the_model_as_it_is_and_change_its_maps(tiny_model, drawings):
    detector = load_detector(str(tiny_model))
    before = {name: value.clone() for name, value in detector.network.state_dict().items()}
    random, again = randomised(detector), randomised(detector)
    assert all(torch.equal(value, before[name]) for name, value in detector.network.state_dict().items())
    assert not torch.equal(random.network.conv1.weight, detector.network.conv1.weight)
    assert torch.equal(random.network.conv1.weight, again.network.conv1.weight)
    artwork = images.open(drawings.file(drawings.painting((64, 64), 1)))
    assert not np.array_equal(grad_cam(random, artwork, "ai").heat, grad_cam(detector, artwork, "ai").heat)


def test_a_detector_without_a_network_is_refused():
    with pytest.raises(EvaluationError, match="no network whose weights"):
        randomised(type("Stub", (), {"card": type("Card", (), {"name": "stub"})})())


def test_the_command_writes_a_row_an_image_which_belongs_to_these_weights(tiny_model, workshop, tmp_path):
    folder = tmp_path / "tiny"
    folder.mkdir()
    for file in tiny_model.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    arguments = ("faithfulness", str(folder), "--corpus", str(workshop.manifest), "--images")
    said = run_cli(*arguments, "2")
    assert "deletion_gain_random" in said
    written = faithfulness.read(folder)
    assert list(written.columns) == list(COLUMNS)
    assert sorted(written["label"]) == ["ai", "ai", "human", "human"]
    assert sorted(written["method"]) == sorted(2 * list(METHODS))
    assert written[list(AREAS)].to_numpy().min() >= 0
    assert written[list(AREAS)].to_numpy().max() <= 1
    refused = invoke(*arguments, "10000").exception
    assert isinstance(refused, EvaluationError)
    assert "choose another --images" in str(refused)
    card = load_card(str(folder))
    rounded = card.weights.model_copy(update={"int8": Int8Weights(file="int8.onnx", sha256="0" * 64)})
    write_card(card.model_copy(update={"weights": rounded}), folder)
    assert faithfulness.read(folder) is None, "the model judges in 8 bits now"
    (folder / faithfulness.FAITHFULNESS_FILE).write_text("a,b\n")
    with pytest.raises(EvaluationError, match="python -m core faithfulness"):
        faithfulness.read(folder)


@pytest.mark.filterwarnings("ignore::core.errors.EncoderWarning")
@pytest.mark.usefixtures("tiny_encoder")
def test_maps_of_heads_are_measured_through_the_encoder(studio, tmp_path):
    arguments = ["--corpus", str(studio.manifest)]
    run_cli(
        "train", str(studio.recipes["logistic-regression"]), *arguments, "--output", str(tmp_path / "head")
    )
    run_cli("faithfulness", str(tmp_path / "head"), *arguments, "--images", "2")
    found = faithfulness.read(tmp_path / "head")
    assert len(found) == 2 * len(METHODS)
    assert found["randomised"].between(-1, 1).all()
