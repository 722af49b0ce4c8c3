"""`python -m core cascade`, `quantise`, `bands` and `train --own`: thin layers over `core.training`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.terminal import progress_bar, say
from core.usage import USUAL_MANIFEST, a_file_to_write, a_folder_to_write, a_name, expect_writable

if TYPE_CHECKING:
    from core.corpus.cache import ImageCache
    from core.corpus.manifest import Manifest
    from core.training.recipe import HeadRecipe


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


def refit(
    recipe: HeadRecipe, corpus: Manifest, files: ImageCache, own: Path, output: Path, weight: float
) -> None:
    """Carry out `train --own`."""
    from core import atomic
    from core.detectors.store import load_detector
    from core.evaluation.evaluate import evaluate as measure
    from core.training.own import CHANGES_FILE, refit_head, what_changed

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
