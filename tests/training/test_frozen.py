import pytest
import torch

from core.errors import TrainingError
from core.training import frozen
from core.training.data import AugmentedExamples
from core.training.initial import initial_network
from tests.training.network import StoppedError, examples, fitted, small_recipe

HEAD_ONLY = small_recipe((2, "head"))


@pytest.fixture(scope="module")
def live(workshop, tmp_path_factory):
    """A run that remembers nothing."""
    return fitted(workshop, HEAD_ONLY, tmp_path_factory.mktemp("live"))


@pytest.fixture(scope="module")
def memory(tmp_path_factory):
    return tmp_path_factory.mktemp("memory")


@pytest.fixture(scope="module")
def remembered(workshop, memory, tmp_path_factory):
    """The same run with an empty memory, which it fills."""
    return fitted(workshop, HEAD_ONLY, tmp_path_factory.mktemp("remembered"), memory=memory)


@pytest.fixture
def opened(monkeypatch):
    """The training pictures opened since: (epoch, index)."""
    keys = []
    get = AugmentedExamples.__getitem__

    def noted(self, key):
        keys.append(key)
        return get(self, key)

    monkeypatch.setattr(AugmentedExamples, "__getitem__", noted)
    return keys


def assert_same(first, second, tolerance: float) -> None:
    left, right = first.network.state_dict(), second.network.state_dict()
    for name, value in left.items():
        torch.testing.assert_close(value, right[name], rtol=tolerance, atol=tolerance)
    for one, other in zip(first.history, second.history, strict=True):
        assert one.train_loss == pytest.approx(other.train_loss, abs=max(tolerance, 1e-9))
        assert one.val_loss == pytest.approx(other.val_loss, abs=max(tolerance, 1e-9))


def test_the_memory_changes_no_result(live, remembered):
    assert_same(live, remembered, 1e-4)


def test_a_frozen_body_stays_the_same_bit_for_bit(workshop, live, remembered):
    start = initial_network(workshop.init, HEAD_ONLY)[0].state_dict()
    for run in (live, remembered):
        for name, value in run.network.state_dict().items():
            assert torch.equal(value, start[name]) != name.startswith("fc."), name


@pytest.mark.usefixtures("remembered")
def test_another_recipe_of_the_same_pictures_opens_none_again(workshop, memory, tmp_path, opened):
    other = small_recipe((2, "head"), schedule={"name": "step", "epochs": 2, "gamma": 0.1}, name="other")
    fitted(workshop, other, tmp_path / "run", memory=memory)
    assert opened == []


@pytest.mark.usefixtures("remembered")
def test_a_network_that_learns_from_a_part_of_the_pictures_opens_none_again(
    workshop, memory, tmp_path, opened
):
    fitted(workshop, HEAD_ONLY, tmp_path / "remembered", memory=memory, part=slice(1, None, 2))
    assert opened == []


def test_a_picture_is_altered_alike_whichever_others_are_learned_from(workshop):
    whole = AugmentedExamples(examples(workshop, "train"), HEAD_ONLY)
    part = AugmentedExamples(whole.examples[5:], HEAD_ONLY)
    assert torch.equal(whole[1, 5][0], part[1, 0][0])
    assert not torch.equal(whole[1, 5][0], whole[2, 5][0])


@pytest.mark.usefixtures("remembered")
def test_another_seed_is_other_pictures(workshop, memory, tmp_path, opened):
    fitted(workshop, small_recipe((1, "head"), seed=4), tmp_path / "run", memory=memory)
    assert len(opened) == 24


@pytest.mark.usefixtures("remembered")
def test_pictures_are_opened_anew_with_another_version_of_a_library(
    workshop, memory, tmp_path, opened, monkeypatch
):
    monkeypatch.setattr(frozen, "LIBRARIES", "Pillow 99")
    fitted(workshop, HEAD_ONLY, tmp_path / "run", memory=memory)
    assert len(opened) == 2 * 24


def test_features_of_a_broken_off_epoch_are_kept(workshop, remembered, tmp_path, opened, monkeypatch):
    monkeypatch.setattr(frozen, "SAVE_EVERY", 8)
    monkeypatch.setattr(frozen, "BATCH", 8)
    find = frozen.pooled
    batches = []

    def twice(*arguments):
        if len(batches) == 2:
            raise StoppedError
        batches.append(arguments)
        return find(*arguments)

    with monkeypatch.context() as broken:
        broken.setattr(frozen, "pooled", twice)
        with pytest.raises(StoppedError):
            fitted(workshop, HEAD_ONLY, tmp_path / "run", memory=tmp_path / "memory")
    opened.clear()
    again = fitted(workshop, HEAD_ONLY, tmp_path / "run", memory=tmp_path / "memory")
    assert [index for epoch, index in opened if epoch == 0] == list(range(16, 24))
    assert_same(again, remembered, 1e-4)


@pytest.mark.usefixtures("remembered")
def test_damaged_features_are_named(workshop, tmp_path, memory):
    damaged = tmp_path / "memory"
    for path in memory.rglob("*.npz"):
        (damaged / path.parent.name).mkdir(parents=True, exist_ok=True)
        (damaged / path.parent.name / path.name).write_bytes(b"nonsense")
    with pytest.raises(TrainingError, match=r"epoch-0\.npz cannot be read .* delete the file"):
        fitted(workshop, HEAD_ONLY, tmp_path / "run", memory=damaged)


@pytest.mark.usefixtures("remembered")
def test_a_run_stopped_after_any_epoch_goes_on_to_the_same_model(workshop, memory, tmp_path):
    recipe = small_recipe((2, "head"), (2, "all"))
    whole = fitted(workshop, recipe, tmp_path / "whole", memory=memory)
    assert [epoch.trains for epoch in whole.history] == ["head", "head", "all", "all"]
    assert [epoch.lr for epoch in whole.history] == pytest.approx([1e-3, 5e-4, 2.5e-4, 1.25e-4])
    for epoch in range(3):
        with pytest.raises(StoppedError):
            fitted(workshop, recipe, tmp_path / "parts", memory=memory, stop_after=epoch)
    parts = fitted(workshop, recipe, tmp_path / "parts", memory=memory)
    assert parts.history == whole.history
    assert_same(parts, whole, 0)
