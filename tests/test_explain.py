import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam
from PIL import Image
from scipy.stats import spearmanr
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from core import explain, images
from core.detectors.classical import ClassicalDetector, EmbeddingDetector
from core.detectors.encoder import Encoder, Int8Encoder, load_encoder, network_of
from core.detectors.encoder_weights import read_weights
from core.detectors.features import (
    EmbeddingFeatures,
    EncoderFeatures,
    ForensicFeatures,
    PixelFeatures,
    load_features,
)
from core.detectors.precision import Compute
from core.detectors.preprocessing import Preprocessing
from core.detectors.resnet import ResNetDetector, build
from core.detectors.store import load_detector
from core.detectors.torch_heads import torch_head
from core.errors import EncoderError, EncoderWarning, ExplanationError
from core.explain import MAX_SIDE, Saliency, attribute, grad_cam, occlusion, overlay
from tests.cards import head_card, network_card
from tests.commands import invoke
from tests.encoders import SIDE, save_tiny_encoder

FLOAT32 = Compute(torch.device("cpu"), torch.float32)
TAPS = [
    ("pooled",),
    ("class-1",),
    ("class-2",),
    ("patches-1", "pooled"),
    ("spread-2", "class-1"),
    ("patches-2",),
]
JUDGES = {"svm": lambda: SVC(C=3.0), "logistic-regression": LogisticRegression}
PATCHES = (4, 4)


@pytest.fixture(scope="module")
def detector(tiny_model):
    return load_detector(str(tiny_model), FLOAT32)


@pytest.fixture
def head_on(encoder, drawings):
    """Makes detectors whose head tells pictures by the amount of ink, on taps of the tiny encoder."""

    def make(family="svm", taps=("pooled",), windows=1, encoder=encoder, judge=None, seed=0):
        preprocessing = Preprocessing(uniform_side=48, short_side=SIDE, window=SIDE, windows=windows)
        features = EncoderFeatures(encoder, taps)
        shown = [images.open(drawings.file(drawings.painting((64, 48), number))) for number in range(16)]
        labels = np.argsort(np.argsort([np.mean(each.image) for each in shown])) >= 8
        if seed:
            labels = np.random.default_rng(seed).permutation(labels)
        pipeline = Pipeline([("standardise", StandardScaler()), ("judge", (judge or JUDGES[family])())])
        pipeline.fit(features.of(shown, preprocessing), labels.astype(int))
        card = head_card(
            "head",
            family=family,
            features=EmbeddingFeatures(kind="embedding", taps=taps),
            preprocessing=preprocessing,
        )
        return EmbeddingDetector(card, pipeline, features)

    return make


@pytest.fixture
def paintings(drawings):
    return [images.open(drawings.file(drawings.painting((64, 64), 100 + number))) for number in range(6)]


@pytest.mark.parametrize("size", [(64, 48), (48, 64), (64, 64), (1600, 400)])
@pytest.mark.parametrize("target", ["human", "ai"])
def test_heat_has_the_form_of_the_picture(detector, drawings, size, target):
    artwork = images.open(drawings.file(drawings.painting(size, 4)))
    saliency = grad_cam(detector, artwork, target)
    height, width = saliency.heat.shape
    assert saliency.heat.dtype == np.float32
    assert max(height, width) == min(max(size), MAX_SIDE)
    assert width / height == pytest.approx(size[0] / size[1], rel=0.02)
    assert saliency.heat.min() >= 0
    assert saliency.flat or saliency.heat.max() == pytest.approx(1)
    assert saliency.target == target


def test_the_classes_are_told_apart(detector, drawings):
    artwork = images.open(drawings.file(drawings.painting((64, 64), 4)))
    assert not np.array_equal(
        grad_cam(detector, artwork, "ai").heat, grad_cam(detector, artwork, "human").heat
    )


def test_a_square_picture_agrees_with_captum_alone(detector, drawings):
    artwork = images.open(drawings.file(drawings.painting((64, 64), 9)))
    coarse = LayerGradCam(detector.network, detector.network.layer4).attribute(
        detector.windows(artwork), target=1, relu_attributions=True
    )[0, 0]
    heat = grad_cam(detector, artwork, "ai").heat
    if float(coarse.detach().max()) == 0:
        assert not heat.any()
    else:
        np.testing.assert_allclose(
            heat, (coarse / coarse.max()).detach().numpy().repeat(64, 0).repeat(64, 1), atol=1e-5
        )


def test_what_was_not_looked_at_is_marked(detector, drawings):
    artwork = images.open(drawings.file(drawings.painting((600, 100), 4)))
    saliency = grad_cam(detector, artwork, "ai")
    assert not saliency.seen[:, 0].any()
    assert saliency.seen[:, saliency.seen.shape[1] // 2].all()
    assert not saliency.heat[~saliency.seen].any()


@pytest.mark.parametrize(
    ("method", "size"),
    [
        *(("grad-cam", size) for size in [(411, 407), (748, 748), (750, 345), (374, 374), (33, 26_000)]),
        ("occlusion", (748, 748)),
        ("occlusion", (33, 26_000)),
    ],
)
def test_pictures_of_any_size_have_a_map_where_they_were_looked_at(drawings, method, size):
    preprocessing = Preprocessing(short_side=224, window=224, windows=3)
    card = network_card("wide", preprocessing=preprocessing)
    detector = ResNetDetector(card, build(), FLOAT32)
    artwork = images.open(drawings.file(drawings.painting(size, 4)))
    saliency = attribute(method, detector, artwork, "ai")
    assert saliency.seen.mean() == pytest.approx(1 - card.unseen(*size), abs=0.02)


def test_windows_that_reach_every_edge_leave_nothing_unseen(detector, drawings):
    for size in [(640, 420), (352, 509), (431, 431), (700, 353)]:
        saliency = grad_cam(detector, images.open(drawings.file(drawings.painting(size, 4))), "ai")
        assert saliency.seen.all(), size


def test_the_network_is_left_as_it_was(detector, drawings):
    artwork = images.open(drawings.file(drawings.painting((64, 48), 4)))
    before = detector.predict([artwork])
    grad_cam(detector, artwork, "ai")
    assert not any(module._forward_hooks for module in detector.network.modules())
    assert detector.predict([artwork]) == before


def test_overlay_colours_only_what_spoke():
    heat = np.zeros((40, 60), np.float32)
    heat[:20] = 1
    saliency = Saliency(heat, np.ones_like(heat, bool), "ai")
    picture = Image.new("RGB", (60, 40), (10, 120, 60))
    laid = np.asarray(overlay(picture, saliency, 0.8))
    assert (laid[25:] == (10, 120, 60)).all()
    assert (laid[:15] != (10, 120, 60)).any(axis=-1).all()
    assert np.array_equal(np.asarray(overlay(picture, saliency, 0)), np.asarray(picture))


def test_an_unknown_method_lists_the_known_ones(detector, drawings):
    artwork = images.open(drawings.file(drawings.painting((64, 48), 4)))
    with pytest.raises(ExplanationError, match="grad-cam"):
        attribute("tea-leaves", detector, artwork, "ai")


class Redness:
    """A model of no family: the redder the upper left quarter of what it sees, the surer it is of ai."""

    card = head_card("redness").model_copy(
        update={"preprocessing": Preprocessing(uniform_side=64, short_side=64, window=64)}
    )

    def raw_margins(self, artworks):
        pixels = [np.asarray(artwork.image, np.float32) for artwork in artworks]
        quarters = [each[: each.shape[0] // 2, : each.shape[1] // 2] for each in pixels]
        return np.array([(each[..., 0] - each[..., 1]).mean() / 10 for each in quarters], np.float32)


def red_in_the_corner(drawings, size):
    picture = Image.new("RGB", size, (90, 90, 90))
    picture.paste((255, 0, 0), (0, 0, size[0] // 4, size[1] // 2))
    return images.open(drawings.file(picture))


@pytest.mark.parametrize("size", [(64, 64), (96, 64), (400, 300)])
def test_occlusion_marks_what_the_score_falls_without_whatever_the_model(drawings, size):
    told = []
    artwork = red_in_the_corner(drawings, size)
    saliency = occlusion(Redness(), artwork, "ai", lambda done, total: told.append((done, total)))
    height, width = saliency.heat.shape
    assert (width, height) == size
    red = np.zeros_like(saliency.seen)
    red[: height // 2, : width // 4] = True
    assert saliency.heat[red & saliency.seen].mean() > 4 * saliency.heat[~red & saliency.seen].mean()
    assert saliency.heat[-height // 4 :, -width // 4 :].max() < 0.05
    assert occlusion(Redness(), artwork, "human").heat.max() <= 1
    assert told[-1][0] == told[-1][1]
    assert [done for done, _ in told] == sorted({done for done, _ in told})


def test_an_interrupted_occlusion_goes_on_where_it_was(drawings):
    class Interrupted(Redness):
        passes = 0

        def raw_margins(self, artworks):
            self.passes += 1
            return super().raw_margins(artworks)

    def stop(done, total):
        if done > total / 2:
            raise KeyboardInterrupt

    artwork, detector, known = red_in_the_corner(drawings, (96, 64)), Interrupted(), {}
    with pytest.raises(KeyboardInterrupt):
        occlusion(detector, artwork, "ai", stop, known=known)
    begun = detector.passes
    assert begun == len(known) > 0
    found = occlusion(detector, artwork, "ai", known=known)
    whole = Interrupted()
    assert np.array_equal(found.heat, occlusion(whole, artwork, "ai").heat)
    assert detector.passes == whole.passes


def test_an_occlusion_that_two_make_at_once_is_the_same(drawings):
    """A click on the page starts it anew while the first still runs, with what both found so far."""
    together = threading.Barrier(2)

    class Shared(Redness):
        def raw_margins(self, artworks):
            together.wait(timeout=30)
            return super().raw_margins(artworks)

    artwork, known = red_in_the_corner(drawings, (96, 64)), {}
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(occlusion, Shared(), artwork, "ai", known=known) for _ in range(2)]
        found = [call.result() for call in calls]
    alone = occlusion(Redness(), artwork, "ai")
    for each in found:
        assert np.array_equal(each.heat, alone.heat)


def test_occlusion_marks_nothing_outside_what_the_model_keeps_of_a_panorama(drawings):
    artwork = red_in_the_corner(drawings, (640, 64))
    saliency = occlusion(Redness(), artwork, "ai")
    kept = Redness.card.preprocessing.kept(640, 64)
    assert 0.3 < kept.left < kept.right < 0.7
    assert saliency.heat.shape == (64, 640)
    assert saliency.heat[:, : round(kept.left * 640) - 1].max() == 0
    assert not saliency.seen[:, : round(kept.left * 640) - 1].any()


@pytest.mark.parametrize("family", JUDGES)
@pytest.mark.parametrize("taps", TAPS, ids="+".join)
def test_a_head_on_embeddings_is_explained_patch_by_patch(head_on, paintings, family, taps):
    detector = head_on(family, taps)
    for_ai = grad_cam(detector, paintings[0], "ai")
    for_human = grad_cam(detector, paintings[0], "human")
    assert for_ai.heat.shape == (64, 64)
    assert for_ai.seen.all()
    assert (for_ai.target, for_human.target) == ("ai", "human")
    assert not (for_ai.flat and for_human.flat)
    for saliency in (for_ai, for_human):
        assert np.isfinite(saliency.heat).all()
        assert saliency.heat.min() >= 0
        if not saliency.flat:
            assert saliency.heat.max() == pytest.approx(1)
            assert saliency.heat.std() > 0.05, "the map must tell parts of the picture apart"


def coarse(detector, artwork, wanted=1):
    return explain._of_head(detector, artwork, wanted).detach()


@pytest.mark.parametrize("family", JUDGES)
@pytest.mark.parametrize("taps", TAPS, ids="+".join)
def test_what_speaks_for_a_class_speaks_against_the_other(head_on, paintings, family, taps):
    detector = head_on(family, taps)
    for artwork in paintings:
        for_human, for_ai = coarse(detector, artwork, 0), coarse(detector, artwork, 1)
        assert for_ai.shape == (1, 1, *PATCHES)
        assert not (for_human * for_ai).any()
        assert (for_human + for_ai).any()


@pytest.mark.parametrize("family", JUDGES)
def test_a_head_on_the_pooled_token_agrees_with_grad_cam_by_hand(head_on, paintings, family):
    detector = head_on(family)
    network = detector.features.encoder.network
    windows = detector.card.preprocessing.tensor(paintings[0].image).requires_grad_()
    attended = []
    network.encoder.layers[-1].layer_norm1.register_forward_hook(lambda *given: attended.append(given[-1]))
    embedding = network(pixel_values=windows).pooler_output
    attended[0].retain_grad()
    torch_head(detector.pipeline, "head")(embedding / embedding.norm()).sum().backward()
    tokens, slopes = attended[0].detach()[0, 1:], attended[0].grad[0, 1:]
    by_hand = (tokens @ slopes.mean(dim=0)).clamp(min=0).reshape(PATCHES)
    torch.testing.assert_close(coarse(detector, paintings[0])[0, 0], by_hand, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("family", JUDGES)
@pytest.mark.parametrize("taps", [("pooled",), ("class-1", "patches-2")], ids="+".join)
def test_the_margin_followed_is_the_margin_judged(head_on, drawings, family, taps, monkeypatch):
    detector = head_on(family, taps, windows=3)
    wide = images.open(drawings.file(drawings.painting((200, 90), 5)))
    followed = []

    class Watching(LayerGradCam):
        def attribute(self, windows, **options):
            followed.append(float(self.forward_func(windows).detach()))
            return super().attribute(windows, **options)

    monkeypatch.setattr(explain, "LayerGradCam", Watching)
    grad_cam(detector, wide, "ai")
    grad_cam(detector, wide, "human")
    assert followed[0] == pytest.approx(float(detector.raw_margins([wide])[0]), abs=0.02)  # half precision
    assert followed[1] == pytest.approx(-followed[0])


@pytest.mark.parametrize("size", [(180, 90), (64, 48)])
def test_every_window_of_a_head_is_laid_where_it_belongs(head_on, drawings, size):
    artwork = images.open(drawings.file(drawings.painting(size, 5)))
    saliency = grad_cam(head_on(windows=3), artwork, "ai")
    assert saliency.heat.shape == (size[1], size[0])
    assert saliency.seen.all()
    assert grad_cam(head_on(windows=1), artwork, "ai").seen.mean() < 1


def likeness(one, other, artworks):
    """Mean rank correlation of two detectors' signed maps."""
    found = []
    for artwork in artworks:
        maps = [coarse(each, artwork, 1) - coarse(each, artwork, 0) for each in (one, other)]
        found.append(spearmanr(maps[0].flatten(), maps[1].flatten()).statistic)
    return float(np.mean(found))


@pytest.mark.parametrize("taps", [("pooled",), ("class-2", "patches-2")], ids="+".join)
def test_the_map_hangs_on_what_encoder_and_head_learned(head_on, paintings, taps, tmp_path):
    """Randomising weights must change the map: Adebayo et al., Sanity Checks for Saliency Maps (2018)."""
    detector = head_on("logistic-regression", taps)
    assert likeness(detector, head_on("logistic-regression", taps), paintings) == pytest.approx(1)
    shuffled = [head_on("logistic-regression", taps, seed=seed) for seed in range(1, 6)]
    assert abs(np.mean([likeness(detector, other, paintings) for other in shuffled])) < 0.6
    save_tiny_encoder(tmp_path / "other.safetensors", seed=9)
    state, identity = read_weights(tmp_path / "other.safetensors", pinned=False)
    other = Encoder(network_of(state, tmp_path), identity, FLOAT32)
    randomised = EmbeddingDetector(detector.card, detector.pipeline, EncoderFeatures(other, taps))
    assert abs(likeness(detector, randomised, paintings)) < 0.6


def test_a_head_is_explained_in_bfloat16_too(head_on, encoder_file, paintings):
    state, identity = read_weights(encoder_file, pinned=False)
    fast = Encoder(network_of(state, encoder_file), identity, Compute(torch.device("cpu"), torch.bfloat16))
    exact = head_on("logistic-regression", ("class-1", "pooled"))
    rounded = EmbeddingDetector(exact.card, exact.pipeline, EncoderFeatures(fast, ("class-1", "pooled")))
    assert likeness(exact, rounded, paintings) > 0.9


@pytest.mark.usefixtures("tiny_encoder")
def test_a_head_on_an_encoder_in_8_bits_is_followed_through_floats(head_on, encoder_file, paintings):
    state, identity = read_weights(encoder_file, pinned=False)
    with pytest.warns(EncoderWarning):
        floats = load_encoder()
    found, expected = (
        grad_cam(head_on(encoder=encoder), paintings[0], "ai").heat
        for encoder in (Int8Encoder(network_of(state, encoder_file), identity), floats)
    )
    assert found.max() == pytest.approx(1)
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.95


def test_the_encoder_is_left_as_it_was(head_on, paintings):
    detector = head_on("svm", ("class-1", "pooled"))
    encoder = detector.features.encoder
    before = detector.predict(paintings)
    grad_cam(detector, paintings[0], "ai")
    too_small = EmbeddingDetector(
        detector.card.model_copy(
            update={"preprocessing": Preprocessing(uniform_side=48, short_side=48, window=48)}
        ),
        detector.pipeline,
        detector.features,
    )
    with pytest.raises(EncoderError, match="windows of 32 pixels"):
        grad_cam(too_small, paintings[0], "ai")
    for module in encoder.network.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
    np.testing.assert_array_equal(detector.predict(paintings), before)


def test_heads_judge_right_while_other_threads_explain(head_on, paintings):
    detectors = [head_on("svm"), head_on("logistic-regression", ("class-1", "patches-2"))]
    expected = [detector.predict(paintings) for detector in detectors]
    maps = [grad_cam(detector, paintings[0], "ai").heat for detector in detectors]

    def work(number):
        detector = detectors[number // 2 % 2]
        if number % 2:
            return grad_cam(detector, paintings[0], "ai").heat
        return detector.predict(paintings)

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(work, range(16)))
    for number, result in enumerate(results):
        wanted = (maps if number % 2 else expected)[number // 2 % 2]
        np.testing.assert_allclose(result, wanted, atol=1e-5)


def test_a_tree_on_embeddings_says_that_it_has_no_map(head_on, paintings):
    detector = head_on("decision-tree", judge=DecisionTreeClassifier)
    with pytest.raises(ExplanationError, match=r"'head' cannot show .* a decision tree, .*; choose"):
        grad_cam(detector, paintings[0], "ai")
    assert detector.predict(paintings).shape == (6,)


@pytest.mark.parametrize(
    ("features", "family", "called"),
    [
        (PixelFeatures(kind="pixels", side=32), "svm", "the pixels themselves"),
        (ForensicFeatures(kind="forensic"), "gradient-boosting", "forensic statistics"),
    ],
)
def test_models_that_do_not_judge_embeddings_say_that_they_have_no_map(paintings, features, family, called):
    card = head_card("plain", family=family, features=features, encoder=None)
    pipeline = Pipeline([("judge", DecisionTreeClassifier())])
    detector = ClassicalDetector(card, pipeline, load_features(features))
    with pytest.raises(
        ExplanationError, match=f"'plain' cannot show .* a decision tree on {called}, .*; choose"
    ):
        grad_cam(detector, paintings[0], "ai")


def test_the_command_line_gives_the_verdict_though_there_is_no_map(head_on, drawings, tmp_path, monkeypatch):
    detector = head_on("decision-tree", judge=DecisionTreeClassifier)
    monkeypatch.setattr("core.detectors.store.load_detector", lambda _: detector)
    picture, output = tmp_path / "picture.png", tmp_path / "overlay.png"
    picture.write_bytes(drawings.file(drawings.painting((64, 48), 1)))
    result = invoke("explain", str(picture), "--output", str(output))
    assert "p_ai" in result.stdout
    assert isinstance(result.exception, ExplanationError)
    assert not output.exists()
