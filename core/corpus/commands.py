"""`python -m core corpus VERB`: one typer command per verb, each a thin layer over a function of core.corpus."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table as Grid
from typer.core import TyperGroup

from core.errors import ManifestError, OutputError
from core.usage import a_file_to_write, a_folder_to_write

if TYPE_CHECKING:
    from typer._click.core import Command, Context

    from core.markdown_table import Table

ManifestFile = Annotated[
    Path, typer.Argument(metavar="MANIFEST", help="A manifest.", exists=True, dir_okay=False)
]
Scheme = Literal["70-15-15", "70-30"]


class WithFetch(TyperGroup):
    """The verbs of `corpus`, with `fetch`, whose sources are imported only when they are asked for."""

    def list_commands(self, ctx: Context) -> list[str]:
        """Name every verb."""
        return [*super().list_commands(ctx), "fetch"]

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        """Find a verb."""
        if cmd_name != "fetch":
            return super().get_command(ctx, cmd_name)
        from core.corpus.sources.commands import app as fetch

        return typer.main.get_command(fetch)


app = typer.Typer(name="corpus", cls=WithFetch, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def corpus() -> None:
    """Bring, build, check and describe the images that models are fitted and measured on."""


@app.command()
def build(
    inputs: Annotated[
        list[Path],
        typer.Argument(metavar="MANIFEST...", help="Manifests to join.", exists=True, dir_okay=False),
    ],
    output: Annotated[
        Path, typer.Option(help="The manifest to write.", parser=a_file_to_write, metavar="<path>")
    ],
    *,
    split: Annotated[Scheme | None, typer.Option(help="Deal the images that have no split yet.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the deal.", show_default="0")] = None,
    again: Annotated[bool, typer.Option("--again", help="Forget the splits of the inputs first.")] = False,
    hold_out_family: Annotated[
        list[str] | None, typer.Option(help="A generator family for ood; may be given several times.")
    ] = None,
    hold_out_source: Annotated[
        list[str] | None, typer.Option(help="A source for ood; may be given several times.")
    ] = None,
    group_by: Annotated[
        list[str] | None,
        typer.Option(help="A column whose equal values stay together; by default source and prompt."),
    ] = None,
    tolerance: Annotated[
        float | None, typer.Option(min=0, max=1, help="How far shares may miss the scheme; by default 0.05.")
    ] = None,
) -> None:
    """Join manifests into one: addresses filled in, splits dealt if asked, images where they will be found."""
    from core.corpus import build as building
    from core.corpus import manifest, splits
    from core.corpus.cache import ImageCache
    from core.terminal import progress_bar

    if split is None and (
        hold_out_family or hold_out_source or group_by or tolerance is not None or seed is not None
    ):
        raise typer.BadParameter(
            "--hold-out-family, --hold-out-source, --group-by, --tolerance and --seed say how splits are dealt: give --split "
            "too, and --again if the images have splits already."
        )
    given = [manifest.read(path, unsplit=True) for path in inputs]
    if output.exists():
        _expect_a_manifest(output)
    caches = [ImageCache.default(path) for path in inputs]
    roots = dict.fromkeys(root for cache in caches for root in cache.roots)
    here, there = ImageCache(caches[0].home, tuple(roots)), ImageCache.default(output)
    frame = building.join(given)
    if again:
        frame["split"] = ""
    if split is not None:
        plan = splits.Plan(
            splits.SCHEMES[split],
            seed=seed or 0,
            grouped_by=tuple(group_by or splits.GROUPED_BY),
            held_out_families=tuple(hold_out_family or ()),
            held_out_sources=tuple(hold_out_source or ()),
            tolerance=splits.TOLERANCE if tolerance is None else tolerance,
        )
        with progress_bar() as bar:
            task = bar.add_task("looking for look-alikes", total=len(frame))
            frame = building.deal(frame, here, plan, lambda done, _: bar.update(task, completed=done))
    elif waiting := int((frame["split"] == "").sum()):
        raise typer.BadParameter(
            f"{waiting} of the {len(frame)} images have no split yet: add --split 70-15-15."
        )
    written = manifest.write(frame, output)
    typer.echo(f"Wrote {output}: {len(written.frame)} images, version {written.version}.")
    if copied := building.carry(written.frame["sha256"], here, there):
        typer.echo(f"Copied {copied} images to {there.home}.")


def _expect_a_manifest(output: Path) -> None:
    from core.corpus import manifest

    try:
        manifest.read(output, unsplit=True)
    except ManifestError as error:
        raise OutputError(
            f"{output} is no manifest and would be replaced: choose another --output."
        ) from error


@app.command()
def verify(
    path: ManifestFile,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Threads that decode; by default one per core.")
    ] = None,
) -> None:
    """Check every image of a manifest; exit 0 if all is well, 1 if something is wrong, 2 for wrong usage."""
    from core.corpus import integrity, manifest
    from core.corpus.cache import ImageCache
    from core.terminal import progress_bar

    try:
        listed = manifest.read(path, unsplit=True)
    except ManifestError as error:
        typer.echo(f"problem: manifest: {error}")
        raise typer.Exit(1) from error
    with progress_bar() as bar:
        task = bar.add_task("verifying", total=len(listed.frame))
        report = integrity.verify(
            listed,
            ImageCache.default(path),
            workers=workers,
            progress=lambda done, _: bar.update(task, completed=done),
        )
    for finding in report.findings:
        typer.echo(str(finding))
    typer.echo(
        f"{report.checked} images checked: {len(report.problems)} problems, {len(report.warnings)} warnings."
    )
    if not report.clean:
        raise typer.Exit(1)


@app.command()
def stats(
    path: ManifestFile,
    *,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Write the tables as Markdown, as in the datasheet.")
    ] = False,
    figures: Annotated[
        Path | None,
        typer.Option(
            help="A folder to write the figures to, as web pages.", parser=a_folder_to_write, metavar="<path>"
        ),
    ] = None,
) -> None:
    """Count the images of a manifest by split, label, source, medium, generator, format, licence and size."""
    from core import markdown_table
    from core.corpus import manifest
    from core.corpus.stats import tables
    from core.terminal import show

    frame = manifest.read(path, unsplit=True).frame
    for table in tables(frame):
        if markdown:
            typer.echo(f"{markdown_table.markdown(table)}\n")
        else:
            typer.echo(table.title)
            show(_grid(table))
    if figures is not None:
        from core.corpus.charts import CHARTS

        figures.mkdir(parents=True, exist_ok=True)
        for name, draw in CHARTS.items():
            draw(frame).write_html(figures / f"{name}.html", include_plotlyjs="directory")
        typer.echo(f"Wrote {len(CHARTS)} figures to {figures}.")


def _grid(table: Table) -> Grid:
    grid = Grid(str(table.frame.index.name))
    for name, kind in table.frame.dtypes.items():
        grid.add_column(str(name), justify="right" if kind.kind in "iuf" else "left")
    for row in table.frame.itertuples(name=None):
        grid.add_row(*map(str, row))
    return grid
