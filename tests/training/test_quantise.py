import shutil

import numpy as np
import onnxruntime
import pytest
import torch

from core.corpus import manifest
from core.detectors.card import read_card, write_card
from core.detectors.int8 import Int8Body, bordered
from core.detectors.int8_graph import BORDERED, FEATURES, cut
from core.detectors.precision import Compute, best_compute
from core.detectors.store import load_detector, what_is_missing
from core.errors import ModelError, UnfitModelError, WrongUsageError
from core.evaluation.measured import UNPERTURBED, is_current
from tests.commands import invoke, run_cli

FLOAT32 = Compute(torch.device("cpu"), torch.float32)
INT8 = Compute(torch.device("cpu"), torch.float32, int8=True)


@pytest.fixture(scope="module")
def rounded(workshop, tiny_model, tmp_path_factory):
    """A copy of the tiny model with 8-bit weights beside its own."""
    folder = shutil.copytree(tiny_model, tmp_path_factory.mktemp("rounded") / "tiny")
    run_cli("quantise", str(folder), "--corpus", str(workshop.manifest))
    return folder


@pytest.fixture
def copy(rounded, tmp_path):
    return shutil.copytree(rounded, tmp_path / "tiny")


@pytest.mark.skipif(not best_compute().int8, reason="this processor does not multiply bytes natively")
def test_in_8_bits_a_network_says_what_it_says_in_float32(rounded, artworks):
    exact, fast = (load_detector(str(rounded), each).raw_margins(artworks) for each in (FLOAT32, INT8))
    assert 0 < np.abs(exact - fast).max() < 0.1 * np.ptp(exact)


def test_in_8_bits_nothing_depends_on_the_batch(rounded, artworks):
    detector = load_detector(str(rounded), INT8)
    alone = np.concatenate([detector.raw_margins([artwork]) for artwork in artworks])
    np.testing.assert_allclose(detector.raw_margins(artworks), alone, atol=1e-5)


def test_where_bytes_are_not_multiplied_natively_the_weights_judge_as_before(rounded, tiny_model, artworks):
    before, after = (load_detector(str(folder), FLOAT32) for folder in (tiny_model, rounded))
    np.testing.assert_array_equal(before.predict(artworks), after.predict(artworks))


def test_the_same_weights_and_corpus_give_the_same_file(copy, workshop):
    before = read_card(copy)
    run_cli("quantise", str(copy), "--corpus", str(workshop.manifest))
    assert read_card(copy) == before
    assert b"quantise.py" not in (copy / "int8.onnx").read_bytes()  # nothing of the computer it was made on


def test_only_pictures_of_train_are_looked_at(rounded, tiny_model, workshop, tmp_path):
    frame = manifest.read(workshop.manifest).frame
    (tmp_path / "images").mkdir()
    for sha256 in frame.loc[frame["split"] == "train", "sha256"]:
        part = tmp_path / "images" / sha256[:2]
        part.mkdir(exist_ok=True)
        shutil.copy(workshop.folder / "images" / sha256[:2] / f"{sha256}.jpg", part)
    shutil.copy(workshop.manifest, tmp_path)
    folder = shutil.copytree(tiny_model, tmp_path / "tiny")
    run_cli("quantise", str(folder), "--corpus", str(tmp_path / "manifest.csv"))
    assert read_card(folder).weights == read_card(rounded).weights


def test_what_was_measured_before_holds_no_longer(rounded, tiny_model):
    assert is_current(read_card(tiny_model), UNPERTURBED)
    assert not is_current(read_card(rounded), UNPERTURBED)


def test_a_model_that_brings_only_its_head_is_refused(copy, workshop):
    card = read_card(copy)
    headed = card.weights.model_copy(update={"body": "0" * 64, "int8": None})
    write_card(card.model_copy(update={"weights": headed}), copy)
    result = invoke("quantise", str(copy), "--corpus", str(workshop.manifest))
    assert isinstance(result.exception, UnfitModelError)
    assert isinstance(result.exception, WrongUsageError)
    assert "no body of its own" in str(result.exception)


def test_missing_8_bit_weights_are_named(copy):
    (copy / "int8.onnx").unlink()
    assert "8-bit weights int8.onnx are not there" in what_is_missing(read_card(copy), copy)
    with pytest.raises(
        ModelError, match=r"8-bit weights .*int8\.onnx are missing; .*`python -m core quantise "
    ):
        load_detector(str(copy), INT8)


def test_8_bit_weights_of_another_model_are_refused(copy):
    data = bytearray((copy / "int8.onnx").read_bytes())
    data[-1] ^= 1
    (copy / "int8.onnx").write_bytes(data)
    with pytest.raises(ModelError, match=r"int8\.onnx does not belong to its card"):
        load_detector(str(copy), INT8)


def test_each_step_gives_what_onnx_runtime_gives(rounded, artworks):
    graph = (rounded / "int8.onnx").read_bytes()
    preprocessing = read_card(rounded).preprocessing
    crops = torch.cat([preprocessing.crops(artwork.image) for artwork in artworks])
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    expected = session.run([FEATURES], {BORDERED: bordered(crops, preprocessing.mean).numpy()})[0]
    found = Int8Body(graph, preprocessing.mean)(crops).numpy()
    assert found.shape == expected.shape
    # A sum is rounded once here, and twice by ONNX Runtime.
    assert np.abs(found - expected).mean() < 0.05 * expected.mean()
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.99


def test_squares_are_cut_as_the_weights_of_the_first_layer_were():
    pixels = torch.arange(2 * 3 * 4 * 6).to(torch.uint8).reshape(2, 3, 4, 6)
    squares = cut(pixels, side=2)
    assert squares.shape == (2, 12, 2, 3)
    assert squares[1, :, 1, 2].tolist() == pixels[1, :, 2:4, 4:6].permute(1, 2, 0).flatten().tolist()
