"""`python -m core train`, `cascade`, `quantise`, `experiments` and `bands`: thin layers over `core.training`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.terminal import progress_bar, say
from core.usage import USUAL_MANIFEST, a_file_to_write, a_folder_to_write, a_name, expect_writable

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from core.corpus.cache import ImageCache
    from core.corpus.manifest import Manifest
    from core.training.fit import Epoch
    from core.training.fit import Progress as Callbacks
    from core.training.recipe import HeadRecipe, Recipe


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
        Path | None,
        typer.Option(help="Initial ResNet-18 weights (safetensors); default: those that the recipe names."),
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
        _refit(declared, rows, files, own, output, 1.0 if own_weight is None else own_weight)
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
            run.train(
                declared,
                rows,
                files,
                output,
                init=init,
                workers=2 if workers is None else workers,
                progress=_told(bar, task, declared.epochs),
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


def _told(bar: Bar, task: TaskID, epochs: int) -> Callbacks:
    """Return what shows on a progress bar how far a run is whose networks learn for so many epochs, and says each epoch's end."""
    from core.training.fit import Progress as Callbacks

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

    return Callbacks(on_network, on_batch, on_epoch, on_embedded)


def _refit(
    recipe: HeadRecipe, corpus: Manifest, files: ImageCache, own: Path, output: Path, weight: float
) -> None:
    """Carry out `train --own`."""
    from core import atomic
    from core.detectors.store import load_detector
    from core.evaluation.evaluate import evaluate as measure
    from core.training.own import refit_head, what_changed
    from core.training.publishing import CHANGES_FILE

    with progress_bar() as bar:
        task = bar.add_task("", total=None)

        def show(doing: str, done: int, total: int) -> None:
            bar.update(task, description=f"{recipe.name}: {doing}", completed=done, total=total)

        refitted = refit_head(
            recipe,
            corpus,
            files,
            own,
            output,
            weight=weight,
            progress=lambda done, total: show("embedding", done, total),
        )
        measure(load_detector(str(output.absolute())), output, corpus, files, progress=show)
    for path, reason in refitted.refused.itertuples(index=False):
        say(f"{path}: {reason}")
    changes = what_changed(refitted, output, corpus)
    atomic.write(output / CHANGES_FILE, changes.encode())
    typer.echo(changes)
    say(f"Wrote {output}; what changed is in {output / CHANGES_FILE} too.")


def cascade(
    output: Annotated[
        Path, typer.Option(help="The model's folder.", parser=a_folder_to_write, metavar="<path>")
    ] = Path("models/cascade"),
    fast: Annotated[
        list[str] | None,
        typer.Option(
            help="Judges before the thorough one; given several times, in this order. By default verso-fast, else "
            "resnet18-finetune, and then verso-int8.",
            parser=a_name,
            metavar="<str>",
        ),
    ] = None,
    thorough: Annotated[
        str,
        typer.Option(help="Judges what the others are not sure of.", parser=a_name, metavar="<str>"),
    ] = "verso",
    corpus: Annotated[Path, typer.Option(help="The manifest all were trained on.")] = Path(USUAL_MANIFEST),
) -> None:
    """Make a model of several: choose from what they said of val and of works held out when the next one is asked."""
    from core.corpus import manifest
    from core.evaluation.remedies import how_to_evaluate
    from core.training.cascade import fit_cascade, models_before

    before = fast or models_before()
    choice = fit_cascade(before, thorough, manifest.read(corpus), output)
    say(f"Wrote {output}: {', '.join(before)} and {thorough}.")
    for model, cuts in zip(before, choice.cuts, strict=True):
        say(f"{model} passes on p_ai {cuts}.")
    for effect in choice.effects:
        shares = ", then ".join(f"{share:.1%}" for share in effect.passed_on)
        say(
            f"Of {effect.works} {effect.kind}, {shares} are passed on; {effect.different:.2%} get another verdict than "
            f"{thorough}'s, {effect.called_ai} of them 'ai'."
        )
    say(f"Next: {how_to_evaluate(output, corpus=corpus)}")


def quantise(
    model: Annotated[str, typer.Argument(help="A ResNet-18, by its name or folder.", parser=a_name)],
    corpus: Annotated[Path, typer.Option(help="The manifest it was trained on.")] = Path(USUAL_MANIFEST),
) -> None:
    """Round a network to 8 bits, in which it judges faster on CPUs that multiply bytes natively."""
    from core.corpus import manifest
    from core.corpus.cache import ImageCache
    from core.detectors.store import find_model
    from core.evaluation.remedies import how_to_evaluate
    from core.training.quantise import quantise as round_to_8_bits

    folder = find_model(model)
    expect_writable(folder)
    with progress_bar() as bar:
        task = bar.add_task("reading pictures", total=None)
        round_to_8_bits(
            folder,
            manifest.read(corpus),
            ImageCache.default(corpus),
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    say(f"Wrote the 8-bit weights of {folder}. Next: {how_to_evaluate(folder, corpus=corpus)}")


def bands(
    recipe: Annotated[str, typer.Argument(help="A recipe of a classical model.")],
    corpus: Annotated[Path, typer.Option(help="The manifest; only train and val are used.")],
    output: Annotated[
        Path,
        typer.Option(help="The Markdown file that gets the table.", parser=a_file_to_write, metavar="<path>"),
    ] = Path("models/EXPERIMENTS.md"),
) -> None:
    """Compare ways to choose the inconclusive band, conformal prediction among them, on works held out."""
    from core.corpus import manifest
    from core.corpus.cache import ImageCache
    from core.training.bands import write_bands
    from core.training.recipe import HeadRecipe, load_recipe

    declared = load_recipe(recipe)
    if not isinstance(declared, HeadRecipe):
        raise typer.BadParameter(
            f"Bands are compared for classical models only, and {declared.name} is a network: take verso."
        )
    write_bands(declared, manifest.read(corpus), ImageCache.default(corpus), output)
    say(f"Wrote {output}.")


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
