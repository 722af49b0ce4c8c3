import numpy as np
import pytest
import torch
from torch.nn.functional import cosine_similarity

from core import images
from core.detectors.encoder import Int8Encoder, load_encoder, network_of, reference_pictures
from core.detectors.encoder_int8 import COPIES, Int8Linear, times_given
from core.detectors.encoder_weights import read_weights
from core.detectors.precision import Compute
from core.detectors.preprocessing import Preprocessing
from core.errors import EncoderWarning
from tests.encoders import SIDE

FLOAT32 = Compute(torch.device("cpu"), torch.float32)
IN_BYTES = Compute(torch.device("cpu"), torch.float32, int8=True)
TINY = Preprocessing(uniform_side=48, short_side=SIDE, window=SIDE, windows=3)


def weights(outputs: int = 24, inputs: int = 96) -> torch.Tensor:
    """Weights that were rounded to 8 bits, a step for each channel."""
    draw = torch.Generator().manual_seed(1)
    levels = torch.randint(-127, 128, (outputs, inputs), generator=draw)
    levels[:, 0] = 127
    return levels * torch.rand(outputs, 1, generator=draw)


def tokens(outlier: float = 1.0) -> torch.Tensor:
    """What 40 tokens give to 96 inputs, of which one is larger than the others by a factor."""
    given = torch.randn(40, 96, generator=torch.Generator().manual_seed(2))
    given[:, 5] *= outlier
    return given


def wrong(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


def test_a_product_of_bytes_is_near_the_product_of_floats():
    layer, bias, given = weights(), torch.linspace(-1, 1, 24), tokens()
    assert wrong(Int8Linear(layer, bias)(given), given @ layer.T + bias) < 0.01


def test_weights_in_8_bits_and_whole_activations_lose_nothing():
    layer, bias = weights(), torch.linspace(-1, 1, 24)
    given = torch.randint(-100, 100, (40, 96), generator=torch.Generator().manual_seed(3)).float()
    given[:, 0], given[:, 1] = -127, 127
    torch.testing.assert_close(Int8Linear(layer, bias)(given), given @ layer.T + bias, rtol=1e-5, atol=1e-2)


def test_an_outlier_is_split():
    layer, bias, given = weights(), torch.zeros(24), tokens(outlier=60)
    expected = given @ layer.T
    whole = wrong(Int8Linear(layer, bias)(given), expected)
    split = wrong(Int8Linear(layer, bias, given.abs().amax(0))(given), expected)
    assert split < whole / 2


def test_a_token_of_zeros_gives_the_bias():
    bias = torch.linspace(-1, 1, 24)
    torch.testing.assert_close(Int8Linear(weights(), bias)(torch.zeros(3, 96)), bias.expand(3, -1))


def test_the_channels_that_go_farthest_are_given_most_often():
    times = times_given(torch.tensor([1.0, 40.0, 2.0, 10.0]), copies=10)
    assert times.tolist() == [1, 9, 1, 3]
    assert times_given(torch.ones(96)).sum() == 96 + COPIES


@pytest.fixture
def int8(encoder_file):
    state, identity = read_weights(encoder_file, pinned=False)
    return Int8Encoder(network_of(state, encoder_file), identity)


def test_every_tap_is_near_that_of_floats(int8, encoder):
    pictures = reference_pictures(SIDE)
    found, expected = (each.embed_windows(pictures, encoder.taps) for each in (int8, encoder))
    assert found.shape == expected.shape
    assert cosine_similarity(found, expected, dim=-1).min() > 0.999
    assert not torch.equal(found, expected)


def test_a_class_token_is_the_same_whether_patches_are_read_too(int8):
    pictures = reference_pictures(SIDE)
    alone, together = (int8.embed_windows(pictures, taps)[:, 0] for taps in (("class-2",), int8.taps[1:]))
    torch.testing.assert_close(alone, together)
    pooled = int8.embed_windows(pictures)[:, 0]
    torch.testing.assert_close(pooled, int8.embed_windows(pictures, int8.taps)[:, -1])


def test_an_embedding_does_not_depend_on_the_batch(int8, drawings):
    artworks = [images.open(drawings.file(drawings.painting((64, 48), i))) for i in range(4)]
    together = int8.embed(artworks, TINY, int8.taps)
    alone = np.concatenate([int8.embed([artwork], TINY, int8.taps) for artwork in artworks])
    np.testing.assert_allclose(together, alone, atol=1e-6)


@pytest.mark.usefixtures("tiny_encoder")
def test_where_bytes_are_not_multiplied_natively_floats_stand_in_under_the_same_name():
    with pytest.warns(EncoderWarning):
        floats, of_bytes = load_encoder(FLOAT32), load_encoder(IN_BYTES, int8=True)
    stand_in = load_encoder(FLOAT32, int8=True)
    assert isinstance(of_bytes, Int8Encoder)
    assert stand_in.identity == of_bytes.identity != floats.identity == load_encoder(FLOAT32).identity
    assert stand_in.remembered_as == floats.remembered_as != of_bytes.remembered_as
    pictures = reference_pictures(SIDE)
    torch.testing.assert_close(stand_in.embed_windows(pictures), floats.embed_windows(pictures))
    assert load_encoder(IN_BYTES, int8=True) is of_bytes


@pytest.mark.usefixtures("tiny_encoder")
def test_what_can_be_followed_back_has_the_same_weights(int8):
    with pytest.warns(EncoderWarning):
        followed = int8.to_follow()
    pictures = reference_pictures(SIDE).requires_grad_()
    found = followed.embed_windows(pictures)
    found.sum().backward()
    assert pictures.grad is not None
    assert cosine_similarity(found, int8.embed_windows(pictures.detach()), dim=-1).min() > 0.99
