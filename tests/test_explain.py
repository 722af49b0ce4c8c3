import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam
from PIL import Image

from core import images
from core.detectors.precision import Compute
from core.detectors.store import load_detector
from core.errors import ExplanationError
from core.explain import MAX_SIDE, Saliency, attribute, grad_cam, overlay


@pytest.fixture(scope="module")
def detector(tiny_model):
    return load_detector(str(tiny_model), Compute(torch.device("cpu"), torch.float32))


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
