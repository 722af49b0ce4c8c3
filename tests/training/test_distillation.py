import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from core.detectors.preprocessing import Preprocessing
from core.errors import TrainingError
from core.training import run
from core.training.distillation import Hint
from core.training.recipe import load_recipe
from tests.commands import run_cli
from tests.encoders import SIDE
from tests.training.network import StoppedError, examples, fitted, small_recipe

DISTILS = small_recipe((1, "head"), (2, "all"), distillation={"weight": 10.0})


@pytest.fixture(scope="module")
def targets():
    chance = np.random.default_rng(0)
    rows = chance.standard_normal((24, 20)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def distilled(workshop, targets, tmp_path_factory):
    return fitted(workshop, DISTILS, tmp_path_factory.mktemp("distilled"), targets=targets)


def test_the_distance_is_one_minus_the_cosine_with_the_standardised_targets_of_the_batch(targets):
    hint = Hint(8, targets, seed=1)
    pooled = torch.randn(3, 8)
    indices = torch.tensor([5, 0, 9])
    projected = (pooled @ hint.projection.weight.T + hint.projection.bias).detach().numpy()
    matched = ((targets - targets.mean(axis=0)) / targets.std(axis=0))[indices]
    lengths = np.linalg.norm(projected, axis=1) * np.linalg.norm(matched, axis=1)
    cosines = (projected * matched).sum(axis=1) / lengths
    assert float(hint.distance(pooled, indices).detach()) == pytest.approx(1 - cosines.mean(), abs=1e-5)


def test_features_come_closer_to_the_targets(distilled):
    distances = [epoch.distance for epoch in distilled.history]
    assert distances[-1] < distances[0]


def test_without_a_distillation_nothing_is_matched(workshop, distilled, targets, tmp_path):
    recipe = DISTILS.model_copy(update={"distillation": None})
    plain = fitted(workshop, recipe, tmp_path / "plain", targets=targets)
    assert plain.history[-1].distance is None
    assert not torch.equal(plain.network.layer4[1].conv2.weight, distilled.network.layer4[1].conv2.weight)


def test_a_stopped_run_goes_on_to_the_same_model(workshop, distilled, targets, tmp_path):
    for epoch in range(2):
        with pytest.raises(StoppedError):
            fitted(workshop, DISTILS, tmp_path / "run", targets=targets, stop_after=epoch)
    again = fitted(workshop, DISTILS, tmp_path / "run", targets=targets)
    assert again.history == distilled.history
    for name, value in distilled.network.state_dict().items():
        assert torch.equal(again.network.state_dict()[name], value), name


@pytest.mark.parametrize("given", [None, np.ones((3, 20), np.float32)])
def test_targets_that_do_not_fit_the_images_are_refused(workshop, given, tmp_path):
    with pytest.raises(TrainingError, match=r"24 training images, but was given (none|3)"):
        fitted(workshop, DISTILS, tmp_path / "run", targets=given)


@pytest.mark.usefixtures("tiny_encoder")
def test_the_command_takes_the_targets_from_the_encoder_and_saves_a_plain_network(
    workshop, tmp_path, monkeypatch
):
    monkeypatch.setattr(run, "CLIP_PREPROCESSING", Preprocessing(short_side=SIDE, window=SIDE))
    recipe = workshop.recipe.read_text().replace(
        "[[stages]]", "[distillation]\nweight = 2.0\n\n[[stages]]", 1
    )
    (tmp_path / "distils.toml").write_text(recipe)
    given = []
    fit = run.fit

    def noted(*arguments, **named):
        given.append(named["targets"])
        return fit(*arguments, **named)

    monkeypatch.setattr(run, "fit", noted)
    run_cli(
        *("train", str(tmp_path / "distils.toml"), "--corpus", str(workshop.manifest), "--workers", "0"),
        *("--output", str(tmp_path / "model"), "--init", str(workshop.init)),
    )
    assert given[0].shape[0] == len(examples(workshop, "train"))
    np.testing.assert_allclose(np.linalg.norm(given[0], axis=1), 1, atol=1e-3)
    saved = next((tmp_path / "model").glob("*.safetensors"))
    assert not any("projection" in name for name in load_file(saved))


def test_what_all_embeddings_have_in_common_need_not_be_matched(targets):
    pooled, indices = torch.randn(24, 8), torch.arange(24)
    plain, shifted = (Hint(8, rows, seed=1).distance(pooled, indices) for rows in (targets, targets + 100))
    assert float(shifted.detach()) == pytest.approx(float(plain.detach()), abs=1e-3)


def test_verso_fast_is_drawn_to_what_verso_judges():
    assert load_recipe("verso-fast").distillation.taps == load_recipe("verso").features.taps
