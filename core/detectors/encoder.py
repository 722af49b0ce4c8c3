"""The encoder: a frozen foundation vision model whose embeddings classical models judge.

CLIP ViT-B/16 (Radford et al., Learning Transferable Visual Models From Natural Language Supervision, 2021).
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, normalize

from core.detectors.encoder_int8 import Int8Layer
from core.detectors.encoder_packed import packed_layer
from core.detectors.encoder_weights import HOW_TO_GET, State, chosen_weights, read_weights
from core.detectors.precision import Compute, best_compute, cast_once
from core.detectors.preprocessing import Preprocessing
from core.detectors.taps import (
    JUST_POOLED,
    POOLED,
    READINGS,
    all_taps,
    last_layer,
    reads_class_alone,
    require_taps,
)
from core.errors import EncoderError, EncoderWarning
from core.images import Artwork

if TYPE_CHECKING:
    from transformers import CLIPVisionConfig, CLIPVisionModel
    from transformers.models.clip.modeling_clip import CLIPEncoderLayer

HEAD_WIDTH = 64
"""Channels of one attention head in every CLIP vision transformer."""

REFERENCE_FILE = Path(__file__).parent / "encoder_reference.csv"
REFERENCE_PICTURES = 3
REFERENCE_COSINE = 0.998
"""Least accepted cosine similarity with the reference embeddings; bfloat16 alone stays above 0.9995."""

BATCH = 8
"""Windows that pass through together: what is between layers is then still near the processor."""

CLIP_PREPROCESSING = Preprocessing(
    short_side=224,
    window=224,
    mean=(0.48145466, 0.4578275, 0.40821073),
    std=(0.26862954, 0.26130258, 0.27577711),
)
"""One centred window with the channel means and deviations CLIP was trained with."""


class Embedder(Protocol):
    """What turns pictures into embeddings."""

    @property
    def identity(self) -> str:
        """What models are fitted on: the digest of the weights, and how they are rounded."""
        ...

    @property
    def remembered_as(self) -> str:
        """What changes whenever its embeddings would."""
        ...

    @property
    def size(self) -> int:
        """Length of what one tap gives."""
        ...

    @property
    def taps(self) -> tuple[str, ...]:
        """Every tap it has."""
        ...

    def embed(
        self, artworks: Sequence[Artwork], preprocessing: Preprocessing, taps: tuple[str, ...] = JUST_POOLED
    ) -> NDArray[np.float32]:
        """Return float32 `[N, len(taps) * size]`, what each tap gives of length 1."""
        ...

    def embed_each(self, windows: Sequence[Tensor], taps: tuple[str, ...]) -> NDArray[np.float32]:
        """Return the same for pictures given as their windows, each float32 `[n, 3, side, side]`."""
        ...


class Encoder:
    """A loaded vision tower, safe to share between threads.

    `size` is the length of what one tap gives, `taps` names every tap (see `core.detectors.taps`), `side` is
    the width and height in pixels of the window the network takes, `identity` the digest of the weights and
    `remembered_as` that and its device and number formats, or those of another encoder that it stands in for.
    """

    def __init__(self, network: CLIPVisionModel, identity: str, compute: Compute | None = None) -> None:
        self.compute = compute or best_compute()
        self.identity, self.remembered_as = identity, f"{identity} {self.compute}"
        self.size = int(network.config.hidden_size)
        self.side = cast("int", network.config.image_size)
        self.layers = len(network.encoder.layers)
        self.taps = all_taps(self.layers)
        tower: nn.Module = network
        tower = cast_once(tower.eval().to(self.compute.device), self.compute.dtype)
        self.network = cast("CLIPVisionModel", tower)
        self.network.requires_grad_(requires_grad=False)

    def embed_windows(self, batch: Tensor, taps: tuple[str, ...] = JUST_POOLED) -> Tensor:
        """Return what taps give for windows: float32 `[N, len(taps), size]` for `[N, 3, side, side]`.

        Layers behind the last of the taps do not run. Differentiable, and not normalised.

        Raises:
            EncoderError: if there is no such tap, or the windows have another size than the network takes.
        """
        if batch.shape[-1] != self.side:
            raise EncoderError(
                f"The encoder takes windows of {self.side} pixels, but was given windows of {batch.shape[-1]}; "
                f"set the window of the preprocessing, and the size of augmented views, to {self.side}."
            )
        require_taps(taps, self.taps)
        found: dict[str, Tensor] = {}
        with self.compute.autocast:
            first = self.network.pre_layrnorm(self.network.embeddings(batch.to(self.compute.device)))
            hidden = first
            for number, hidden in enumerate(self._after_layers(first, taps), start=1):
                wanted = {tap: kind for kind in READINGS if (tap := f"{kind}-{number}") in taps}
                tokens = hidden.float() if wanted else hidden
                found |= {tap: READINGS[kind](tokens) for tap, kind in wanted.items()}
            if POOLED in taps:
                found[POOLED] = self.network.post_layernorm(hidden[:, 0])
        return torch.stack([found[tap].float() for tap in taps], dim=1)

    def to_follow(self) -> Encoder:
        """Return an encoder of the same weights whose passes have gradients."""
        return self

    def _after_layers(self, hidden: Tensor, taps: tuple[str, ...]) -> Iterator[Tensor]:
        """Give the hidden states `[N, 1 + patches, size]` after each layer up to the last that `taps` read."""
        for layer in self._running(hidden)[: last_layer(taps, self.layers)]:
            hidden = layer(hidden, None)
            yield hidden

    def _running(self, hidden: Tensor) -> nn.ModuleList:  # noqa: ARG002
        """Return the layers that `hidden` goes through."""
        return self.network.encoder.layers

    def embed(
        self,
        artworks: Sequence[Artwork],
        preprocessing: Preprocessing = CLIP_PREPROCESSING,
        taps: tuple[str, ...] = JUST_POOLED,
    ) -> NDArray[np.float32]:
        """Embed artworks: what `joined` makes of an artwork's windows.

        Returns:
            float32 `[N, len(taps) * size]`, what each tap gives of Euclidean length 1.

        Raises:
            EncoderError: if `preprocessing` makes windows of another size than the network takes, or there is
                no such tap.
        """
        return self.embed_each([preprocessing.tensor(artwork.image) for artwork in artworks], taps)

    def embed_each(self, windows: Sequence[Tensor], taps: tuple[str, ...]) -> NDArray[np.float32]:
        """Embed pictures given as their windows, each float32 `[n, 3, side, side]`; see `embed`."""
        if not windows:
            return np.empty((0, len(taps) * self.size), np.float32)
        with torch.inference_mode():
            found = torch.cat(
                [self.embed_windows(part, taps) for part in torch.split(torch.cat(list(windows)), BATCH)]
            )
        of_each = torch.split(found, [len(each) for each in windows])
        return torch.stack([joined(each) for each in of_each]).cpu().numpy()


class PackedEncoder(Encoder):
    """The encoder with its layers in bfloat16 as oneDNN likes them, see `core.detectors.encoder_packed`.

    Passes that are to have gradients go through the layers of the network.

    Args:
        network: in float32.
        identity: digest of the weights.
        compute: a CPU's, in bfloat16.
    """

    def __init__(self, network: CLIPVisionModel, identity: str, compute: Compute) -> None:
        packed = [packed_layer(cast("CLIPEncoderLayer", layer)) for layer in network.encoder.layers]
        super().__init__(network, identity, compute)
        self._packed = nn.ModuleList(packed).eval().requires_grad_(requires_grad=False)

    def _running(self, hidden: Tensor) -> nn.ModuleList:
        return super()._running(hidden) if hidden.requires_grad else self._packed


class Int8Encoder(Encoder):
    """The encoder with its layers in 8-bit integers, see `core.detectors.encoder_int8`; all else runs in float32.

    Its passes have no gradients. Which channels are outliers is seen in the reference pictures.

    Args:
        network: in float32; its layers are taken out of it.
        identity: digest of the weights.
    """

    def __init__(self, network: CLIPVisionModel, identity: str) -> None:
        super().__init__(network, in_int8(identity), Compute(torch.device("cpu"), torch.float32))
        layers = [cast("CLIPEncoderLayer", layer) for layer in self.network.encoder.layers]
        norms: list[nn.Module] = [norm for layer in layers for norm in (layer.layer_norm1, layer.layer_norm2)]
        with torch.inference_mode():
            extents = iter(self._extents(norms))
            self._int8 = [Int8Layer(layer, next(extents), next(extents)) for layer in layers]
        self.network.encoder.layers = nn.ModuleList()

    def to_follow(self) -> Encoder:
        """Return the encoder of this computer that has gradients."""
        return load_encoder()

    def _extents(self, norms: Sequence[nn.Module]) -> list[Tensor]:
        """Return the largest magnitude of each channel of what norms give for the reference pictures: `[size]` each."""
        given: dict[nn.Module, Tensor] = {}
        hooks = [
            norm.register_forward_hook(lambda norm, _, out: given.update({norm: out.abs().amax((0, 1))}))
            for norm in norms
        ]
        for _ in super()._after_layers(
            self.network.pre_layrnorm(self.network.embeddings(reference_pictures(self.side))), JUST_POOLED
        ):
            pass
        for hook in hooks:
            hook.remove()
        return [given[norm] for norm in norms]

    def _after_layers(self, hidden: Tensor, taps: tuple[str, ...]) -> Iterator[Tensor]:
        """Give the same; of the last layer the class token alone, if nothing else is read there."""
        last = last_layer(taps, self.layers)
        for layer in self._int8[: last - 1]:
            hidden = layer(hidden)
            yield hidden
        yield self._int8[last - 1](hidden, wanted=1 if reads_class_alone(taps, last) else None)


def in_int8(identity: str) -> str:
    """Return the identity of an encoder whose layers are in 8-bit integers where the CPU multiplies these natively."""
    return f"{identity}:int8"


def joined(windows: Tensor) -> Tensor:
    """Return the embedding of a picture from its windows': `[taps * size]` for `[n, taps, size]`.

    What a tap gives is averaged over the windows and scaled to length 1, then the taps are concatenated.
    """
    return normalize(windows.mean(dim=0), dim=-1).flatten()


def load_encoder(compute: Compute | None = None, *, int8: bool = False) -> Encoder:
    """Return the encoder of this computer, loaded once and shared by all who ask for the same.

    Args:
        compute: where and in which precision it runs; by default the best this machine has.
        int8: whether its layers are to be in 8-bit integers, if `compute` allows it and is not faster without. If not,
            they run in the precision of `compute`, under the same identity; what they give is remembered as that
            of the encoder that stands in.

    Raises:
        EncoderError: if its weights are missing, damaged, of another kind of network, or, when they come from
            the cache, give other embeddings than the reference.

    Warns:
        EncoderWarning: if the weights `VERSO_ENCODER` names give other embeddings than the reference.
    """
    path, pinned = chosen_weights()
    compute = compute or best_compute()
    if int8 and compute.int8 and not compute.tiles:
        return _shared_int8(path, pinned)
    encoder = _shared(path, pinned, compute)
    if int8:
        encoder = copy.copy(encoder)
        encoder.identity = in_int8(encoder.identity)
    return encoder


@lru_cache(maxsize=2)
def _shared(path: Path, pinned: bool, compute: Compute) -> Encoder:
    state, identity = read_weights(path, pinned=pinned)
    network = network_of(state, path)
    encoder = (PackedEncoder if compute.packs else Encoder)(network, identity, compute)
    _compare_with_reference(encoder, path, pinned=pinned)
    return encoder


@lru_cache(maxsize=1)
def _shared_int8(path: Path, pinned: bool) -> Encoder:
    state, identity = read_weights(path, pinned=pinned)
    encoder = Int8Encoder(network_of(state, path), identity)
    _compare_with_reference(encoder, path, pinned=pinned)
    return encoder


def network_of(state: State, path: Path) -> CLIPVisionModel:
    """Return the vision tower whose size the tensors of `state` tell.

    Raises:
        EncoderError: if tensors are missing, unknown or of the wrong shape; the message names `path`.
    """
    from transformers import CLIPVisionModel

    try:
        network = CLIPVisionModel(_config(state))
        network.load_state_dict(state)
    except (KeyError, RuntimeError, ValueError) as error:
        raise EncoderError(
            f"{path} holds no CLIP vision transformer ({str(error).splitlines()[0]}); {HOW_TO_GET}."
        ) from error
    return network


def _config(state: State) -> CLIPVisionConfig:
    from transformers import CLIPVisionConfig

    width, _, patch, _ = state["embeddings.patch_embedding.weight"].shape
    positions = len(state["embeddings.position_embedding.weight"]) - 1
    layers = {name.split(".")[2] for name in state if name.startswith("encoder.layers.")}
    return CLIPVisionConfig(
        hidden_size=width,
        intermediate_size=len(state["encoder.layers.0.mlp.fc1.bias"]),
        num_hidden_layers=len(layers),
        num_attention_heads=width // HEAD_WIDTH,
        image_size=patch * math.isqrt(positions),
        patch_size=patch,
        hidden_act="quick_gelu",
    )


def reference_pictures(side: int) -> Tensor:
    """Draw the pictures the reference embeddings are of: float32 `[REFERENCE_PICTURES, 3, side, side]`.

    Waves of different length and direction in each channel, about as bright as normalised photographs; made
    by arithmetic alone, so that no image library can change them.
    """
    y, x = np.mgrid[0:side, 0:side] / side
    pictures = [
        [np.sin(2 * np.pi * ((n + 1) * x * (c + 1) + (3 - n) * y * (2 * c + 1)) + n + c) for c in range(3)]
        for n in range(REFERENCE_PICTURES)
    ]
    return torch.from_numpy(np.array(pictures, np.float32))


def reference_embeddings(encoder: Encoder) -> NDArray[np.float32]:
    """Embed the reference pictures: float32 `[REFERENCE_PICTURES, size]`, each row of length 1."""
    with torch.inference_mode():
        pooled = encoder.embed_windows(reference_pictures(encoder.side))[:, 0]
    return normalize(pooled, dim=1).cpu().numpy()


def write_reference(encoder: Encoder) -> None:
    """Replace the reference embeddings kept in the repository by those of `encoder`."""
    np.savetxt(REFERENCE_FILE, reference_embeddings(encoder), fmt="%.5f", delimiter=",")


def reference_similarity(encoder: Encoder) -> float:
    """Return the least cosine similarity of `encoder` with the reference embeddings; 0 if sizes differ."""
    kept = np.loadtxt(REFERENCE_FILE, dtype=np.float32, delimiter=",")
    found = reference_embeddings(encoder)
    if found.shape != kept.shape:
        return 0.0
    return float(cosine_similarity(torch.from_numpy(found), torch.from_numpy(kept)).min())


def _compare_with_reference(encoder: Encoder, path: Path, *, pinned: bool) -> None:
    similarity = reference_similarity(encoder)
    if similarity >= REFERENCE_COSINE:
        return
    found = (
        f"The encoder's weights {path} give other embeddings than the reference (cosine similarity "
        f"{similarity:.4f} instead of at least {REFERENCE_COSINE})"
    )
    if pinned:
        raise EncoderError(f"{found}; install the pinned versions of requirements.txt.")
    warnings.warn(
        f"{found}; models fitted on the reference may misjudge: refit them with `python -m core train RECIPE --corpus "
        "data/manifest.csv --output FOLDER`.",
        EncoderWarning,
        stacklevel=2,
    )
