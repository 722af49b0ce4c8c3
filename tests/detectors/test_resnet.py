import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from core.detectors.card import read_card, write_card
from core.detectors.judging import judge
from core.detectors.precision import BF16_TOLERANCE, Compute, on_every_core, one_core_a_pass
from core.detectors.resnet import build, save_weights
from core.detectors.store import load_card, load_detector, model_names
from core.errors import ModelError
from core.explain import grad_cam

CPU = torch.device("cpu")
FLOAT32 = Compute(CPU, torch.float32)
BFLOAT16 = Compute(CPU, torch.bfloat16)


@pytest.fixture(scope="module")
def detector(tiny_model):
    return load_detector(str(tiny_model), FLOAT32)


def test_predictions_are_probabilities_and_do_not_depend_on_the_batch(detector, artworks):
    together = detector.predict(artworks)
    alone = np.concatenate([detector.predict([artwork]) for artwork in artworks])
    assert together.dtype == np.float32
    assert together.shape == (len(artworks),)
    assert ((together >= 0) & (together <= 1)).all()
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_crops_cut_beforehand_give_the_same(detector, artworks):
    crops = [detector.card.preprocessing.crops(artwork.image) for artwork in artworks]
    np.testing.assert_array_equal(detector.predict_crops(crops), detector.predict(artworks))


def test_no_artworks_give_no_predictions(detector):
    assert detector.predict([]).shape == (0,)


def test_bfloat16_agrees_with_float32(tiny_model, artworks):
    exact = load_detector(str(tiny_model), FLOAT32).predict(artworks)
    fast = load_detector(str(tiny_model), BFLOAT16).predict(artworks)
    assert np.abs(exact - fast).max() <= BF16_TOLERANCE


def test_folded_batch_norms_change_nothing(detector, artworks):
    windows = [detector.windows(artwork) for artwork in artworks]
    scores = torch.stack([detector.network(each).mean(0) for each in windows])
    margins = torch.from_numpy(detector.raw_margins(artworks))
    torch.testing.assert_close(margins, scores[:, 1] - scores[:, 0], atol=1e-4, rtol=0)


def test_one_core_a_pass_holds_for_new_threads_and_ends():
    before = torch.get_num_threads()
    with one_core_a_pass(), ThreadPoolExecutor(1) as pool:
        assert pool.submit(torch.get_num_threads).result() == 1
    assert torch.get_num_threads() == before


def test_on_every_core_each_pass_has_one_core_and_the_caller_has_all_of_them_back():
    before = torch.get_num_threads()
    found = list(on_every_core(lambda item: (item, torch.get_num_threads()), range(20)))
    assert found == [(item, 1) for item in range(20)]
    assert torch.get_num_threads() == before


def test_verdicts_carry_model_and_thresholds(detector, artworks):
    verdicts = judge(detector, artworks)
    assert [verdict.model for verdict in verdicts] == ["tiny"] * len(artworks)
    assert {verdict.thresholds for verdict in verdicts} == {detector.card.rule}


def test_predictions_stay_right_while_other_threads_explain(detector, artworks):
    expected = detector.predict(artworks)

    def work(number: int) -> np.ndarray:
        if number % 2:
            return grad_cam(detector, artworks[number % len(artworks)], "ai").heat
        return detector.predict(artworks)

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(work, range(64)))
    for number, result in enumerate(results):
        if number % 2 == 0:
            np.testing.assert_allclose(result, expected, atol=1e-6)


def copied(tiny_model, tmp_path):
    return shutil.copytree(tiny_model, tmp_path / "copy")


def test_weights_of_another_card_are_refused(tiny_model, tmp_path):
    folder = copied(tiny_model, tmp_path)
    data = bytearray((folder / "weights.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "weights.safetensors").write_bytes(data)
    with pytest.raises(ModelError, match="does not belong to its card"):
        load_detector(str(folder))


def test_weights_of_another_shape_are_refused(tiny_model, tmp_path):
    folder = copied(tiny_model, tmp_path)
    card = read_card(folder)
    digest = save_weights(build(classes=3), folder)
    write_card(
        card.model_copy(update={"weights": card.weights.model_copy(update={"sha256": digest})}), folder
    )
    with pytest.raises(ModelError, match="no two-way ResNet-18"):
        load_detector(str(folder))


def test_missing_weights_are_named(tiny_model, tmp_path):
    folder = copied(tiny_model, tmp_path)
    (folder / "weights.safetensors").unlink()
    with pytest.raises(
        ModelError, match=r"not shipped, .*weights\.safetensors is missing; .*`python -m core train RECIPE "
    ):
        load_detector(str(folder))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('classes = ["human", "ai"]', 'classes = ["ai", "human"]', "order"),
        ("human_below = 0.", "human_below = 2.", "human_below"),
        ('family = "resnet18"', 'family = "resnet99"', "'family'"),
        ("[preprocessing]", "[preprocessing", "no valid TOML"),
        ("short_side = 32", "short_size = 32", r"preprocessing\.short_si"),
    ],
)
def test_a_card_that_does_not_hold_is_refused_with_the_reason(tiny_model, tmp_path, old, new, message):
    folder = copied(tiny_model, tmp_path)
    text = (folder / "card.toml").read_text()
    assert old in text
    (folder / "card.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(ModelError, match=message):
        load_detector(str(folder))


def test_a_card_survives_writing_and_reading(tiny_model, tmp_path):
    card = read_card(tiny_model)
    write_card(card, tmp_path)
    assert read_card(tmp_path) == card


def test_an_unknown_model_lists_the_known_ones(tiny_model, monkeypatch):
    monkeypatch.setenv("VERSO_MODELS", str(tiny_model.parent))
    assert model_names() == ["tiny"]
    assert load_card("tiny").name == "tiny"
    with pytest.raises(ModelError, match=r"no model 'nobody' in .*Known models: tiny"):
        load_detector("nobody")
