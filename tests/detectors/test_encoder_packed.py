import pytest
import torch
from torch.nn.functional import cosine_similarity, silu

from core.detectors.encoder import Int8Encoder, PackedEncoder, load_encoder, network_of, reference_pictures
from core.detectors.encoder_packed import PackedLinear
from core.detectors.encoder_weights import read_weights
from core.detectors.precision import Compute, best_compute
from core.errors import EncoderWarning
from tests.encoders import SIDE

CPU = torch.device("cpu")
FLOAT32 = Compute(CPU, torch.float32)
BFLOAT16 = Compute(CPU, torch.bfloat16)
TILES = Compute(CPU, torch.bfloat16, int8=True, tiles=True)
NO_TILES = Compute(CPU, torch.bfloat16, int8=True)


@pytest.fixture
def packed(encoder_file):
    state, identity = read_weights(encoder_file, pinned=False)
    return PackedEncoder(network_of(state, encoder_file), identity, BFLOAT16)


@pytest.mark.parametrize(("then", "expected"), [("none", lambda given: given), ("swish", silu)])
def test_a_packed_layer_gives_what_a_layer_gives(then, expected):
    draw = torch.Generator().manual_seed(1)
    weight, bias, tokens = (torch.randn(*size, generator=draw) for size in ((24, 96), (24,), (5, 7, 96)))
    found = PackedLinear(weight, bias, then)(tokens)
    assert found.shape == (5, 7, 24)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), expected(tokens @ weight.T + bias), rtol=0.02, atol=0.15)


def test_every_tap_is_near_that_of_floats(packed, encoder):
    pictures = reference_pictures(SIDE)
    with torch.inference_mode():
        found, expected = (each.embed_windows(pictures, encoder.taps) for each in (packed, encoder))
    assert cosine_similarity(found, expected, dim=-1).min() > 0.999
    assert not torch.equal(found, expected)


def test_gradients_go_through_the_layers_that_have_them(packed, encoder):
    pictures = [reference_pictures(SIDE).requires_grad_() for _ in range(2)]
    for each, picture in zip((packed, encoder), pictures, strict=True):
        each.embed_windows(picture, ("class-2",))[..., 0].sum().backward()
    found, expected = (picture.grad.flatten() for picture in pictures)
    assert cosine_similarity(found, expected, dim=0) > 0.99


@pytest.mark.usefixtures("tiny_encoder")
def test_a_cpu_that_multiplies_tiles_is_not_given_bytes():
    with pytest.warns(EncoderWarning):
        of_tiles, of_bytes = (load_encoder(compute, int8=True) for compute in (TILES, NO_TILES))
    assert isinstance(of_tiles, PackedEncoder)
    assert isinstance(of_bytes, Int8Encoder)
    assert of_tiles.identity == of_bytes.identity
    assert not isinstance(load_encoder(FLOAT32), PackedEncoder)


@pytest.mark.parametrize(
    ("newest", "tiles"), [("AVX512_CORE_BF16", False), ("ALL", True), ("avx512_core_amx", True)]
)
def test_tiles_are_counted_on_only_where_onednn_may_use_them(monkeypatch, newest, tiles):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True, "amx_int8": True})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", newest)
    assert best_compute().tiles == tiles
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA")
    assert best_compute().tiles
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True, "avx512_vnni": True})
    assert not best_compute().tiles
