import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from core.detectors.preprocessing import Preprocessing
from core.errors import RecipeError, TrainingError
from core.training import fit as fit_module
from core.training import lessons as lessons_module
from core.training.data import Example
from core.training.distillation import Hint
from core.training.lessons import Course, make_lessons, open_school
from core.training.recipe import Distillation, load_recipe
from tests.commands import run_cli
from tests.encoders import EMBEDDINGS, HEAD_RECIPE, HEADS, SIDE, SIZE
from tests.training.network import StoppedError, examples, fitted, small_recipe

TAPS = ("patches-1", "pooled")
VIEWS = 3
NETWORK_SIDE = 24


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    path = tmp_path_factory.mktemp("teacher") / "tiny-teacher.toml"
    path.write_text(HEAD_RECIPE.format(windows=1, features=EMBEDDINGS, head=HEADS["logistic-regression"]))
    return str(path)


def distillation(teacher: str) -> Distillation:
    return Distillation(teacher=teacher, views=VIEWS, side=NETWORK_SIDE, hint=10.0, margin=1.0)


def recipe_of(teacher: str):
    return small_recipe((4, "all"), distillation=distillation(teacher).model_dump())


@pytest.fixture(autouse=True)
def small_windows(monkeypatch):
    monkeypatch.setattr(lessons_module, "CLIP_PREPROCESSING", Preprocessing(short_side=SIDE, window=SIDE))


@pytest.fixture
def course(workshop, teacher, encoder, tmp_path):
    recipe = recipe_of(teacher)
    shown = examples(workshop, "train")
    school = open_school(recipe, recipe.distillation, shown, encoder, tmp_path / "lessons")
    return Course(school.lessons, np.arange(len(shown)), frame_of(shown), school.head)


def frame_of(shown: list[Example]):
    return pd.DataFrame({"label": [each.label for each in shown]})


def test_the_distance_is_one_minus_the_cosine_between_projection_and_targets():
    hint = Hint(8, 20, seed=1)
    pooled, targets = torch.randn(3, 8), torch.randn(3, 20)
    projected = (pooled @ hint.projection.weight.T + hint.projection.bias).detach().numpy()
    lengths = np.linalg.norm(projected, axis=1) * np.linalg.norm(targets.numpy(), axis=1)
    cosines = (projected * targets.numpy()).sum(axis=1) / lengths
    assert float(hint.distance(pooled, targets).detach()) == pytest.approx(1 - cosines.mean(), abs=1e-5)


def test_the_teacher_says_of_a_view_what_the_encoder_sees_in_that_very_view(
    workshop, teacher, encoder, tmp_path
):
    recipe = recipe_of(teacher)
    whole = recipe.distillation.model_copy(update={"side": SIDE})
    shown = examples(workshop, "train")
    lessons = make_lessons(shown, recipe, whole, encoder, tmp_path, taps=TAPS)
    assert lessons.pictures.shape == (VIEWS, len(shown), 3, SIDE, SIDE)
    assert not np.array_equal(lessons.pictures[0], lessons.pictures[1])
    windows = [
        lessons_module.CLIP_PREPROCESSING.normalize(torch.from_numpy(np.array(picture)))[None]
        for picture in lessons.pictures[1, :4]
    ]
    found = encoder.embed_each(windows, TAPS)
    np.testing.assert_allclose(lessons.embeddings[1, :4].astype(np.float32), found, atol=2e-3)


def test_lessons_that_were_interrupted_go_on_to_the_same(workshop, teacher, encoder, tmp_path, monkeypatch):
    recipe = recipe_of(teacher)
    arguments = examples(workshop, "train"), recipe, recipe.distillation, encoder
    whole = make_lessons(*arguments, tmp_path / "whole", taps=TAPS)
    monkeypatch.setattr(lessons_module, "SAVE_EVERY", lessons_module.PICTURES_AT_ONCE)

    def stop(done: int, total: int) -> None:
        if done >= total // 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        make_lessons(*arguments, tmp_path / "cut", taps=TAPS, progress=stop)
    begun = []
    again = make_lessons(*arguments, tmp_path / "cut", taps=TAPS, progress=lambda done, _: begun.append(done))
    assert begun[0] > len(arguments[0]) // 2
    np.testing.assert_array_equal(again.pictures, whole.pictures)
    np.testing.assert_array_equal(again.embeddings, whole.embeddings)


@pytest.mark.parametrize("lost", ["pictures.npy", "embeddings.npy"])
def test_lessons_of_which_a_file_is_lost_are_made_again(workshop, teacher, encoder, tmp_path, lost):
    recipe = recipe_of(teacher)
    arguments = examples(workshop, "train"), recipe, recipe.distillation, encoder, tmp_path
    first = make_lessons(*arguments, taps=TAPS)
    kept = np.array(first.embeddings)
    (first.folder / lost).unlink()
    np.testing.assert_array_equal(make_lessons(*arguments, taps=TAPS).embeddings, kept)


def test_every_picture_is_seen_once_an_epoch_and_views_take_turns(course, workshop):
    shown = len(examples(workshop, "train"))
    epochs = [list(course.of_epoch(epoch, 3, 8, torch.device("cpu"))) for epoch in range(VIEWS + 1)]
    for lessons in epochs:
        assert sum(len(each.pictures) for each in lessons) == shown
        assert all(each.pictures.shape[1:] == (3, NETWORK_SIDE, NETWORK_SIDE) for each in lessons)
        assert all(each.targets.shape[1] == len(TAPS) * SIZE for each in lessons)
        assert all(((each.p_ai > 0) & (each.p_ai < 1)).all() for each in lessons)

    def seen(lessons) -> list[float]:
        return sorted(float(value) for each in lessons for value in each.p_ai)

    assert seen(epochs[0]) == pytest.approx(seen(epochs[VIEWS]))
    assert seen(epochs[0]) != pytest.approx(seen(epochs[1]))


def test_a_network_that_is_taught_comes_closer_to_its_teacher(workshop, teacher, course, tmp_path):
    history = fitted(workshop, recipe_of(teacher), tmp_path / "taught", course=course).history
    assert history[-1].distance < history[0].distance
    assert history[-1].train_loss < history[0].train_loss


def test_the_recipe_says_whether_the_best_epoch_is_kept_or_the_last(
    workshop, teacher, course, tmp_path, monkeypatch
):
    recipe = recipe_of(teacher)
    monkeypatch.setattr(fit_module, "VALIDATED_EVERY", 3)
    kept, epochs = {}, {}
    for keeps in ("best", "last"):
        run = fitted(workshop, recipe.model_copy(update={"keeps": keeps}), tmp_path / keeps, course=course)
        losses = [epoch.val_loss for epoch in run.history]
        kept[keeps] = run.network.state_dict()["fc.weight"]
        epochs[keeps] = run.kept
        if keeps == "best":
            assert run.kept == losses.index(min(losses))
        else:
            assert run.kept == len(losses) - 1
            assert [loss is not None for loss in losses] == [False, False, True, True]
    assert torch.equal(kept["best"], kept["last"]) == (epochs["best"] == epochs["last"])


def test_a_stopped_run_goes_on_to_the_same_model(workshop, teacher, course, tmp_path):
    recipe = recipe_of(teacher)
    whole = fitted(workshop, recipe, tmp_path / "whole", course=course)
    for epoch in range(2):
        with pytest.raises(StoppedError):
            fitted(workshop, recipe, tmp_path / "run", course=course, stop_after=epoch)
    again = fitted(workshop, recipe, tmp_path / "run", course=course)
    assert again.history == whole.history
    for name, value in whole.network.state_dict().items():
        assert torch.equal(again.network.state_dict()[name], value), name


def test_a_teacher_that_gives_no_probability_is_refused(workshop, encoder, tmp_path):
    recipe = recipe_of("embedding-svm")
    with pytest.raises(RecipeError, match=r"names embedding-svm as its teacher.*name verso"):
        open_school(recipe, recipe.distillation, examples(workshop, "train"), encoder, tmp_path)


def test_without_room_on_the_disk_nothing_is_begun(workshop, teacher, encoder, tmp_path, monkeypatch):
    usage = lessons_module.shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(lessons_module.shutil, "disk_usage", lambda _: usage)
    recipe = recipe_of(teacher)
    with pytest.raises(TrainingError, match="make room"):
        make_lessons(examples(workshop, "train"), recipe, recipe.distillation, encoder, tmp_path, taps=TAPS)


def test_the_command_teaches_a_plain_network_and_leaves_no_lessons_behind(
    workshop, teacher, tiny_encoder, tmp_path
):
    table = f'[distillation]\nteacher = "{teacher}"\nviews = 2\nside = 24\nhint = 2.0\nmargin = 1.0\n\n'
    recipe = workshop.recipe.read_text().replace("[[stages]]", f"{table}[[stages]]", 1)
    (tmp_path / "taught.toml").write_text(recipe)
    run_cli(
        *("train", str(tmp_path / "taught.toml"), "--corpus", str(workshop.manifest), "--workers", "0"),
        *("--output", str(tmp_path / "model"), "--init", str(workshop.init)),
    )
    saved = next((tmp_path / "model").glob("*.safetensors"))
    assert not any("projection" in name for name in load_file(saved))
    assert not list((tiny_encoder / "lessons").glob("*"))


def test_verso_fast_is_taught_by_verso():
    assert load_recipe("verso-fast").distillation.teacher == "verso"
