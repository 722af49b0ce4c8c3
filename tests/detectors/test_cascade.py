from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn.pipeline import Pipeline

from core import explain, images
from core.detectors import store
from core.detectors.card import Weights, write_card
from core.detectors.cascade import (
    AS_THE_STAGE_SAYS,
    STAGES_FILE,
    CascadeDetector,
    Cuts,
    Stages,
    Step,
    identity,
    load_cascade,
    write_stages,
)
from core.detectors.classical import EmbeddingDetector
from core.detectors.features import EmbeddingFeatures, load_features
from core.detectors.judging import predict_naming
from core.detectors.precision import Compute
from core.detectors.preprocessing import Preprocessing
from core.errors import EncoderWarning, ModelError
from tests.cards import head_card, lay, network_card


class Known:
    """Answers with the number it was told for each picture, and keeps which it was asked about."""

    def __init__(self, name: str, answers: dict[str, float]) -> None:
        self.card = network_card(name)
        self.answers = answers
        self.asked: list[str] = []

    def predict(self, artworks):
        self.asked += [artwork.sha256 for artwork in artworks]
        return np.array([self.answers[artwork.sha256] for artwork in artworks], np.float32)


def stages_of(*detectors: Known, **inner: float) -> Stages:
    """Each passes on what it gives 0.1 to 0.9, aside from what lies between the `inner` cut-offs, to the next."""
    *before, thorough = (detector.card for detector in detectors)
    return Stages(
        steps=tuple(
            Step(model=card.name, identity=identity(card), human_below=0.1, ai_above=0.9, **inner)
            for card in before
        ),
        thorough=thorough.name,
        thorough_is=identity(thorough),
    )


def cascade_card(folder, stages: Stages):
    folder.mkdir()
    weights = Weights(file=STAGES_FILE, sha256=write_stages(stages, folder))
    card = network_card(
        "pair",
        family="cascade",
        recipe="cascade",
        kept_epoch=None,
        epochs=None,
        calibration=AS_THE_STAGE_SAYS,
        weights=weights,
    )
    write_card(card, folder)
    return card


@pytest.fixture
def pictures(drawings):
    drawn = images.open(drawings.file(drawings.painting((64, 48), 1)))
    return [replace(drawn, sha256=letter * 64) for letter in "abcd"]


@pytest.fixture
def quick(pictures):
    return Known("quick", dict(zip([each.sha256 for each in pictures], (0.05, 0.1, 0.5, 0.95), strict=True)))


@pytest.fixture
def slow(pictures):
    return Known("slow", {each.sha256: 0.7 for each in pictures})


@pytest.fixture
def pair(quick, slow, tmp_path):
    stages = stages_of(quick, slow)
    return CascadeDetector(cascade_card(tmp_path / "pair", stages), stages, (quick, slow))


def test_only_what_the_fast_model_is_not_sure_of_is_passed_on(pair, pictures, slow):
    p_ai, judge = pair.judged(pictures)
    assert p_ai.tolist() == pytest.approx([0.05, 0.7, 0.7, 0.95])
    assert judge.tolist() == [0, 1, 1, 0]
    assert slow.asked == [pictures[1].sha256, pictures[2].sha256]


def test_each_step_is_asked_what_the_one_before_was_not_sure_of(pictures, quick, slow, tmp_path):
    closer = Known(
        "closer", dict(zip([each.sha256 for each in pictures], (0.5, 0.02, 0.5, 0.5), strict=True))
    )
    stages = stages_of(quick, closer, slow)
    three = CascadeDetector(cascade_card(tmp_path / "three", stages), stages, (quick, closer, slow))
    p_ai, names = predict_naming(three, pictures)
    assert p_ai.tolist() == pytest.approx([0.05, 0.02, 0.7, 0.95])
    assert names == ["quick", "closer", "slow", "quick"]
    assert closer.asked == [pictures[1].sha256, pictures[2].sha256]
    assert slow.asked == [pictures[2].sha256]


class KnownByCrops(Known):
    """Answers by the mean grey level of the crops it is given."""

    def predict_crops(self, crops):
        return np.array([each.float().mean() / 255 for each in crops], np.float32)


@pytest.mark.parametrize(("windows", "whole"), [(3, False), (1, True)], ids=["the same crops", "other crops"])
def test_crops_that_all_stages_look_at_are_cut_once(monkeypatch, pictures, tmp_path, windows, whole):
    quick, slow = (KnownByCrops(name, {each.sha256: 0.5 for each in pictures}) for name in ("quick", "slow"))
    quick.card = network_card(
        "quick", preprocessing=Preprocessing(short_side=224, window=224, windows=windows)
    )
    stages = stages_of(quick, slow)
    detector = CascadeDetector(cascade_card(tmp_path / "pair", stages), stages, (quick, slow))
    cut = []
    crops_of = Preprocessing.crops
    monkeypatch.setattr(
        Preprocessing, "crops", lambda given, image: cut.append(image) or crops_of(given, image)
    )
    p_ai = detector.predict(pictures)
    assert len(cut) == (0 if whole else len(pictures))
    assert bool(quick.asked and slow.asked) == whole
    assert p_ai.tolist() == pytest.approx(
        [0.5] * 4 if whole else [np.mean(each.image) / 255 for each in pictures], abs=0.1
    )


def test_what_lies_well_inside_the_band_may_stand_as_inconclusive(pictures, quick, slow, tmp_path):
    stages = stages_of(quick, slow, inconclusive_above=0.4, inconclusive_below=0.6)
    detector = CascadeDetector(cascade_card(tmp_path / "open", stages), stages, (quick, slow))
    assert detector.judged(pictures)[1].tolist() == [0, 1, 0, 0]
    assert (
        load_cascade(detector.card, tmp_path / "open", {"quick": quick, "slow": slow}.__getitem__).stages
        == stages
    )


@pytest.mark.parametrize(
    "inner",
    [
        {"inconclusive_above": 0.4},
        {"inconclusive_above": 0.6, "inconclusive_below": 0.4},
        {"inconclusive_above": 0.05, "inconclusive_below": 0.4},
    ],
)
def test_cut_offs_out_of_order_are_refused(inner):
    with pytest.raises(ValidationError):
        Cuts(human_below=0.1, ai_above=0.9, **inner)


def test_the_stage_that_judges_is_named(pair, pictures, quick):
    p_ai, names = predict_naming(pair, pictures)
    assert p_ai.tolist() == pair.predict(pictures).tolist()
    assert names == ["quick", "slow", "slow", "quick"]
    assert predict_naming(quick, pictures)[1] == ["quick"] * 4


def test_the_calibrated_margin_is_the_probability(pair, pictures):
    assert pair.card.calibration(pair.raw_margins(pictures)) == pytest.approx(
        pair.predict(pictures), abs=1e-6
    )


def test_no_pictures_give_no_probabilities(pair):
    assert pair.predict([]).shape == (0,)


def test_the_stage_that_judged_is_the_one_that_explains(pair, pictures, monkeypatch):
    asked = []
    monkeypatch.setattr(explain, "not_followed", lambda name, _: asked.append(name) or ModelError(name))
    for picture in (pictures[0], pictures[2]):
        with pytest.raises(ModelError):
            explain.grad_cam(pair, picture, "ai")
    assert asked == ["quick", "slow"]


@pytest.mark.parametrize("again", ["quick", "slow"])
def test_a_stage_that_was_trained_again_is_refused(pair, quick, slow, tmp_path, again):
    other = SimpleNamespace(
        card=network_card(again, weights=Weights(file="weights.safetensors", sha256="1" * 64))
    )
    loaded = {"quick": quick, "slow": slow, again: other}
    refusal = rf"'{again}' is another than the one its cut-offs were chosen for.* --corpus MANIFEST"
    with pytest.raises(ModelError, match=refusal):
        load_cascade(pair.card, tmp_path / "pair", loaded.__getitem__)


@pytest.mark.usefixtures("pair")
@pytest.mark.parametrize("first", ["pair", "outer"])
def test_a_cascade_in_a_cascade_is_refused_even_if_it_is_itself(first, slow, tmp_path, monkeypatch):
    monkeypatch.setenv("VERSO_MODELS", str(tmp_path))
    lay(slow.card, tmp_path)
    card = cascade_card(tmp_path / "outer", stages_of(SimpleNamespace(card=network_card(first)), slow))
    with pytest.raises(ModelError, match="is a cascade, and the stages of one are plain models"):
        store.load_detector("outer")
    assert "is a cascade" in store.what_is_missing(card, tmp_path / "outer")


@pytest.mark.usefixtures("tiny_encoder")
@pytest.mark.parametrize(("int8", "stages"), [(True, ["quick", "near", "slow"]), (False, ["quick", "slow"])])
def test_a_step_whose_pass_is_the_thorough_models_is_left_out(int8, stages, quick, tmp_path):
    compute = Compute(torch.device("cpu"), torch.float32, int8=int8)
    with pytest.warns(EncoderWarning):
        near, slow = (
            EmbeddingDetector(
                head_card(name),
                Pipeline([]),
                load_features(EmbeddingFeatures(kind="embedding", int8=in_bytes), compute),
            )
            for name, in_bytes in (("near", True), ("slow", False))
        )
    card = cascade_card(tmp_path / "three", stages_of(quick, near, slow))
    loaded = {"quick": quick, "near": near, "slow": slow}
    detector = load_cascade(card, tmp_path / "three", loaded.__getitem__)
    assert list(detector.stages.names) == stages
    assert [stage.card.name for stage in detector.detectors] == stages


def test_changed_cut_offs_are_refused(pair, tmp_path):
    (step,) = pair.stages.steps
    changed = pair.stages.model_copy(update={"steps": (step.model_copy(update={"ai_above": 0.5}),)})
    write_stages(changed, tmp_path / "pair")
    with pytest.raises(ModelError, match="does not belong to its card"):
        load_cascade(pair.card, tmp_path / "pair", {}.__getitem__)


def test_what_a_stage_misses_is_what_the_cascade_misses(pair, quick, slow, tmp_path, monkeypatch):
    monkeypatch.setenv("VERSO_MODELS", str(tmp_path))
    lay(quick.card, tmp_path)
    lay(slow.card, tmp_path, weights=None)
    assert store.what_is_missing(pair.card, tmp_path / "pair").startswith("its stage 'slow' cannot judge: ")
    (tmp_path / "slow" / "weights.safetensors").write_bytes(b"w")
    assert store.is_loadable(pair.card, tmp_path / "pair")
