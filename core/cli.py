"""The command line: one typer command per verb, each a thin layer over a function of core."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from core.audit.commands import audit, report
from core.corpus.commands import app as corpus
from core.detectors.commands import body_app, encoder_app
from core.errors import (
    ClusterLostError,
    OutputError,
    SelectionError,
    VersoError,
    VersoWarning,
    WrongUsageError,
)
from core.evaluation.commands import faithfulness, leaks
from core.provenance.commands import evidence
from core.terminal import progress_bar, say, show, write_json
from core.training.commands import bands, cascade, quantise, refit
from core.usage import (
    USUAL_MANIFEST,
    ModelOption,
    a_file_to_write,
    a_folder_to_write,
    a_local_path,
    a_name,
    expect_writable,
)
from core.visible_text import utf8_path, visible
from core.wording import to_three_decimals

if TYPE_CHECKING:
    from core.evaluation.selection import Joined, Selection
    from core.training.recipe import HeadRecipe, Recipe

app = typer.Typer(
    name="python -m core",
    help="Verso: was this artwork made by a person, or by a generator?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(audit)
app.command()(report)
app.command()(bands)
app.command()(cascade)
app.command()(quantise)
app.command()(evidence)
app.command()(faithfulness)
corpus.command()(leaks)
app.add_typer(corpus)
app.add_typer(encoder_app)
app.add_typer(body_app)


@app.command()
def predict(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Image files.", parser=a_name)],
    model: ModelOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON Lines.")] = False,
) -> None:
    """Judge images, one line each; exit 0 if all were read, 1 if some were not, 2 for wrong usage.

    Every picture is decoded whole. Audits may decode large JPEGs at a smaller scale, so that p_ai can differ slightly.
    """
    from core import images
    from core.detectors.judging import judge
    from core.detectors.store import load_detector, stand_in
    from core.errors import ImageError

    if model is None and (told := stand_in()):
        say(told)
    detector = load_detector(model)
    unread = 0
    for path in paths:
        line: dict[str, object] = dict.fromkeys(("path", "sha256", "verdict", "p_ai", "model", "error"))
        named = utf8_path(path)
        line |= {"path": named, "model": detector.card.name}
        try:
            artwork = images.open(a_local_path(path))
        except ImageError as error:
            unread += 1
            line |= {"sha256": error.sha256, "error": str(error)}
        else:
            verdict = judge(detector, [artwork])[0]
            line |= {"sha256": artwork.sha256, "verdict": verdict.label, "p_ai": round(verdict.p_ai, 6)}
        if as_json:
            write_json(line)
        elif line["error"]:
            typer.echo(f"{visible(named)}: error: {line['error']}")
        else:
            typer.echo(
                f"{visible(named)}: {line['verdict']} (p_ai {to_three_decimals(line['p_ai'])}, {detector.card.name})"
            )
    if unread:
        raise typer.Exit(1)


class Target(StrEnum):
    """The class an explanation speaks for."""

    HUMAN = "human"
    AI = "ai"


class Method(StrEnum):
    """The names of `core.explain.METHODS`, for `--help`, which does not wait for torch."""

    GRAD_CAM = "grad-cam"
    OCCLUSION = "occlusion"


@app.command()
def explain(
    path: Annotated[str, typer.Argument(metavar="PATH", help="An image file.", parser=a_name)],
    output: Annotated[Path, typer.Option(help="The PNG to write.", parser=a_file_to_write, metavar="<path>")],
    model: ModelOption = None,
    method: Annotated[
        Method, typer.Option(help="How: occlusion explains any model, and is slower.")
    ] = Method.GRAD_CAM,
    target: Annotated[Target, typer.Option(help="The class to speak for.")] = Target.AI,
    opacity: Annotated[float, typer.Option(min=0, max=1, help="Of the strongest part.")] = 0.6,
) -> None:
    """Judge a picture, and write it with what spoke for a class laid over it.

    A model that cannot show where it looked says so after its verdict, and nothing is written: exit 1.
    """
    from core import images
    from core.detectors.judging import judge
    from core.detectors.store import load_detector, stand_in
    from core.explain import MAX_SIDE, attribute, overlay

    picture = a_local_path(path)
    _expect_room_for_png(output, picture)
    artwork = images.open(picture)
    if model is None and (told := stand_in()):
        say(told)
    detector = load_detector(model)
    verdict = judge(detector, [artwork])[0]
    typer.echo(
        f"{visible(utf8_path(path))}: {verdict.label} (p_ai {to_three_decimals(verdict.p_ai)}, {verdict.model})"
    )
    saliency = attribute(method, detector, artwork, target)
    try:
        overlay(artwork.preview(MAX_SIDE), saliency, opacity).save(output, "PNG")
    except OSError as error:
        raise _unwritable(output, str(error.strerror)) from error
    if saliency.flat:
        say(f"Nothing in {picture.name} spoke for '{target}': the overlay is empty.")
    say(f"Wrote {output}.")


def _expect_room_for_png(output: Path, original: Path) -> None:
    """Refuse a place for an overlay where it would replace the picture itself, or anything that is no PNG."""
    from core.image_headers import recognise

    try:
        if output.exists():
            if original.exists() and output.samefile(original):
                raise _wrong_output(
                    f"{output} is the picture itself, which stays as it is: name another file."
                )
            if not output.is_file() or recognise(_start(output)) != "PNG":
                raise _wrong_output(
                    f"{output} exists and is no PNG, so it is not replaced: name another file."
                )
    except OSError as error:
        raise _unwritable(output, str(error.strerror)) from error
    if not output.parent.is_dir():
        raise _unwritable(output, f"there is no folder {output.parent}")
    if output.suffix.lower() != ".png":
        raise _wrong_output(f"The overlay is a PNG, but '{output}' is not called so: end its name in .png.")


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(64)


def _unwritable(output: Path, reason: str) -> OutputError:
    return OutputError(f"{output} cannot be written ({reason}); choose another --output.")


def _wrong_output(sentence: str) -> typer.BadParameter:
    return typer.BadParameter(sentence, param_hint="--output")


@app.command()
def train(  # noqa: PLR0917  (one option, one argument)
    recipe: Annotated[str, typer.Argument(help="A recipe that comes with Verso, or a .toml file.")],
    corpus: Annotated[Path, typer.Option(help="The manifest to train on.")],
    output: Annotated[
        Path,
        typer.Option(
            help="The model's folder, for example models/mine.", parser=a_folder_to_write, metavar="<path>"
        ),
    ],
    init: Annotated[
        Path | None, typer.Option(help="Initial ResNet-18 weights (safetensors); default: torchvision's.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes that prepare a network's images.", show_default="2")
    ] = None,
    own: Annotated[
        Path | None,
        typer.Option(
            help="Refit a model on embeddings with your own images too: a folder or zip with human and ai."
        ),
    ] = None,
    own_weight: Annotated[
        float | None,
        typer.Option(
            max=1e6,
            help="How many images of the corpus one of your own counts for when the head is fitted; default: one.",
        ),
    ] = None,
) -> None:
    """Train a network or fit a classical model; the same command again goes on where it stopped.

    With --own, also say what is better and worse than with the shipped model: on your images, and on the corpus.
    """
    from core.corpus import manifest
    from core.corpus.cache import ImageCache
    from core.evaluation.remedies import how_to_evaluate
    from core.training import run
    from core.training.fit import Epoch
    from core.training.fit import Progress as Callbacks
    from core.training.heads import train_head
    from core.training.memory import keep_freed_memory
    from core.training.recipe import HeadRecipe, load_recipe

    keep_freed_memory()
    declared = load_recipe(recipe)
    _expect_effect(declared, init, workers, own, own_weight)
    rows, files = manifest.read(corpus), ImageCache.default(corpus)
    if own is not None:
        if not isinstance(declared, HeadRecipe):
            raise typer.BadParameter(
                f"only a model on embeddings can be refitted with your own images, and {declared.name} is none: take "
                "verso."
            )
        refit(declared, rows, files, own, output, 1.0 if own_weight is None else own_weight)
        return
    with progress_bar() as bar:
        task = bar.add_task(f"{declared.name}: preparing", total=None)
        if isinstance(declared, HeadRecipe):
            train_head(
                declared,
                rows,
                files,
                output,
                lambda done, total: bar.update(
                    task, description="reading images", completed=done, total=total
                ),
            )
        else:
            epochs = declared.epochs
            network = ""

            def on_network(number: int, total: int) -> None:
                nonlocal network
                network = f"network {number} of {total}, " if total > 1 else ""

            def on_batch(epoch: int, done: int, total: int) -> None:
                bar.update(
                    task,
                    description=f"{network}epoch {epoch + 1} of {epochs}",
                    completed=epoch * total + done,
                    total=epochs * total,
                )

            def on_epoch(result: Epoch) -> None:
                said = f"{network}epoch {result.epoch + 1}: training loss {result.train_loss:.4f}"
                if result.val_loss is not None and result.val_auc is not None:
                    said += f", validation loss {result.val_loss:.4f}, validation AUC {result.val_auc:.4f}"
                say(said)

            def on_embedded(done: int, total: int) -> None:
                bar.update(task, description="embedding", completed=done, total=total)

            run.train(
                declared,
                rows,
                files,
                output,
                init=init,
                workers=2 if workers is None else workers,
                progress=Callbacks(on_network, on_batch, on_epoch, on_embedded),
            )
    say(f"Wrote {output}. Next: {how_to_evaluate(output, corpus=corpus)}")


def _expect_effect(
    recipe: Recipe | HeadRecipe,
    init: Path | None,
    workers: int | None,
    own: Path | None,
    own_weight: float | None,
) -> None:
    """Refuse options of `train` that would change nothing."""
    from core.training.recipe import HeadRecipe

    if init is not None and isinstance(recipe, HeadRecipe):
        raise typer.BadParameter(f"--init starts a network, and {recipe.name} is none; leave it out")
    if workers is not None and isinstance(recipe, HeadRecipe):
        raise typer.BadParameter(
            f"--workers prepare images for a network, and {recipe.name} is none; leave it out"
        )
    if own_weight is not None and own is None:
        raise typer.BadParameter("--own-weight says what your own images count for; name them with --own")
    if own_weight is not None and own_weight <= 0:
        raise typer.BadParameter("--own-weight is above 0: with 0 your images would teach nothing")


@app.command()
def experiments(
    recipes: Annotated[list[str], typer.Argument(metavar="RECIPE...", help="Recipes of classical models.")],
    corpus: Annotated[Path, typer.Option(help="The manifest; only train and val are used.")],
    output: Annotated[
        Path,
        typer.Option(help="The Markdown file that gets the table.", parser=a_file_to_write, metavar="<path>"),
    ] = Path("models/EXPERIMENTS.md"),
) -> None:
    """Cross-validate classical models on families and sources they never saw, and write the figures down."""
    from core.corpus import manifest
    from core.corpus.cache import ImageCache
    from core.training.experiments import write_experiments
    from core.training.recipe import HeadRecipe, load_recipe

    declared = [load_recipe(name) for name in recipes]
    heads = [recipe for recipe in declared if isinstance(recipe, HeadRecipe)]
    if len(heads) < len(declared):
        others = ", ".join(recipe.name for recipe in declared if not isinstance(recipe, HeadRecipe))
        raise typer.BadParameter(f"only classical models are cross-validated here; leave out {others}.")
    write_experiments(
        heads,
        manifest.read(corpus),
        ImageCache.default(corpus),
        output,
        lambda name: say(f"Cross-validating {name}"),
    )
    say(f"Wrote {output}.")


@app.command()
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


@app.command()
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


@app.command()
def bench(
    images: Annotated[int, typer.Option(min=1, help="JPEGs of 1 024 px to draw.")] = 200,
    rounds: Annotated[int, typer.Option(min=1, help="Alternating rounds after a warm-up.")] = 5,
    fast: Annotated[
        str | None,
        typer.Option(
            help="The model that is to be fast. Default: verso-fast.", parser=a_name, metavar="<str>"
        ),
    ] = None,
    peers: Annotated[
        bool,
        typer.Option("--peers", help="Also the published peers and verso; installs the peers, about 1 GB."),
    ] = False,
) -> None:
    """Measure the speed of audits against a naive loop, and against the published peers, in the same run."""
    script = Path(__file__).resolve().parents[1] / "benchmarks" / "speed.py"
    if not script.is_file():
        raise VersoError(f"{script} is missing: run bench in a copy of the whole repository.")
    options = ["--images", str(images), "--rounds", str(rounds)]
    options += ["--fast", fast] if fast else []
    options += ["--peers"] if peers else []
    paths = os.pathsep.join(filter(None, (str(script.parents[1]), os.environ.get("PYTHONPATH"))))
    environment = os.environ | {"PYTHONPATH": paths}
    ended = subprocess.run([sys.executable, script, *options], env=environment, check=False)  # noqa: S603
    raise typer.Exit(ended.returncode)


def main() -> None:
    """Run the command line; a `VersoError` ends it with one sentence and exit code 1, or 2 for wrong usage."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name may hold bytes that are no text
    try:
        with _warnings_in_words():
            app()
    except VersoError as error:
        say(str(error), "Error:")
        if isinstance(error, ClusterLostError):
            sys.stdout.flush()
            os._exit(1)  # without Ray's own end, which can wait for what is gone, or crash
        sys.exit(2 if isinstance(error, WrongUsageError) else 1)
    except OSError as error:
        if not _is_of_stdout(error):
            what = error.filename or "A file"
            say(f"{what} cannot be read or written ({error.strerror or error}): check the disk.", "Error:")
            sys.exit(1)
        say(f"The output cannot be written ({error.strerror}): make room, or send it elsewhere.", "Error:")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what waits there is lost already
        sys.exit(1)


@contextmanager
def _warnings_in_words() -> Iterator[None]:
    """Tell Verso's own warnings as remarks, without a line of its source; keep what Pillow says of damaged metadata back."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
        as_usual = warnings.showwarning

        def show_warning(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, VersoWarning):
                say(str(message), "Warning:")
            else:
                as_usual(message, category, filename, lineno, file, line)

        warnings.showwarning = show_warning
        yield


def _is_of_stdout(error: OSError) -> bool:
    """Whether an error came up while something was printed, or what was printed before finds no room."""
    printing = {typer.echo.__code__, show.__code__}
    if any(frame.f_code in printing for frame, _ in traceback.walk_tb(error.__traceback__)):
        return True
    try:
        sys.stdout.flush()
    except OSError:
        return True
    return False
