import hashlib
import shutil

import numpy as np
import pytest
import skops.io
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from core import images
from core.corpus import manifest
from core.corpus.cache import ImageCache
from core.detectors import encoder
from core.detectors.card import read_card, write_card
from core.detectors.classical import PIPELINE_FILE
from core.detectors.judging import judge
from core.detectors.store import load_detector
from core.errors import EncoderError, EncoderWarning, ExplanationError, ModelError, TrainingError
from core.evaluation.predictions import read_predictions
from core.explain import grad_cam
from core.training.heads import fit_head, seen_rows
from core.training.recipe import load_recipe
from tests.commands import invoke, run_cli
from tests.encoders import HEADS, SIZE, save_tiny_encoder

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
@pytest.mark.parametrize("family", HEADS)
def test_every_family_is_trained_and_judges_what_it_never_saw(studio, tmp_path, family):
    folder = train(studio, family, tmp_path / family)
    detector = load_detector(str(folder))
    assert detector.card.family == family
    assert "held-out families and sources" in detector.card.calibration.fitted_on
    rows = manifest.read(studio.manifest).frame.query("split == 'test'")
    paths = ImageCache(studio.folder, [studio.folder]).paths(rows["sha256"])
    p_ai = detector.predict([images.open(path) for path in paths])
    assert roc_auc_score(rows["label"] == "ai", p_ai) > 0.9  # pale pictures are easily told apart


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
    assert judge(detector, [images.open(paths[0])])[0].model == "svm"


@pytest.mark.usefixtures("tiny_encoder")
def test_grad_cam_says_which_family_it_explains(svm, drawings):
    artwork = images.open(drawings.file(drawings.painting()))
    with pytest.raises(ExplanationError, match="family svm"):
        grad_cam(load_detector(str(svm)), artwork, "ai")


def replaced(svm, tmp_path, pipeline):
    """Copy the model with another pipeline whose checksum is right."""
    folder = shutil.copytree(svm, tmp_path / "copy")
    data = skops.io.dumps(pipeline)
    (folder / PIPELINE_FILE).write_bytes(data)
    card = read_card(folder)
    weights = card.weights.model_copy(update={"sha256": hashlib.sha256(data).hexdigest()})
    write_card(card.model_copy(update={"weights": weights}), folder)
    return str(folder)


def fitted(step, size=SIZE, labels=(0, 1)):
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
    with pytest.raises(ModelError, match=f"takes embeddings of 5 numbers, but the encoder gives {SIZE}"):
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


def test_without_the_encoder_only_its_models_fail(svm, tiny_model, tmp_path, monkeypatch):
    monkeypatch.delenv("VERSO_ENCODER", raising=False)
    monkeypatch.setenv("VERSO_CACHE", str(tmp_path))
    with pytest.raises(EncoderError, match="core encoder fetch"):
        load_detector(str(svm))
    assert load_detector(str(tiny_model)).card.family == "resnet18"


@pytest.mark.parametrize(
    ("change", "message"),
    [({"encoder": None}, "needs encoder"), ({"epochs": 3}, "has no epochs")],
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


def test_only_train_and_val_are_learned_from(studio):
    assert set(seen_rows(manifest.read(studio.manifest))["split"]) == {"train", "val"}


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
    assert text.count("| AUC, sources held out |") == 1
    assert "families and sources held out" in text


def test_experiments_take_heads_alone(studio, workshop):
    result = invoke("experiments", str(workshop.recipe), "--corpus", str(studio.manifest))
    assert "leave out tiny" in str(result.exception)
