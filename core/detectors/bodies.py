"""Bodies of ResNet-18 that others trained: where they are found, and how one is told from another.

They are never shipped. A model whose body was not trained here carries only its head, and the digest of the body
it needs.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torchvision.models import ResNet, ResNet18_Weights

from core.errors import ModelError
from core.named_paths import named_path

VARIABLE = "VERSO_INIT"
TORCHVISION = ResNet18_Weights.IMAGENET1K_V1
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


def is_on_this_computer() -> bool:
    """Whether `read_body(chosen_file())` needs no download."""
    return (chosen_file() or _kept_by_torchvision()).is_file()


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
