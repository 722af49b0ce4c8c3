"""`python -m core faithfulness`: a thin layer over `core.evaluation.faithfulness`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from core.terminal import progress_bar, say


def faithfulness(
    model: Annotated[str, typer.Argument(help="A model's name or folder.")],
    corpus: Annotated[Path, typer.Option(help="The manifest; images of val are used.")] = Path(
        "data/manifest.csv"
    ),
    number: Annotated[int, typer.Option("--images", min=2, help="How many images, half of each label.")] = 60,
) -> None:
    """Measure whether a model's maps show what it judges by; write faithfulness.csv beside its card."""
    from core.corpus import manifest
    from core.corpus.cache import ImageCache
    from core.detectors.store import find_model, load_detector
    from core.evaluation import faithfulness as measuring

    detector, folder = load_detector(model), find_model(model)
    with progress_bar() as bar:
        task = bar.add_task(detector.card.name)
        frame = measuring.measure(
            detector,
            manifest.read(corpus),
            ImageCache.default(corpus),
            number,
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    measuring.write(frame, folder)
    for method, of_method in frame.groupby("method"):
        for name, found in measuring.summary(of_method).items():
            typer.echo(f"{method}, {name}: {found.value:.3f} ({found.low:.3f} to {found.high:.3f})")
    say(f"Wrote {folder / measuring.FAITHFULNESS_FILE}: {number} images of {measuring.SPLIT}.")
