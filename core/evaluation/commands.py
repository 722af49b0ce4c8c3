"""`python -m core evaluate`, `compare`, `faithfulness` and `corpus leaks`: thin layers over what measures models."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from core.corpus.commands import ManifestFile
from core.errors import SelectionError
from core.terminal import progress_bar, say, show
from core.usage import USUAL_MANIFEST, a_file_to_write, a_name, expect_writable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.progress import Progress, TaskID

    from core.corpus.leakage import LeakReport, Prepare
    from core.detectors.preprocessing import Preprocessing
    from core.evaluation.selection import Joined, Selection
    from core.images import Artwork


Fed = tuple["Preprocessing", bool]
"""How a model prepares pictures, and whether it makes forensic features of them."""


def evaluate(
    model: Annotated[str, typer.Argument(help="A model's name or folder.", parser=a_name)],
    corpus: Annotated[
        Path | None,
        typer.Option(help="The manifest whose images are judged.", show_default=USUAL_MANIFEST),
    ] = None,
    perturb: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CONDITION",
            help="Measure robustness too, under a perturbation such as jpeg-50, or under 'all'; may be repeated.",
        ),
    ] = None,
    own: Annotated[
        Path | None,
        typer.Option(
            help="Instead: print the figures on a folder or zip of your own, with human and ai in it."
        ),
    ] = None,
) -> None:
    """Judge every validation, test and ood image; write predictions.csv and the figures on the card.

    With --perturb also robustness.csv; the same command again goes on where it stopped. With --own nothing is written:
    the figures on your images are printed.
    """
    from core.corpus import manifest
    from core.corpus.cache import ImageCache
    from core.detectors.store import find_model, load_detector
    from core.evaluation import comparison_report
    from core.evaluation import evaluate as whole
    from core.evaluation.comparison import Comparison
    from core.evaluation.perturbations import chosen
    from core.evaluation.rules import shipped

    if own is not None:
        if perturb or corpus:
            raise typer.BadParameter(
                "--own measures your images as they are; leave --perturb and --corpus out"
            )
        typer.echo(comparison_report.as_markdown(Comparison(_judged([model], own)), shipped([model])))
        return
    conditions = chosen(perturb or ())
    corpus = corpus or Path(USUAL_MANIFEST)
    rows = manifest.read(corpus)
    folder = find_model(model)
    expect_writable(folder)
    detector = load_detector(model)
    name = detector.card.name
    with progress_bar() as bar:
        task = bar.add_task(name, total=None)
        whole.evaluate(
            detector,
            folder,
            rows,
            ImageCache.default(corpus),
            conditions,
            lambda doing, done, total: bar.update(
                task, description=f"{name}: {doing}", completed=done, total=total
            ),
        )
    measured = "predictions.csv, robustness.csv" if conditions else "predictions.csv"
    say(f"Wrote {measured} and the figures of card.toml in {folder}.")


def compare(  # noqa: PLR0913, PLR0917  (one option, one argument)
    models: Annotated[
        list[str], typer.Argument(metavar="MODEL...", help="Names or folders of models.", parser=a_name)
    ],
    split: Annotated[
        list[str] | None, typer.Option(help="A split to compare on; may be repeated. Default: test and ood.")
    ] = None,
    family: Annotated[str, typer.Option(help="Of the ai works, only this generator family.")] = "",
    medium: Annotated[str, typer.Option(help="Of the human works, only this medium.")] = "",
    source: Annotated[str, typer.Option(help="Only images of this source.")] = "",
    condition: Annotated[str, typer.Option(help="After this perturbation, such as jpeg-50.")] = "",
    own: Annotated[
        Path | None, typer.Option(help="Instead: a folder or zip of your own, with human and ai in it.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="One threshold for all models instead of their own.")
    ] = None,
    band: Annotated[
        tuple[float, float] | None, typer.Option(help="Or one band for all: human below, ai above.")
    ] = None,
    corpus: Annotated[
        Path | None,
        typer.Option(help="The manifest the models were evaluated on.", show_default=USUAL_MANIFEST),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write the figures as CSV.")] = False,
) -> None:
    """Print models side by side on the same images: figures with 95 % intervals, paired tests, matrices."""
    from core.evaluation import comparison_report, rules
    from core.evaluation.comparison import Comparison
    from core.evaluation.selection import Selection
    from core.verdict import Thresholds

    if threshold is not None and band is not None:
        raise typer.BadParameter("give --threshold or --band, not both")
    if as_json and as_csv:
        raise typer.BadParameter("give --json or --csv, not both")
    if own is not None and (split or family or medium or source or condition or corpus):
        raise typer.BadParameter("--own compares on your images; leave the options that choose others out")
    at: dict[str, rules.Rule] = rules.shipped(models)
    if threshold is not None:
        at = rules.the_same(at, rules.Cut(threshold))
    elif band is not None:
        if not 0 <= band[0] <= band[1] <= 1:
            raise typer.BadParameter(
                f"{band[0]:g} {band[1]:g} is no band: give two numbers from 0 to 1, the lower one first.",
                param_hint="--band",
            )
        at = rules.the_same(at, Thresholds(*band))
    if own is None:
        joined = _chosen(
            models,
            [Selection(name, family, medium, source, condition) for name in split or ("test", "ood")],
            corpus or Path(USUAL_MANIFEST),
            every=bool(split),
        )
    else:
        joined = [_judged(models, own)]
    comparisons = [Comparison(each) for each in joined]
    if as_json:
        typer.echo(comparison_report.as_json(comparisons, at))
    elif as_csv:
        typer.echo(comparison_report.as_csv(comparisons, at), nl=False)
    else:
        typer.echo("\n\n".join(comparison_report.as_markdown(each, at) for each in comparisons))


def _chosen(models: list[str], selections: list[Selection], corpus: Path, *, every: bool) -> list[Joined]:
    """Read what models said of the images of selections; unless `every` one is wanted, leave out those that fit none.

    Families, and most sources, lie in one split alone.
    """
    from core.evaluation.selection import load

    joined, unfit = [], []
    for selection in selections:
        try:
            joined.append(load(models, selection, corpus))
        except SelectionError as error:
            if every:
                raise
            unfit.append(str(error))
    if not joined:
        raise SelectionError(" ".join(unfit))
    return joined


def _judged(models: list[str], own: Path) -> Joined:
    """Let models judge an own set, and print which files were refused."""
    from core.detectors.store import load_detector
    from core.evaluation.model_names import told_apart
    from core.evaluation.own_set import score_own

    with progress_bar() as bar:
        task = bar.add_task("judging your images", total=None)
        judged = score_own(
            own,
            {called: load_detector(model) for called, model in told_apart(models).items()},
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    for path, reason in judged.refused.itertuples(index=False):
        say(f"{path}: {reason}")
    return judged.joined


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
