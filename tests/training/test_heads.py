import hashlib
import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from core import images
from core.corpus import manifest
from core.corpus.cache import ImageCache
from core.detectors import encoder
from core.detectors.card import read_card, write_card
from core.detectors.classical import PIPELINE_FILE, pipeline_margins
from core.detectors.features import EmbeddingFeatures, EncoderFeatures, ForensicFeatures
from core.detectors.judging import judge
from core.detectors.store import load_detector
from core.errors import (
    EncoderError,
    EncoderWarning,
    EvaluationError,
    ModelError,
    OutputError,
    RecipeError,
    TrainingError,
)
from core.evaluation.calibration import fit_platt
from core.evaluation.evaluate import evaluate
from core.evaluation.held_out_margins import read_held_out
from core.evaluation.predictions import read_predictions
from core.explain import grad_cam
from core.training.experiments import BEGIN, END, cross_validate, put_between
from core.training.heads import fit_head, fit_on, gather, out_of_fold_margins, seen_rows
from core.training.held_out import Fold, by_family_and_source
from core.training.history import HISTORY_FILE, read_history
from core.training.recipe import load_recipe
from tests.cards import lay, network_card
from tests.commands import invoke, run_cli
from tests.encoders import FORENSIC, HEAD_RECIPE, HEADS, PIXELS, SIZE, head_recipes, save_tiny_encoder

pytestmark = pytest.mark.filterwarnings("ignore::core.errors.EncoderWarning")


def train(studio, family, folder):
    run_cli("train", str(studio.recipes[family]), "--corpus", str(studio.manifest), "--output", str(folder))
    return folder


@pytest.fixture(scope="module")
def svm(studio, encoder_file, tmp_path_factory):
    """A trained and evaluated SVM, made with the tiny encoder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VERSO_ENCODER", str(encoder_file))
        patch.setenv("VERSO_CACHE", str(tmp_path_factory.mktemp("cache")))
        encoder._shared.cache_clear()
        folder = train(studio, "svm", tmp_path_factory.mktemp("heads") / "svm")
        run_cli("evaluate", str(folder), "--corpus", str(studio.manifest))
    return folder


@pytest.mark.usefixtures("tiny_encoder")
@pytest.mark.parametrize("name", head_recipes())
def test_every_family_is_trained_and_judges_what_it_never_saw(studio, tmp_path, name):
    folder = train(studio, name, tmp_path / name)
    detector = load_detector(str(folder))
    declared = load_recipe(str(studio.recipes[name]))
    assert detector.card.family == declared.head.family
    assert detector.card.features == declared.features
    assert (detector.card.encoder is None) == (declared.features.kind != "embedding")
    assert "held-out families and sources" in detector.card.calibration.fitted_on
    rows = manifest.read(studio.manifest).frame.query("split == 'test'")
    paths = ImageCache(studio.folder, [studio.folder]).paths(rows["sha256"])
    p_ai = detector.predict([images.open(path) for path in paths])
    assert roc_auc_score(rows["label"] == "ai", p_ai) > 0.9  # pale pictures are easily told apart


def test_what_heads_said_of_works_held_out_is_kept(svm, studio):
    said = read_held_out(svm)
    seen = seen_rows(manifest.read(studio.manifest))
    recipe = load_recipe(str(studio.recipes["svm"]))
    for number, fold in enumerate(by_family_and_source(seen, recipe.folds, recipe.seed), start=1):
        assert set(said["sha256"][said["part"] == number]) == set(seen["sha256"].iloc[fold.held_out])
    calibration = read_card(svm).calibration
    assert fit_platt(
        said["margin"].to_numpy(), seen.set_index("sha256").loc[said["sha256"], "label"], fitted_on="them"
    ).slope == pytest.approx(calibration.slope, rel=1e-4)


def test_evaluate_puts_figures_on_the_card(svm):
    card = read_card(svm)
    assert set(card.splits) == {"val", "test", "ood"}
    assert (card.splits["test"].human, card.splits["test"].ai) == (6, 6)


@pytest.mark.usefixtures("tiny_encoder")
def test_predict_takes_a_head(svm, tmp_path, drawings):
    file = tmp_path / "picture.png"
    file.write_bytes(drawings.file(drawings.painting((64, 48), 1)))
    assert '"error": null' in run_cli("predict", str(file), "--model", str(svm), "--json")


def test_predictions_are_those_the_detector_gives(svm, studio, tiny_encoder):
    detector = load_detector(str(svm))
    kept = read_predictions(svm).set_index("sha256")["p_ai"]
    paths = [path for path in sorted((studio.folder / "images").glob("*/*.jpg")) if path.stem in kept.index]
    p_ai = detector.predict([images.open(path) for path in paths])
    assert p_ai.dtype == np.float32
    np.testing.assert_allclose(p_ai, kept[[path.stem for path in paths]], atol=1e-4)
    assert not (tiny_encoder / "embeddings").exists(), "what users show is not to be remembered"
    assert detector.predict([]).shape == (0,)
    crops = [detector.card.preprocessing.crops(images.open(path).image) for path in paths]
    np.testing.assert_allclose(detector.predict_crops(crops), p_ai, atol=1e-6)
    assert judge(detector, [images.open(paths[0])])[0].model == "svm"


@pytest.mark.usefixtures("tiny_encoder")
def test_grad_cam_explains_a_trained_head(svm, drawings):
    artwork = images.open(drawings.file(drawings.painting()))
    detector = load_detector(str(svm))
    assert not all(grad_cam(detector, artwork, target).flat for target in detector.card.classes)


def replaced(svm, tmp_path, pipeline):
    """Copy the model with another pipeline whose checksum is right."""
    folder = shutil.copytree(svm, tmp_path / "copy")
    data = skops.io.dumps(pipeline)
    (folder / PIPELINE_FILE).write_bytes(data)
    card = read_card(folder)
    weights = card.weights.model_copy(update={"sha256": hashlib.sha256(data).hexdigest()})
    write_card(card.model_copy(update={"weights": weights}), folder)
    return str(folder)


def fitted(step, size=2 * SIZE, labels=(0, 1)):
    chance = np.random.default_rng(0)
    pipeline = Pipeline([("standardise", StandardScaler()), ("judge", step)])
    return pipeline.fit(chance.normal(size=(8, size)), np.repeat(labels, 4))


@pytest.mark.usefixtures("tiny_encoder")
def test_a_pipeline_of_another_card_is_refused(svm, tmp_path):
    folder = shutil.copytree(svm, tmp_path / "copy")
    with (folder / PIPELINE_FILE).open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ModelError, match="does not belong to its card"):
        load_detector(str(folder))


@pytest.mark.usefixtures("tiny_encoder")
def test_a_pipeline_for_another_encoder_is_refused(svm, tmp_path):
    with pytest.raises(ModelError, match=f"takes 5 numbers per picture.*are {2 * SIZE};"):
        load_detector(replaced(svm, tmp_path, fitted(SVC(), size=5)))


@pytest.mark.usefixtures("tiny_encoder")
def test_a_pipeline_of_another_family_is_refused(svm, tmp_path):
    with pytest.raises(
        ModelError, match=r"family 'svm', but pipeline\.skops holds a LinearDiscriminantAnalysis"
    ):
        load_detector(replaced(svm, tmp_path, fitted(LinearDiscriminantAnalysis())))


@pytest.mark.usefixtures("tiny_encoder")
def test_a_pipeline_with_a_foreign_type_is_not_loaded(svm, tmp_path):
    pipeline = Pipeline([("run", FunctionTransformer(shutil.rmtree))])
    with pytest.raises(ModelError, match=r"types that Verso does not load.*rmtree"):
        load_detector(replaced(svm, tmp_path, pipeline))


@pytest.mark.usefixtures("tiny_encoder")
def test_a_pipeline_with_other_classes_is_refused(svm, tmp_path):
    with pytest.raises(ModelError, match=r"\[1, 2\]"):
        load_detector(replaced(svm, tmp_path, fitted(SVC(), labels=(1, 2))))


@pytest.mark.usefixtures("tiny_encoder")
def test_a_file_that_is_no_pipeline_is_refused(svm, tmp_path):
    folder = replaced(svm, tmp_path, fitted(LinearDiscriminantAnalysis()))
    card = read_card(tmp_path / "copy")
    (tmp_path / "copy" / PIPELINE_FILE).write_bytes(b"nonsense")
    weights = card.weights.model_copy(update={"sha256": hashlib.sha256(b"nonsense").hexdigest()})
    write_card(card.model_copy(update={"weights": weights}), tmp_path / "copy")
    with pytest.raises(ModelError, match="no skops file"):
        load_detector(folder)


def test_another_encoder_of_the_same_size_gives_a_warning(svm, tmp_path, monkeypatch):
    save_tiny_encoder(tmp_path / "other.safetensors", seed=1)
    monkeypatch.setenv("VERSO_ENCODER", str(tmp_path / "other.safetensors"))
    with pytest.warns(EncoderWarning, match="was fitted on embeddings of other encoder weights.*refit"):
        load_detector(str(svm))


def test_with_another_encoder_nothing_is_put_down_as_the_model_s(svm, studio, tmp_path, monkeypatch):
    save_tiny_encoder(tmp_path / "other.safetensors", seed=1)
    monkeypatch.setenv("VERSO_ENCODER", str(tmp_path / "other.safetensors"))
    before = (svm / "predictions.csv").read_bytes()
    result = invoke("evaluate", str(svm), "--corpus", str(studio.manifest))
    assert isinstance(result.exception, EvaluationError)
    assert "fitted on embeddings of another encoder" in str(result.exception)
    assert (svm / "predictions.csv").read_bytes() == before


@pytest.mark.usefixtures("tiny_encoder")
def test_a_model_is_not_measured_on_works_that_it_learned_from(svm, studio):
    listed = manifest.read(studio.manifest)
    swapped = listed.frame.assign(split=listed.frame["split"].replace({"train": "test", "test": "train"}))
    before = (svm / "predictions.csv").read_bytes()
    with pytest.raises(EvaluationError, match=r"48 images of test and ood in .* that 'svm' was trained"):
        evaluate(
            load_detector(str(svm)),
            svm,
            replace(listed, frame=swapped, version="e" * 64),
            ImageCache.default(studio.manifest),
        )
    assert (svm / "predictions.csv").read_bytes() == before


def test_weights_count_for_what_standardises_too(studio):
    frame = seen_rows(manifest.read(studio.manifest))
    features = np.random.default_rng(0).normal(size=(len(frame), 3)).astype(np.float32)
    weight = np.where(np.arange(len(frame)) < 5, 40.0, 1.0)
    fitted_on = fit_head(load_recipe(str(studio.recipes["svm"])), features, frame.assign(weight=weight))
    expected = np.average(features, axis=0, weights=weight)
    np.testing.assert_allclose(fitted_on["standardise"].mean_, expected, rtol=1e-5)


@pytest.mark.usefixtures("tiny_encoder")
def test_a_head_in_the_place_of_a_network_keeps_no_history_of_it(studio, tmp_path):
    lay(network_card("head"), tmp_path)
    (tmp_path / "head" / HISTORY_FILE).write_text("epoch,train_loss,val_loss\n0,1,1\n")
    assert read_history(train(studio, "decision-tree", tmp_path / "head")) is None


@pytest.mark.parametrize("left", [BEGIN, END])
def test_text_outside_the_marks_is_never_lost_where_one_of_them_is(tmp_path, left):
    path = tmp_path / "EXPERIMENTS.md"
    path.write_text(f"Before.\n{left}\nAfter.\n")
    with pytest.raises(OutputError, match="only one of the marks"):
        put_between(path, BEGIN, END, "table")
    assert path.read_text() == f"Before.\n{left}\nAfter.\n"


def test_without_the_encoder_only_its_models_fail(svm, tiny_model, tmp_path, monkeypatch):
    monkeypatch.delenv("VERSO_ENCODER", raising=False)
    monkeypatch.setenv("VERSO_CACHE", str(tmp_path))
    with pytest.raises(EncoderError, match="core encoder fetch"):
        load_detector(str(svm))
    assert load_detector(str(tiny_model)).card.family == "resnet18"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"encoder": None}, "needs encoder"),
        ({"epochs": 3}, "has no epochs"),
        ({"features": None}, "needs features"),
        ({"features": ForensicFeatures(kind="forensic")}, "'forensic' has no encoder"),
    ],
)
def test_a_card_has_the_fields_of_its_family(svm, tmp_path, change, message):
    write_card(read_card(svm).model_copy(update=change), tmp_path)
    with pytest.raises(ModelError, match=f"'family'.*{message}"):
        read_card(tmp_path)


def test_the_same_recipe_gives_the_same_head(studio):
    recipe = load_recipe(str(studio.recipes["random-forest"]))
    frame = seen_rows(manifest.read(studio.manifest))
    embeddings = np.random.default_rng(0).normal(size=(len(frame), SIZE)).astype(np.float32)
    one, other = (fit_head(recipe, embeddings, frame).predict_proba(embeddings) for _ in range(2))
    np.testing.assert_allclose(one, other, rtol=1e-12)


AUGMENTATION = """
[[augmentation]]
op = "random-square"
size = 32
area = [0.3, 0.9]

[[augmentation]]
op = "noise"
probability = 1.0
sigma = [20.0, 40.0]
"""


@pytest.fixture
def augmented(studio, tmp_path):
    """A recipe of a head that is fitted on two augmented views besides."""
    text = studio.recipes["svm"].read_text().replace("folds = 2", "folds = 2\naugmented_views = 2")
    (tmp_path / "augmented.toml").write_text(text + AUGMENTATION)
    return tmp_path / "augmented.toml"


@pytest.mark.usefixtures("tiny_encoder")
def test_a_head_is_fitted_on_augmented_views_and_judges_pictures_as_they_are(
    studio, augmented, encoder, monkeypatch
):
    recipe = load_recipe(str(augmented))
    frame = seen_rows(manifest.read(studio.manifest))
    files = ImageCache(studio.folder, [studio.folder])
    features = EncoderFeatures(encoder, recipe.features.taps)
    clean, views = gather(recipe, features, frame, files)
    assert [view.shape for view in views] == [clean.shape] * 2
    assert not np.allclose(views[0], views[1])
    fold = Fold(np.arange(10, len(frame)), np.arange(10))
    seen = []
    monkeypatch.setattr("core.training.heads.fit_head", lambda *given: seen.append(given) or fit_head(*given))
    margins = out_of_fold_margins(recipe, clean, frame, [fold], views)
    ((_, rows, labels),) = seen
    np.testing.assert_array_equal(rows, np.concatenate([part[10:] for part in (clean, *views)]))
    assert list(labels["label"]) == list(frame["label"][10:]) * 3
    pipeline = fit_on(recipe, clean, frame, fold.fitted, views)
    np.testing.assert_array_equal(margins[:10], pipeline_margins(pipeline, clean[:10]))
    assert np.isnan(margins[10:]).all()


@pytest.mark.usefixtures("tiny_encoder")
def test_a_recipe_with_augmented_views_is_trained(studio, augmented, tmp_path):
    run_cli("train", str(augmented), "--corpus", str(studio.manifest), "--output", str(tmp_path / "model"))
    assert load_detector(str(tmp_path / "model")).card.family == "svm"


def test_without_balance_all_images_weigh_alike(studio):
    frame = seen_rows(manifest.read(studio.manifest)).query("label == 'ai' or source == 'folder:human-0'")
    recipe = load_recipe(str(studio.recipes["logistic-regression"]))
    features = np.random.default_rng(0).normal(size=(len(frame), 4)).astype(np.float32)
    shares = {
        balance: fit_head(recipe.model_copy(update={"balance": balance}), features, frame)
        .predict_proba(features)[:, 1]
        .mean()
        for balance in ("none", "class")
    }
    assert shares["class"] == pytest.approx(0.5, abs=0.05)
    assert shares["none"] == pytest.approx((frame["label"] == "ai").mean(), abs=0.05)


@pytest.mark.parametrize("group", ["source", "medium"])
def test_works_of_a_small_group_gain_by_its_balance(studio, group):
    human = ["large"] * 90 + ["small"] * 10
    frame = pd.DataFrame({"label": ["human"] * 100 + ["ai"] * 100, group: human + ["generated"] * 100})
    features = np.zeros((200, 2), np.float32)
    features[:90, 0] = 1
    recipe = load_recipe(str(studio.recipes["logistic-regression"]))
    p_ai = {
        balance: fit_head(recipe.model_copy(update={"balance": balance}), features, frame).predict_proba(
            features[90:91]
        )[0, 1]
        for balance in ("class", group)
    }
    assert p_ai[group] < p_ai["class"]


@pytest.mark.parametrize(
    ("features", "windows", "head", "more", "message"),
    [
        (PIXELS, 1, "logistic-regression", "", "heads on pixels are svm, knn"),
        (PIXELS.replace("32", "48"), 1, "svm", "", "window as wide as their side"),
        (FORENSIC, 2, "svm", "", "one window"),
        (FORENSIC, 1, "svm", AUGMENTATION, "need each other"),
        ('kind = "embedding"\ntaps = ["class-1", "class-1"]', 1, "svm", "", "named once"),
        ('kind = "embedding"\ntaps = ["class-0"]', 1, "svm", "", r"taps\.0"),
        ('kind = "embedding"\ntaps = []', 1, "svm", "", "at least 1"),
        ('kind = "tea-leaves"', 1, "svm", "", "features"),
    ],
)
def test_parts_that_do_not_fit_each_other_are_named(tmp_path, features, windows, head, more, message):
    path = tmp_path / "odd.toml"
    path.write_text(HEAD_RECIPE.format(features=features, windows=windows, head=HEADS[head]) + more)
    with pytest.raises(RecipeError, match=message):
        load_recipe(str(path))


STUDENTS = {
    "pixel-svm": {"family": "svm", "c": 10.0},
    "pixel-knn": {"family": "knn", "k": 4},
    "pixel-decision-tree": {"family": "decision-tree", "min_samples_leaf": 1},
    "pixel-random-forest": {"family": "random-forest", "trees": 100, "min_samples_leaf": 10},
}


@pytest.mark.parametrize("name", STUDENTS)
def test_pixel_recipes_are_those_of_the_student_project(name):
    recipe = load_recipe(name)
    assert recipe.head.model_dump() == STUDENTS[name]
    assert (recipe.features.kind, recipe.features.side, recipe.balance) == ("pixels", 240, "none")


def test_trees_on_pixels_are_those_of_scikit_learn(studio):
    recipe = load_recipe(str(studio.recipes["pixel-decision-tree"])).model_copy(update={"balance": "none"})
    frame = seen_rows(manifest.read(studio.manifest))
    pixels = np.random.default_rng(0).integers(0, 256, (len(frame), 32 * 32 * 3), dtype=np.uint8)
    rows = np.arange(0, len(frame), 2)
    theirs = DecisionTreeClassifier(min_samples_leaf=2, random_state=recipe.seed)
    theirs.fit(pixels[rows] / 255, frame["label"].iloc[rows] == "ai")
    expected = theirs.predict_proba(pixels / 255)[:, 1]
    for pipeline in (
        fit_on(recipe, pixels, frame, rows),
        fit_head(recipe, pixels[rows], frame.iloc[rows]),
    ):
        np.testing.assert_allclose(pipeline.predict_proba(pixels)[:, 1], expected)


def test_embedding_recipes_judge_the_pooled_output_by_default():
    assert load_recipe("embedding-svm").features.taps == ("pooled",)


def test_only_train_and_val_are_learned_from(studio):
    assert set(seen_rows(manifest.read(studio.manifest))["split"]) == {"train", "val"}


def told_of(studio, frame, folder, verb):
    """Return what a command says of a corpus none of whose images is there to be embedded."""
    listed = manifest.write(frame, folder / "manifest.csv").path
    options = ["--corpus", str(listed), "--output", str(folder / "made")]
    result = invoke(verb, str(studio.recipes["svm"]), *options)
    assert isinstance(result.exception, TrainingError)
    assert not (folder / "made").exists()
    return str(result.exception)


@pytest.mark.parametrize("verb", ["train", "experiments", "bands"])
def test_a_fold_that_leaves_nothing_of_a_label_is_told_before_any_image_is_read(studio, tmp_path, verb):
    frame = manifest.read(studio.manifest).frame
    everywhere = frame["family"] == "pale-0"
    sources = [f"folder:human-{number % 3}" for number in range(len(frame))]
    frame["source"] = frame["source"].mask(everywhere, pd.Series(sources))
    said = told_of(studio, frame, tmp_path, verb)
    assert re.search(r"Fold \d of 2 shares its sources with all human works of train and val", said)


def test_a_label_that_train_lacks_is_told_before_any_image_is_read(studio, tmp_path):
    frame = manifest.read(studio.manifest).frame
    frame["split"] = frame["split"].mask((frame["label"] == "ai") & (frame["split"] == "train"), "val")
    assert "of the 24 images of split train none is ai" in told_of(studio, frame, tmp_path, "train")


def test_one_class_alone_is_refused(studio):
    recipe = load_recipe(str(studio.recipes["svm"]))
    frame = manifest.read(studio.manifest).frame
    human = frame[frame["label"] == "human"]
    with pytest.raises(TrainingError, match="both classes"):
        fit_head(recipe, np.zeros((len(human), SIZE), np.float32), human)


@pytest.mark.usefixtures("tiny_encoder")
def test_experiments_are_written_between_their_marks(studio, tmp_path):
    output = tmp_path / "EXPERIMENTS.md"
    command = [
        "experiments",
        str(studio.recipes["svm"]),
        "--corpus",
        str(studio.manifest),
        "--output",
        str(output),
    ]
    run_cli(*command)
    output.write_text("Before.\n" + output.read_text() + "After.\n")
    run_cli(*command)
    text = output.read_text()
    assert text.startswith("Before.")
    assert text.endswith("After.\n")
    assert text.count("| ROC AUC, sources held out |") == 1
    assert "families and sources held out" in text


def test_a_recipe_that_decides_nothing_has_no_accuracy_rather_than_an_error(studio):
    frame = seen_rows(manifest.read(studio.manifest))
    blind = np.zeros((len(frame), SIZE), np.float32)
    found = cross_validate(load_recipe(str(studio.recipes["decision-tree"])), blind, frame)
    assert found["accuracy where decided, families and sources held out"] == "not defined here"
    assert found["share decided, families and sources held out"] == "0.000"


def test_experiments_of_one_name_are_refused_before_any_work(studio):
    result = invoke("experiments", "embedding-knn", "embedding-knn", "--corpus", str(studio.manifest))
    assert "Two recipes are called embedding-knn" in str(result.exception)


def test_experiments_take_heads_alone(studio, workshop):
    result = invoke("experiments", str(workshop.recipe), "--corpus", str(studio.manifest))
    assert result.exit_code == 2
    assert "leave out tiny" in " ".join(result.stderr.replace("│", " ").split())


def test_verso_in_8_bits_is_verso_but_for_the_8_bits():
    verso, int8 = load_recipe("verso"), load_recipe("verso-int8")
    assert isinstance(int8.features, EmbeddingFeatures)
    assert int8.features.int8
    plain = int8.features.model_copy(update={"int8": False})
    assert int8.model_copy(update={"name": verso.name, "summary": verso.summary, "features": plain}) == verso
