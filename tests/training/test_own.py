"""A model refitted with an analyst's own images: better on those, and honest about what it cost elsewhere."""

import hashlib
import json
import re
import shutil
from dataclasses import replace

import pandas as pd
import pytest
from PIL import ImageOps
from safetensors import safe_open

from core.corpus import manifest
from core.corpus.cache import ImageCache
from core.detectors import encoder
from core.detectors.card import read_card
from core.detectors.features import EncoderFeatures
from core.detectors.store import load_detector
from core.errors import CorpusError, EvaluationError, TrainingError
from core.evaluation.evaluate import evaluate
from core.training.own import refit_head, what_changed
from core.training.publishing import CHANGES_FILE
from core.training.recipe import load_recipe
from tests.commands import invoke, run_cli

pytestmark = pytest.mark.filterwarnings("ignore::core.errors.EncoderWarning")

EACH = 12


def pale(picture):
    return picture.point(lambda value: 128 + value // 2)


def write_own(folder, drawings, each=EACH):
    """People here paint in pale tones, as the corpus' generators do; the generator paints in negative."""
    for label, changed in (("human", pale), ("ai", ImageOps.invert)):
        place = folder / label / "series"
        place.mkdir(parents=True)
        for number in range(each):
            picture = changed(drawings.painting((64, 48), 1000 + number))
            (place / f"{number}.png").write_bytes(drawings.file(picture))
    return folder


@pytest.fixture(scope="module")
def models(studio, encoder_file, tmp_path_factory):
    """The folder of models, with one called as its recipe, trained and evaluated."""
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VERSO_ENCODER", str(encoder_file))
        patch.setenv("VERSO_CACHE", str(tmp_path_factory.mktemp("cache")))
        encoder._shared.cache_clear()
        shipped = folder / "tiny-head"
        run_cli(
            "train",
            str(studio.recipes["logistic-regression"]),
            "--corpus",
            str(studio.manifest),
            "--output",
            str(shipped),
        )
        run_cli("evaluate", str(shipped), "--corpus", str(studio.manifest))
    return folder


@pytest.fixture
def shipped(models, monkeypatch, tiny_encoder):  # noqa: ARG001  (makes the tiny encoder this computer's)
    monkeypatch.setenv("VERSO_MODELS", str(models))
    return models / "tiny-head"


@pytest.fixture
def blind(monkeypatch):
    """An encoder that must not be asked: embedding takes minutes."""

    def embed(*_):
        pytest.fail("an image was embedded")

    monkeypatch.setattr(EncoderFeatures, "of", embed)


def refit(studio, own, output, *options, recipe="logistic-regression"):
    return run_cli(
        "train",
        str(studio.recipes[recipe]),
        *("--corpus", str(studio.manifest), "--own", str(own), "--output", str(output)),
        *options,
    )


def refit_tiny(corpus, studio, own, output, weight=1.0):
    recipe = load_recipe(str(studio.recipes["logistic-regression"]))
    return refit_head(recipe, corpus, ImageCache.default(studio.manifest), own, output, weight=weight)


@pytest.mark.usefixtures("shipped")
def test_a_refitted_model_is_right_about_own_images_it_was_not_fitted_on(studio, drawings, tmp_path):
    own = write_own(tmp_path / "mine", drawings)
    refitted = refit_tiny(manifest.read(studio.manifest), studio, own, tmp_path / "refitted", weight=10)
    is_human = refitted.own.images["label"] == "human"
    before, after = refitted.own.p_ai["tiny-head"], refitted.own.p_ai["refitted"]
    assert before[is_human].mean() > before[~is_human].mean(), "the corpus alone teaches the opposite"
    assert after[is_human].mean() < after[~is_human].mean()


def copy_corpus(studio, own, split, label, count):
    """Put works of the corpus beside own images."""
    rows = manifest.read(studio.manifest).frame
    for sha256 in rows["sha256"][(rows["split"] == split) & (rows["label"] == label)].head(count):
        (found,) = (studio.folder / "images").rglob(f"{sha256}.jpg")
        (own / label / found.name).write_bytes(found.read_bytes())


@pytest.mark.usefixtures("shipped")
def test_own_images_of_the_corpus_are_neither_fitted_on_again_nor_in_the_figures(studio, drawings, tmp_path):
    own = write_own(tmp_path / "mine", drawings)
    copy_corpus(studio, own, "train", "human", 3)
    copy_corpus(studio, own, "ood", "ai", 1)
    refitted = refit_tiny(manifest.read(studio.manifest), studio, own, tmp_path / "refitted")
    assert refitted.own.title == "your images in mine (12 human, 12 AI)"
    assert refitted.card.corpus.train_human == 24 + EACH
    for split, count in (("train", 3), ("ood", 1)):
        reason = f"It is in the corpus (split {split}), so it is left out of the fit and of the figures."
        assert list(refitted.refused["reason"]).count(reason) == count


@pytest.mark.usefixtures("shipped")
def test_the_original_of_a_work_of_the_corpus_is_left_out_too(studio, drawings, tmp_path):
    own = write_own(tmp_path / "mine", drawings)
    held = manifest.read(studio.manifest)
    held.frame.loc[0, "original_sha256"] = hashlib.sha256((own / "ai/series/0.png").read_bytes()).hexdigest()
    refitted = refit_tiny(held, studio, own, tmp_path / "refitted")
    assert list(refitted.refused["path"]) == ["ai/series/0.png"]
    assert len(refitted.own.images) == 2 * EACH - 1


@pytest.mark.usefixtures("shipped")
def test_an_own_set_all_of_the_corpus_is_refused(studio, tmp_path):
    own = tmp_path / "mine"
    for label in ("human", "ai"):
        (own / label).mkdir(parents=True)
        copy_corpus(studio, own, "train", label, 3)
    with pytest.raises(TrainingError, match="besides images of the corpus it holds none: add more"):
        refit(studio, own, tmp_path / "refitted")


@pytest.mark.usefixtures("shipped")
def test_the_report_tells_of_the_own_images_and_of_every_split(studio, drawings, tmp_path):
    said = refit(studio, write_own(tmp_path / "mine", drawings), tmp_path / "refitted", "--own-weight", "10")
    assert "refitted with your images in mine (12 human, 12 AI)" in said
    for part in ("on your images", "on val", "on test", "on ood"):
        assert re.search(rf"refitted.* {part}", said), part
    assert (tmp_path / "refitted" / CHANGES_FILE).read_text() in said
    card = read_card(tmp_path / "refitted")
    assert card.corpus.train_human == 24 + EACH
    assert card.corpus.version != manifest.read(studio.manifest).version
    assert set(card.splits) == {"val", "test", "ood"}
    load_detector(str(tmp_path / "refitted"))


@pytest.mark.usefixtures("shipped")
def test_a_corpus_without_ood_is_reported_on_without_it(studio, drawings, tmp_path):
    whole = manifest.read(studio.manifest)
    lacking = replace(whole, frame=whole.frame[whole.frame["split"] != "ood"].reset_index(drop=True))
    refitted = refit_tiny(lacking, studio, write_own(tmp_path / "mine", drawings), tmp_path / "refitted")
    evaluate(
        load_detector(str(tmp_path / "refitted")),
        tmp_path / "refitted",
        lacking,
        ImageCache.default(studio.manifest),
    )
    said = what_changed(refitted, tmp_path / "refitted", lacking)
    assert " on test" in said
    assert " on ood" not in said


@pytest.mark.usefixtures("shipped")
def test_a_model_that_was_not_evaluated_on_the_corpus_is_told_before_any_work(studio, drawings, tmp_path):
    whole = manifest.read(studio.manifest)
    other = replace(whole, frame=whole.frame.assign(sha256=whole.frame["sha256"].str[::-1]))
    with pytest.raises(EvaluationError, match="'tiny-head' lacks"):
        refit_tiny(other, studio, write_own(tmp_path / "mine", drawings), tmp_path / "refitted")
    assert not (tmp_path / "refitted").exists()


@pytest.mark.parametrize("split", ["train", "ood"])
@pytest.mark.usefixtures("shipped", "blind")
def test_a_work_to_be_learned_or_measured_on_that_is_not_here_is_told_before_any_work(
    studio, drawings, tmp_path, split
):
    whole, files = manifest.read(studio.manifest), ImageCache.default(studio.manifest)
    gone = whole.frame.loc[whole.frame["split"] == split, "sha256"].iloc[0]
    here = tmp_path / "corpus"
    for path in files.paths(whole.frame.loc[whole.frame["sha256"] != gone, "sha256"]):
        copy = here / path.relative_to(studio.folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    recipe = load_recipe(str(studio.recipes["logistic-regression"]))
    own = write_own(tmp_path / "mine", drawings)
    with pytest.raises(CorpusError, match=gone[:12]):
        refit_head(recipe, whole, ImageCache(here, [here]), own, tmp_path / "refitted")
    assert not (tmp_path / "refitted").exists()


def test_own_images_that_would_teach_nothing_are_refused(studio, tmp_path):
    result = invoke(
        *(
            "train",
            str(studio.recipes["svm"]),
            "--corpus",
            str(studio.manifest),
            "--output",
            str(tmp_path / "x"),
        ),
        *("--own", str(tmp_path), "--own-weight", "0"),
    )
    assert result.exit_code == 2
    assert "above 0" in result.stderr


@pytest.mark.usefixtures("shipped")
def test_own_images_are_not_remembered(studio, drawings, tmp_path, tiny_encoder):
    refit(studio, write_own(tmp_path / "mine", drawings), tmp_path / "refitted")
    rows = len(pd.read_csv(studio.manifest))
    shards = list((tiny_encoder / "embeddings").glob("*/*.safetensors"))
    keys = {key for shard in shards for key in keys_of(shard)}
    assert len(keys) == rows
    known = set(pd.read_csv(studio.manifest)["sha256"])
    assert set(pd.read_csv(tmp_path / "refitted" / "held_out.csv")["sha256"]) <= known


def keys_of(shard):
    with safe_open(shard, "numpy") as file:
        return json.loads(file.metadata()["keys"])


@pytest.mark.usefixtures("shipped")
def test_a_recipe_that_looks_otherwise_than_the_model_it_is_compared_to_is_refused(
    studio, drawings, tmp_path
):
    recipe = tmp_path / "other.toml"
    recipe.write_text(studio.recipes["logistic-regression"].read_text().replace("windows = 2", "windows = 1"))
    own = write_own(tmp_path / "mine", drawings)
    arguments = ("--corpus", str(studio.manifest), "--own", str(own), "--output", str(tmp_path / "refitted"))
    result = invoke("train", str(recipe), *arguments)
    assert isinstance(result.exception, TrainingError)
    assert "looks at pictures otherwise" in str(result.exception)


def test_views_of_own_images_are_fitted_on_too(studio, drawings, tmp_path, tiny_encoder, monkeypatch):  # noqa: ARG001
    monkeypatch.setenv("VERSO_MODELS", str(tmp_path / "models"))
    text = studio.recipes["logistic-regression"].read_text()
    text = text.replace("folds = 2", "folds = 2\naugmented_views = 1").replace("windows = 2", "windows = 1")
    recipe = tmp_path / "with-views.toml"
    recipe.write_text(
        text.replace(
            "[head]", '[[augmentation]]\nop = "random-square"\nsize = 32\narea = [0.5, 1.0]\n\n[head]'
        )
    )
    shipped = str(tmp_path / "models" / "tiny-head")
    run_cli("train", str(recipe), "--corpus", str(studio.manifest), "--output", shipped)
    run_cli("evaluate", shipped, "--corpus", str(studio.manifest))
    own = write_own(tmp_path / "mine", drawings)
    arguments = ("--corpus", str(studio.manifest), "--own", str(own), "--output", str(tmp_path / "refitted"))
    assert "refitted" in run_cli("train", str(recipe), *arguments)


@pytest.mark.parametrize("label", ["", "human", "ai"])
@pytest.mark.usefixtures("shipped", "blind")
def test_too_few_own_images_are_refused_before_any_is_embedded(studio, drawings, tmp_path, label):
    own = write_own(tmp_path / "mine", drawings, each=3 if label else 1)
    if label:
        shutil.rmtree(own / label)
    with pytest.raises(TrainingError, match="mine needs at least 2 images in human and 2 in ai"):
        refit(studio, own, tmp_path / "refitted")
    assert not (tmp_path / "refitted").exists()


@pytest.mark.usefixtures("shipped", "blind")
def test_one_file_in_both_folders_is_refused_before_any_is_embedded(studio, drawings, tmp_path):
    own = write_own(tmp_path / "mine", drawings)
    shutil.copy(own / "ai/series/0.png", own / "human/zero.png")
    with pytest.raises(
        EvaluationError, match=r"human/zero\.png in mine is the same file as ai/series/0\.png"
    ):
        refit(studio, own, tmp_path / "refitted")


@pytest.mark.usefixtures("shipped", "blind")
def test_too_few_families_and_sources_are_told_before_any_image_is_embedded(studio, drawings, tmp_path):
    recipe = tmp_path / "folds.toml"
    recipe.write_text(studio.recipes["logistic-regression"].read_text().replace("folds = 2", "folds = 9"))
    own = write_own(tmp_path / "mine", drawings)
    arguments = ("--corpus", str(studio.manifest), "--own", str(own), "--output", str(tmp_path / "refitted"))
    result = invoke("train", str(recipe), *arguments)
    assert isinstance(result.exception, TrainingError)
    assert "one class has only 4 groups" in str(result.exception)


@pytest.mark.usefixtures("shipped")
def test_the_refitted_model_needs_a_name_of_its_own(studio, drawings, tmp_path):
    with pytest.raises(TrainingError, match="cannot be called tiny-head"):
        refit(studio, write_own(tmp_path / "mine", drawings), tmp_path / "tiny-head")


def test_a_network_is_not_refitted(workshop, tmp_path):
    result = invoke(
        "train",
        str(workshop.recipe),
        "--corpus",
        str(workshop.manifest),
        "--own",
        str(tmp_path),
        "--output",
        "x",
    )
    assert result.exit_code == 2
    assert "take verso" in " ".join(result.stderr.replace("│", " ").split())


def test_figures_on_own_images_are_printed_and_leave_the_model_as_it_is(shipped, drawings, tmp_path):
    before = {path: path.read_bytes() for path in shipped.iterdir()}
    said = run_cli("evaluate", str(shipped), "--own", str(write_own(tmp_path / "mine", drawings)))
    assert "your images in mine (12 human, 12 AI)" in said
    assert "AUC" in said
    assert {path: path.read_bytes() for path in shipped.iterdir()} == before
