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
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType, quantize_static
from onnxruntime.quantization.preprocess import quant_pre_process
from torch import nn
from torch.nn import functional as F  # noqa: N812  (torch's own convention)

from core import atomic, images
from core.corpus.cache import ImageCache
from core.corpus.manifest import Manifest
from core.detectors.card import Card, Int8Weights, read_card, write_card
from core.detectors.int8 import INT8_FILE, bordered
from core.detectors.int8_graph import BORDERED, FEATURES, cut
from core.detectors.precision import Compute
from core.detectors.preprocessing import Preprocessing
from core.detectors.resnet import folded, load_resnet
from core.errors import TrainingError, UnfitModelError

WORKS = 96
"""Training pictures whose activations are looked at; all are held in memory, some 40 MB each."""
PERCENTILE = 99.999
"""Of each layer's activations that stay within its range; those beyond are cut off."""
SQUARE: Final = 2
"""Side in pixels of the squares into which windows are cut."""
SQUARES: Final = "squares"
"""Name of the input of the graph before it is rounded."""
LEVELS: Final = 127
"""Of a weight in 8 bits, beside 0, on either side."""
SMALLEST: Final = 1e-12
"""That the largest weight of a channel counts for at least: some channels have none."""
AS_THEY_ARE: Final = {
    SQUARES: [
        {
            "scale": np.array(1, np.float32),
            "zero_point": np.array(0, np.uint8),
            "quant_type": QuantType.QUInt8,
        }
    ]
}
"""Grey levels are bytes before they are rounded."""

Input = dict[str, NDArray[np.float32]]


class _Windows(CalibrationDataReader):  # type: ignore[misc]
    """Gives the windows of pictures as ONNX Runtime asks for them."""

    def __init__(self, inputs: Iterator[Input]) -> None:
        self._inputs = inputs

    def get_next(self) -> Input | None:
        return next(self._inputs, None)


def _of_squares(body: nn.Module, preprocessing: Preprocessing) -> nn.Module:
    """Return `body` with another first layer, which takes bordered windows as they are, cut into squares of 2 x 2 pixels.

    The layer's 7 x 7 weights, with a row and a column of zeros, are cut as the pixels are, so that a processor reads longer
    runs of bytes. What normalisation takes from a pixel and divides it by goes into its bias and its weights; these are
    rounded first, for what rounding does to a weight counts as often as the mean colour has grey levels.
    """
    name, first = next((name, layer) for name, layer in body.named_modules() if isinstance(layer, nn.Conv2d))
    mean, std = (torch.tensor(each)[None, :, None, None] for each in (preprocessing.mean, preprocessing.std))
    weight = F.pad(first.weight.detach() / (255 * std), (0, 1, 0, 1))
    step = weight.abs().amax(dim=(1, 2, 3), keepdim=True).clamp(min=SMALLEST) / LEVELS
    weight = (weight / step).round() * step
    layer = nn.Conv2d(first.in_channels * SQUARE**2, first.out_channels, weight.shape[-1] // SQUARE)
    bias = first.state_dict()["bias"] - (weight * 255 * mean).sum(dim=(1, 2, 3))
    layer.load_state_dict({"weight": cut(weight, SQUARE), "bias": bias})
    body.set_submodule(name, layer)
    return body.eval()


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
        TrainingError: if there are no pictures to look at.
        UnfitModelError: if the model is no ResNet-18 with a body of its own.
    """
    card = read_card(folder)
    if card.family != "resnet18" or card.weights.body is not None:
        raise UnfitModelError(
            f"'{card.name}' has no body of its own to round to 8 bits: name a ResNet-18 all of whose layers were trained."
        )
    hashes = corpus.frame.loc[corpus.frame["split"] == "train", "sha256"]
    if hashes.empty:
        raise TrainingError(f"{corpus.path} lists no pictures of split train to find the ranges on.")
    chosen = hashes.sample(min(WORKS, len(hashes)), random_state=card.seed)
    detector = load_resnet(card, folder, Compute(torch.device("cpu"), torch.float32))
    body = folded(detector.network.to(memory_format=torch.contiguous_format))
    inputs = _inputs(card, list(cache.paths(chosen)), progress)
    graph = _rounded(_of_squares(body, card.preprocessing), inputs)
    atomic.write(folder / INT8_FILE, graph)
    int8 = Int8Weights(file=INT8_FILE, sha256=hashlib.sha256(graph).hexdigest())
    card = card.model_copy(update={"weights": card.weights.model_copy(update={"int8": int8})})
    write_card(card, folder)
    return card


def _inputs(card: Card, paths: Sequence[Path], progress: Callable[[int, int], None]) -> Iterator[Input]:
    """Give one window at a time: ONNX Runtime wants them all in equal numbers, and pictures differ in how many they have."""
    for done, path in enumerate(paths, start=1):
        crops = card.preprocessing.crops(images.open(path).image)
        windows = cut(bordered(crops, card.preprocessing.mean), SQUARE).float()
        yield from ({SQUARES: window[None].numpy()} for window in windows)
        progress(done, len(paths))


def _rounded(network: nn.Module, inputs: Iterator[Input]) -> bytes:
    """Return the graph of `network` in 8 bits; it takes any number of windows of the size of those in `inputs`."""
    first = next(inputs)
    with tempfile.TemporaryDirectory() as place:
        exact, prepared, rounded = (
            Path(place) / name for name in ("exact.onnx", "prepared.onnx", "rounded.onnx")
        )
        torch.onnx.export(
            network,
            (torch.from_numpy(first[SQUARES]).expand(2, -1, -1, -1),),
            exact,
            input_names=[SQUARES],
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
                _Windows(chain([first], inputs)),
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.Percentile,
                extra_options={"CalibPercentile": PERCENTILE, "TensorQuantOverrides": AS_THEY_ARE},
            )
        return _plain(_of_bytes(onnx.load(rounded)))


def _of_bytes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Let a graph take whole windows as bytes, where it takes squares as float and turns them into bytes."""
    graph = model.graph
    rounding = next(node for node in graph.node if node.input[0] == SQUARES)
    cutting = onnx.helper.make_node("SpaceToDepth", [BORDERED], [rounding.output[0]], blocksize=SQUARE)
    graph.node.insert(list(graph.node).index(rounding), cutting)
    graph.node.remove(rounding)
    graph.input[0].CopyFrom(
        onnx.helper.make_tensor_value_info(
            BORDERED, onnx.TensorProto.UINT8, ["n", "channels", "rows", "columns"]
        )
    )
    return model


def _plain(model: onnx.ModelProto) -> bytes:
    """Return the bytes of a graph, the same for the same graph: attributes in order, nothing about who exported it."""
    for node in model.graph.node:
        attributes = sorted(node.attribute, key=lambda attribute: attribute.name)
        node.ClearField("attribute")
        node.attribute.extend(attributes)
        node.ClearField("metadata_props")
    graph: bytes = model.SerializeToString(deterministic=True)
    return graph
