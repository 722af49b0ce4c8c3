import numpy as np
import pytest
import torch

from core.detectors.encoder import (
    CLIP_PREPROCESSING,
    REFERENCE_COSINE,
    Encoder,
    load_encoder,
    network_of,
    reference_pictures,
    reference_similarity,
)
from core.detectors.encoder_weights import cached_weights, read_weights
from core.detectors.precision import Compute
from core.detectors.preprocessing import Preprocessing
from core.errors import EncoderError, EncoderWarning
from tests.encoders import SIDE, SIZE

FLOAT32 = Compute(torch.device("cpu"), torch.float32)
TINY = Preprocessing(uniform_side=48, short_side=SIDE, window=SIDE, windows=3)


def test_the_network_is_read_from_its_weights(encoder):
    assert (encoder.side, encoder.size) == (SIDE, SIZE)
    assert len(encoder.network.encoder.layers) == 2


def test_embeddings_have_length_one_and_do_not_depend_on_the_batch(encoder, artworks):
    together = encoder.embed(artworks, TINY)
    assert together.shape == (len(artworks), SIZE)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = np.concatenate([encoder.embed([artwork], TINY) for artwork in artworks])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_windows_are_averaged(encoder, artworks):
    windows = encoder.embed_windows(TINY.tensor(artworks[3].image))
    assert windows.shape == (3, 1, SIZE)
    mean = windows.mean(dim=0)[0]
    np.testing.assert_allclose(encoder.embed([artworks[3]], TINY)[0], (mean / mean.norm()).numpy(), atol=1e-5)


@pytest.fixture
def hidden(encoder):
    """What transformers itself calls the hidden states, and the pooled output, of the reference pictures."""
    with torch.no_grad():
        found = encoder.network(pixel_values=reference_pictures(SIDE), output_hidden_states=True)
    return found.hidden_states, found.pooler_output


def test_taps_are_the_hidden_states_of_transformers(encoder, hidden):
    states, pooled = hidden
    found = encoder.embed_windows(reference_pictures(SIDE), encoder.taps)
    assert found.shape == (3, 7, SIZE)
    expected = [
        *(states[layer][:, 0] for layer in (1, 2)),
        *(states[layer][:, 1:].mean(dim=1) for layer in (1, 2)),
        *(states[layer][:, 1:].std(dim=1) for layer in (1, 2)),
        pooled,
    ]
    torch.testing.assert_close(found, torch.stack(expected, dim=1))


def test_by_default_the_pooled_class_token_is_given(encoder, hidden):
    torch.testing.assert_close(encoder.embed_windows(reference_pictures(SIDE))[:, 0], hidden[1])


def test_layers_behind_the_last_tap_do_not_run(encoder):
    pictures = reference_pictures(SIDE)
    everything = encoder.embed_windows(pictures, encoder.taps)
    encoder.network.encoder.layers[1].register_forward_hook(_fail)
    early = encoder.embed_windows(pictures, ("spread-1", "class-1"))
    torch.testing.assert_close(early, everything[:, [4, 0]], rtol=0, atol=0)
    with pytest.raises(AssertionError, match="ran"):
        encoder.embed_windows(pictures, ("class-2",))


def _fail(*_):
    raise AssertionError("a layer ran that was not needed")


def test_each_tap_has_length_one_in_the_order_asked_for(encoder, artworks):
    joined = encoder.embed(artworks, TINY, ("patches-2", "pooled")).reshape(len(artworks), 2, SIZE)
    np.testing.assert_allclose(np.linalg.norm(joined, axis=2), 1, atol=1e-5)
    np.testing.assert_allclose(joined[:, 1], encoder.embed(artworks, TINY), atol=1e-5)
    swapped = encoder.embed(artworks, TINY, ("pooled", "patches-2"))
    np.testing.assert_allclose(swapped[:, :SIZE], joined[:, 1], atol=1e-5)


def test_an_unknown_tap_lists_the_known_ones(encoder, artworks):
    with pytest.raises(EncoderError, match=r"no tap 'class-3'.*class-1, class-2.*pooled"):
        encoder.embed(artworks, TINY, ("class-3",))


def test_no_artworks_give_no_embeddings(encoder):
    assert encoder.embed([], TINY).shape == (0, SIZE)


@pytest.mark.parametrize("tap", ["pooled", "class-2", "patches-1", "spread-2"])
def test_gradients_reach_the_picture(encoder, tap):
    pictures = reference_pictures(SIDE).requires_grad_()
    encoder.embed_windows(pictures, (tap,))[..., 0].sum().backward()
    assert pictures.grad is not None
    assert pictures.grad.abs().sum() > 0


def test_bfloat16_agrees_with_float32(encoder, encoder_file, artworks):
    state, identity = read_weights(encoder_file, pinned=False)
    fast = Encoder(network_of(state, encoder_file), identity, Compute(torch.device("cpu"), torch.bfloat16))
    similarity = (fast.embed(artworks, TINY) * encoder.embed(artworks, TINY)).sum(axis=1)
    assert similarity.min() > REFERENCE_COSINE


def test_windows_of_another_size_are_refused(encoder, artworks):
    with pytest.raises(EncoderError, match="windows of 32 pixels, but was given windows of 224"):
        encoder.embed(artworks, CLIP_PREPROCESSING)


@pytest.mark.usefixtures("tiny_encoder")
def test_other_weights_than_the_reference_are_used_with_a_warning():
    with pytest.warns(EncoderWarning, match="other embeddings than the reference"):
        assert load_encoder(FLOAT32).size == SIZE


@pytest.mark.usefixtures("tiny_encoder")
def test_the_encoder_is_shared():
    with pytest.warns(EncoderWarning):
        first = load_encoder(FLOAT32)
    assert load_encoder(FLOAT32) is first


def test_missing_weights_say_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.delenv("VERSO_ENCODER", raising=False)
    monkeypatch.setenv("VERSO_CACHE", str(tmp_path))
    with pytest.raises(EncoderError, match=r"are missing: .*core encoder fetch.*VERSO_ENCODER.*ResNet"):
        load_encoder(FLOAT32)


def test_weights_of_another_network_are_named(tmp_path):
    with pytest.raises(EncoderError, match="no CLIP vision transformer"):
        network_of(
            {"embeddings.patch_embedding.weight": torch.zeros(64, 3, 8, 8)}, tmp_path / "odd.safetensors"
        )


def test_the_real_encoder_gives_the_reference_embeddings(monkeypatch):
    monkeypatch.delenv("VERSO_ENCODER", raising=False)
    path = cached_weights()
    if not path.is_file():
        pytest.skip("the encoder's weights are not on this machine (python -m core encoder fetch)")
    state, identity = read_weights(path, pinned=True)
    assert reference_similarity(Encoder(network_of(state, path), identity, FLOAT32)) > 0.9999
