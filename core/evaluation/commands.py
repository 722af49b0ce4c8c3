"""`python -m core faithfulness` and `corpus leaks`: thin layers over functions that look at models."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from core.corpus.commands import ManifestFile
from core.terminal import progress_bar, say, show
from core.usage import USUAL_MANIFEST, a_file_to_write, a_name, expect_writable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.progress import Progress, TaskID

    from core.corpus.leakage import LeakReport, Prepare
    from core.detectors.preprocessing import Preprocessing
    from core.images import Artwork


Fed = tuple["Preprocessing", bool]
"""How a model prepares pictures, and whether it makes forensic features of them."""


def faithfulness(
    model: Annotated[str, typer.Argument(help="A model's name or folder.", parser=a_name)],
    corpus: Annotated[Path, typer.Option(help="The manifest; images of val are used.")] = Path(
        USUAL_MANIFEST
    ),
    number: Annotated[
        int, typer.Option("--images", min=2, help="How many images, an even number: half of each label.")
    ] = 60,
) -> None:
    """Measure whether a model's maps show what it judges by; write faithfulness.csv beside its card."""
    from core.corpus import manifest
    from core.corpus.cache import ImageCache
    from core.detectors.store import find_model, load_detector
    from core.evaluation import faithfulness as measuring
    from core.evaluation.tables import cell

    if number % 2:
        raise typer.BadParameter(
            "half of the images are of each label: give an even number", param_hint="--images"
        )
    folder = find_model(model)
    expect_writable(folder)
    detector = load_detector(model)
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
            typer.echo(f"{method}, {name}: {cell(found)}")
    say(
        f"Wrote {folder / measuring.FAITHFULNESS_FILE}: {frame['sha256'].nunique()} images of {measuring.SPLIT}."
    )


def leaks(
    path: ManifestFile,
    model: Annotated[
        list[str] | None,
        typer.Option(help="A model whose input is judged, by name or folder; by default every model."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            help="A file for the findings; the dashboard shows data/leaks.json.",
            parser=a_file_to_write,
            metavar="<path>",
        ),
    ] = None,
) -> None:
    """Ring the leak alarm if metadata alone tells the labels apart in what a model is fed; exit 1 if it does.

    Models that prepare pictures in the same way are judged together. The originals and the files as they are come
    first, for comparison: there it is expected to ring.
    """
    from core.corpus import leak_findings, leakage, manifest
    from core.corpus.cache import ImageCache
    from core.detectors.store import model_names

    listed, cache = manifest.read(path), ImageCache.default(path)
    prepared = _alike(model or model_names())
    reports = [leakage.of_originals(listed)]
    with progress_bar() as bar:
        task = bar.add_task("reading the files")
        reports.append(
            leakage.of_files(listed, cache, lambda done, total: bar.update(task, completed=done, total=total))
        )
        for fed, names in prepared.items():
            task = bar.add_task(f"preparing as {names[0]} does")
            reports.append(
                leakage.of_fed(
                    listed,
                    cache,
                    _input_of(*fed),
                    partial(_advance, bar, task),
                    names,
                )
            )
    for report in reports:
        typer.echo(report.sentence)
        show(_findings(report))
    findings = leak_findings.LeakFindings(listed.version, reports)
    if output is not None:
        leak_findings.write(findings, output)
        typer.echo(f"Wrote {output}.")
    if any(report.verdict == "rings" for report in findings.fed):
        raise typer.Exit(1)


def _advance(bar: Progress, task: TaskID, done: int, total: int) -> None:
    bar.update(task, completed=done, total=total)


def _alike(models: list[str]) -> dict[Fed, list[str]]:
    """Group models by how they prepare pictures, before the normalisation; the default model's group comes first."""
    from core.detectors.features import ForensicFeatures
    from core.detectors.store import DEFAULT_MODEL, load_card

    groups: dict[Fed, list[str]] = {}
    for name in sorted(models, key=lambda name: (name != DEFAULT_MODEL, name)):
        card = load_card(name)
        as_levels = card.preprocessing.model_copy(
            update={"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0), "decoded_side": None}
        )
        fed = as_levels, isinstance(card.features, ForensicFeatures)
        groups.setdefault(fed, []).append(Path(name).name)
    return groups


def _input_of(preprocessing: Preprocessing, forensic: bool) -> Prepare:
    """What a model is fed: a `forensic` one the square it measures, a network its windows before the normalisation.

    Windows that coincide are computed once but stand for as many as the card says: the network judges each by
    itself and their average is the same, so they are put back here.
    """
    import numpy as np

    from core.detectors.forensic import centre_square

    if forensic:
        return lambda artwork: centre_square(artwork.image, preprocessing)[None]
    mean, std = np.array(preprocessing.mean), np.array(preprocessing.std)

    def prepare(artwork: Artwork) -> NDArray[np.uint8]:
        normalised = preprocessing.tensor(artwork.image).permute(0, 2, 3, 1).numpy()
        fed: NDArray[np.uint8] = np.rint((normalised * std + mean) * 255).astype(np.uint8)
        return np.resize(fed, (preprocessing.windows, *fed.shape[1:]))

    return prepare


def _findings(report: LeakReport) -> Table:
    grid = Table("split or feature alone", "AUC")
    for split, auc in report.by_split.items():
        grid.add_row(f"{split}, all features", str(auc))
    for feature, value in report.alone.items():
        grid.add_row(f"{report.judged_on}, {feature}", f"{value:.3f}")
    return grid
