"""`python -m core cascade`: a thin layer over `core.training.cascade`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from core.terminal import console


def cascade(
    output: Annotated[Path, typer.Option(help="The model's folder.")] = Path("models/cascade"),
    fast: Annotated[
        str | None, typer.Option(help="Judges first; by default verso-fast, else resnet18-finetune.")
    ] = None,
    thorough: Annotated[str, typer.Option(help="Judges what the fast one is not sure of.")] = "verso",
) -> None:
    """Make a model of two: choose from their predictions of val when the thorough one is asked."""
    from core.training.cascade import fast_model, fit_cascade

    choice = fit_cascade(fast or fast_model(), thorough, output)
    console.print(
        f"Wrote {output}. Of {choice.images} images of val, {choice.passed_on:.1%} are passed on (fast p_ai from "
        f"{choice.human_below:.6f} to {choice.ai_above:.6f}); {choice.different:.2%} get another verdict than "
        f"{thorough}'s, {choice.called_ai} of them 'ai'. Next: python -m core evaluate {output}"
    )
