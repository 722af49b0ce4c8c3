"""Rounds the body of a trained network to 8 bits; `core.detectors.int8` runs what comes out.

Weights get a scale for each channel, activations one for each layer, from the range they have on training pictures
(post-training static quantisation by ONNX Runtime; Nagel et al., A White Paper on Neural Network Quantization, 2021).
"""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType, quantize_static
from onnxruntime.quantization.preprocess import quant_pre_process
from torch import Tensor, nn

from core import images
from core.corpus import atomic
from core.corpus.cache import ImageCache
from core.corpus.manifest import Manifest
from core.detectors.card import Card, Int8Weights, read_card, write_card
from core.detectors.int8 import CROPS, FEATURES, INT8_FILE
from core.detectors.precision import Compute
from core.detectors.preprocessing import Preprocessing
from core.detectors.resnet import folded, load_resnet
from core.errors import TrainingError

WORKS = 96
"""Training pictures whose activations are looked at; all are held in memory, some 40 MB each."""
PERCENTILE = 99.999
"""Of each layer's activations that stay within its range; those beyond are cut off."""

Input = dict[str, NDArray[np.uint8]]


class _Crops(CalibrationDataReader):  # type: ignore[misc]
    """Gives the crops of pictures as ONNX Runtime asks for them."""

    def __init__(self, inputs: Iterator[Input]) -> None:
        self._inputs = inputs

    def get_next(self) -> Input | None:
        return next(self._inputs, None)


class _FromCrops(nn.Module):
    """A body that is given windows as grey levels, and normalises them itself."""

    def __init__(self, preprocessing: Preprocessing, body: nn.Module) -> None:
        super().__init__()
        self.preprocessing = preprocessing
        self.body = body
        self.eval()

    def forward(self, crops: Tensor) -> Tensor:
        """Return features `[N, 512]` for uint8 `[N, 3, H, W]`."""
        features: Tensor = self.body(self.preprocessing.normalize(crops))
        return features


def quantise(
    folder: Path,
    corpus: Manifest,
    cache: ImageCache,
    progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
) -> Card:
    """Write 8-bit weights beside those of the ResNet-18 in `folder`, and name them on its card.

    The same weights and corpus give the same file. What was measured before holds no longer: evaluate again.

    Args:
        folder: the model's.
        corpus: the manifest it was trained on; only pictures of `train` are looked at.
        cache: where these are.
        progress: told (pictures looked at, all).

    Raises:
        CorpusError: if pictures are not on this computer.
        ModelError: if the model's weights are missing or are not those of its card.
        TrainingError: if the model is no ResNet-18 with a body of its own, or there are no pictures to look at.
    """
    card = read_card(folder)
    if card.family != "resnet18" or card.weights.body is not None:
        raise TrainingError(
            f"'{card.name}' has no body of its own to round to 8 bits: name a ResNet-18 all of whose layers were trained."
        )
    hashes = corpus.frame.loc[corpus.frame["split"] == "train", "sha256"]
    if hashes.empty:
        raise TrainingError(f"{corpus.path} lists no pictures of split train to find the ranges on.")
    chosen = hashes.sample(min(WORKS, len(hashes)), random_state=card.seed)
    detector = load_resnet(card, folder, Compute(torch.device("cpu"), torch.float32))
    body = folded(detector.network.to(memory_format=torch.contiguous_format))
    inputs = _inputs(card, list(cache.paths(chosen)), progress)
    graph = _rounded(_FromCrops(card.preprocessing, body), card.preprocessing.window, inputs)
    atomic.write(folder / INT8_FILE, graph)
    int8 = Int8Weights(file=INT8_FILE, sha256=hashlib.sha256(graph).hexdigest())
    card = card.model_copy(update={"weights": card.weights.model_copy(update={"int8": int8})})
    write_card(card, folder)
    return card


def _inputs(card: Card, paths: Sequence[Path], progress: Callable[[int, int], None]) -> Iterator[Input]:
    """Give one crop at a time: ONNX Runtime wants them all in equal numbers, and pictures differ in how many they have."""
    for done, path in enumerate(paths, start=1):
        crops = card.preprocessing.crops(images.open(path).image)
        yield from ({CROPS: crop[None].numpy()} for crop in crops)
        progress(done, len(paths))


def _rounded(network: nn.Module, side: int, inputs: Iterator[Input]) -> bytes:
    """Return the graph of `network` in 8 bits; it takes any number of crops of `side` pixels."""
    with tempfile.TemporaryDirectory() as place:
        exact, prepared, rounded = (
            Path(place) / name for name in ("exact.onnx", "prepared.onnx", "rounded.onnx")
        )
        torch.onnx.export(
            network,
            (torch.zeros(2, 3, side, side, dtype=torch.uint8),),
            exact,
            input_names=[CROPS],
            output_names=[FEATURES],
            dynamic_shapes=({0: torch.export.Dim("n")},),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        quant_pre_process(exact, prepared, skip_symbolic_shape=True)
        with redirect_stdout(io.StringIO()):  # it prints what it counts
            quantize_static(
                prepared,
                rounded,
                _Crops(inputs),
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.Percentile,
                extra_options={"CalibPercentile": PERCENTILE},
            )
        return _plain(onnx.load(rounded))


def _plain(model: onnx.ModelProto) -> bytes:
    """Return the bytes of a graph, the same for the same graph: attributes in order, nothing about who exported it."""
    for node in model.graph.node:
        attributes = sorted(node.attribute, key=lambda attribute: attribute.name)
        node.ClearField("attribute")
        node.attribute.extend(attributes)
        node.ClearField("metadata_props")
    graph: bytes = model.SerializeToString(deterministic=True)
    return graph
