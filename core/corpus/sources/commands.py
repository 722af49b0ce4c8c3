"""`python -m core corpus fetch SOURCE`: one command per source, each a thin layer over `collect`."""

# ruff: noqa: PLC0415 - each command imports what it needs, so that `--help` waits for none of it

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.corpus.sources.politeness import Politeness
from core.errors import SourceError
from core.usage import USUAL_MANIFEST, a_folder_to_write

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from core.corpus.sources.base import Source
    from core.corpus.sources.collect import Report, Tally
    from core.corpus.sources.ledger import Call
    from core.corpus.sources.openai_images import OpenAIImages, Order

OPENAI = "https://api.openai.com/v1"
PACKAGE_BYTES = 1_000_000_000
PACKAGE_SECONDS = 3600.0
PROMPTS_SHOWN = 5

app = typer.Typer(name="fetch", no_args_is_help=True, add_completion=False)

Output = Annotated[
    Path,
    typer.Option(
        help="The folder for the images and manifest.csv.", parser=a_folder_to_write, metavar="<path>"
    ),
]
Uniform = Annotated[
    bool,
    typer.Option(
        "--uniform/--raw",
        help="Keep uniform copies (alike for all classes, for training), or the files as they come.",
    ),
]
Retry = Annotated[bool, typer.Option("--retry-refused", help="Also ask again for what was refused for good.")]

DEFAULT = Politeness()


@app.callback()
def fetch(
    context: typer.Context,
    *,
    workers: Annotated[
        int, typer.Option(help="How many requests at the same time.", min=1, max=32)
    ] = DEFAULT.workers,
    attempts: Annotated[
        int, typer.Option(help="How often a failing request is made.", min=1, max=20)
    ] = DEFAULT.attempts,
    interval: Annotated[
        float, typer.Option(help="Least seconds between requests to one host.", min=0)
    ] = DEFAULT.interval,
    timeout: Annotated[
        float, typer.Option(help="Seconds of silence on a connection to wait for.", min=0.1)
    ] = DEFAULT.read_timeout,
    first_wait: Annotated[
        float, typer.Option(help="Seconds before a failed request is repeated; then more.", min=0)
    ] = DEFAULT.first_wait,
) -> None:
    """Bring images into a folder with a manifest; running again completes what was interrupted."""
    context.obj = replace(
        DEFAULT,
        workers=workers,
        attempts=attempts,
        interval=interval,
        read_timeout=timeout,
        first_wait=first_wait,
    )


@app.command()
def paintings(
    context: typer.Context,
    listing: Annotated[Path, typer.Argument(metavar="CSV", help="The list: one address a row.")],
    output: Output,
    *,
    column: Annotated[str | None, typer.Option(help="The column of addresses: a name or a number.")] = None,
    medium: Annotated[str, typer.Option(help="The technique of all the paintings.")] = "oil",
    source: Annotated[
        str, typer.Option(help="Whose list it is; by default the name of its file.", show_default=False)
    ] = "",
    attestation: Annotated[
        str,
        typer.Option(
            help="Why they are known to be by people; by default that the list says so.", show_default=False
        ),
    ] = "",
    uniform: Uniform = False,
    retry_refused: Retry = False,
) -> None:
    """Download human paintings from a list of addresses, such as the VGG Paintings Dataset."""
    from core.corpus.manifest import GITHUB
    from core.corpus.sources.download import Downloader
    from core.corpus.sources.paintings import Paintings

    politeness: Politeness = context.obj
    with Downloader(politeness) as downloader:
        if GITHUB.fullmatch(source):
            raise typer.BadParameter(
                f"--source {source} reads like a repository of GitHub, whose images are pinned to a commit: name it otherwise."
            )
        told = {
            "source": source or listing.stem,
            "attestation": attestation or f"listed as paintings by people in {listing.name}",
        }
        paintings = Paintings(listing, downloader, column=column, medium=medium, as_uniform=uniform, **told)
        _finish(_run(paintings, output, politeness, retry_refused=retry_refused))


@app.command("openai-images")
def openai_images(  # noqa: PLR0913 - each argument is an option of the command
    context: typer.Context,
    *,
    output: Output,
    count: Annotated[int, typer.Option(help="How many pictures.", min=1)],
    model: Annotated[str, typer.Option(help="The model that makes them.")] = "gpt-image-2",
    seed: Annotated[int, typer.Option(help="Of the prompts.")] = 0,
    quality: Annotated[str, typer.Option(help="Such as low, medium or high; the model's own if empty.")] = "",
    size: Annotated[list[str] | None, typer.Option(help="WIDTHxHEIGHT; may be given several times.")] = None,
    answer: Annotated[str, typer.Option(help="b64_json or url, where the server lets it be chosen.")] = "",
    base_url: Annotated[str, typer.Option(help="An OpenAI-compatible server.")] = OPENAI,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show plan and estimate; send nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before spending.")] = False,
    repeat_lost: Annotated[
        bool,
        typer.Option(
            "--repeat-lost",
            help="Send calls again whose answer never arrived; they may be charged a second time.",
        ),
    ] = False,
    uniform: Uniform = False,
    answer_timeout: Annotated[float, typer.Option(help="Seconds to wait for one picture.", min=0.1)] = 600.0,
) -> None:
    """Generate AI artworks through the OpenAI Images API (the key: OPENAI_API_KEY). This costs money."""
    from core.corpus.sources.collect import expect_idle
    from core.corpus.sources.download import Downloader, is_address
    from core.corpus.sources.openai_images import OpenAIImages, Order, is_being_answered
    from core.corpus.sources.sender import Sender, Settings, expect_key

    if not is_address(base_url):
        raise SourceError(f"{base_url!r} is not an http or https address: give one as --base-url.")
    order = Order(model, count, seed, quality, tuple(size or ()), answer)
    politeness: Politeness = context.obj
    settings = Settings(output, base_url, politeness, answer_timeout)
    with Downloader(politeness) as downloader, Sender(settings) as sender:
        source = OpenAIImages(output, order, sender, downloader, repeat_lost=repeat_lost, as_uniform=uniform)
        expect_idle(output)
        if is_being_answered(output):
            typer.echo("Waiting for the answers to calls of an earlier run.", err=True)
        if dry_run:
            _show(source, order, base_url, repeat_lost=repeat_lost)
            return
        if _show(source, order, base_url, repeat_lost=repeat_lost):
            expect_key()
            if not yes:
                typer.confirm("Send these calls?", abort=True, err=True)
        _finish(_run(source, output, politeness))


@app.command()
def github(
    context: typer.Context,
    *,
    source_manifest: Annotated[
        Path, typer.Option("--manifest", help="The manifest to rebuild.", dir_okay=False)
    ] = Path(USUAL_MANIFEST),
    output: Annotated[
        Path | None,
        typer.Option(
            help="Where to; the cache that all commands look in, if not given.",
            parser=a_folder_to_write,
            metavar="<path>",
        ),
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(help="Where raw files of repositories lie, if not on GitHub.")
    ] = None,
    debian_mirror: Annotated[
        str | None,
        typer.Option(help="A Debian archive, for the part of the corpus that lies in its packages."),
    ] = None,
    retry_refused: Retry = False,
) -> None:
    """Rebuild the published corpus: fetch every original where it is pinned, and make its copy anew."""
    from core.corpus import manifest
    from core.corpus.cache import ImageCache
    from core.corpus.sources.debian import Packages
    from core.corpus.sources.download import Downloader
    from core.corpus.sources.github import RAW, GitHub

    rows = manifest.read(source_manifest)
    cache = ImageCache.default(source_manifest)
    politeness: Politeness = context.obj
    patient = replace(politeness, total_timeout=PACKAGE_SECONDS)
    with Downloader(politeness) as downloader, Downloader(patient, PACKAGE_BYTES) as for_packages:
        packages = Packages(for_packages, debian_mirror) if debian_mirror else None
        source = GitHub(rows, downloader, packages, reference=cache, base=base_url or RAW)
        report = _run(source, output or cache.home, politeness, retry_refused=retry_refused)
    for key, note in report.notes.items():
        typer.echo(f"{key}: {note}")
    packaged = rows.frame["source"].str.fullmatch(manifest.DEBIAN.pattern)
    _finish(report, set(rows.frame.loc[packaged, "sha256"]) if packages is None else set())


@app.command()
def folder(
    context: typer.Context,
    root: Annotated[Path, typer.Argument(metavar="<path>", help="human/... and ai/<generator>/...")],
    output: Output,
    *,
    labels: Annotated[
        Path | None, typer.Option(help="A CSV: path, label and, if known, generator, family, medium, source.")
    ] = None,
    source_name: Annotated[str, typer.Option("--source", help="What to call where they come from.")] = "",
    uniform: Uniform = False,
) -> None:
    """Take in your own images, labelled by the folders they lie in or by a CSV file."""
    from core.corpus.sources.folder import Folder

    if output.resolve().is_relative_to(root.resolve()):
        raise SourceError(f"The output {output} lies in {root}, whose files are read: choose another place.")
    source = Folder(root, labels=labels, source=source_name, as_uniform=uniform)
    _finish(_run(source, output, context.obj))


def _show(source: OpenAIImages, order: Order, base_url: str, *, repeat_lost: bool) -> list[Call]:
    """Say what would be sent and what it may cost; return the calls."""
    from core.corpus.sources import image_models

    lost = source.in_state("lost")
    calls = source.in_state("new") + (lost if repeat_lost else [])
    if base_url == OPENAI and (warning := image_models.warning(order.model, datetime.now(UTC).date())):
        typer.echo(warning)
    typer.echo(f"To send to {base_url}: {len(calls)} calls to {order.model}.")
    if calls:
        wanted = [(call.quality, call.size) for call in calls]
        typer.echo(str(image_models.estimate(order.model, wanted)))
        for call in calls[:PROMPTS_SHOWN]:
            typer.echo(f"  {call.prompt.split}, {call.size}: {call.prompt.text}")
    if lost and not repeat_lost:
        typer.echo(
            f"{len(lost)} calls of an earlier run were sent and not answered. They may have been charged, so they "
            "are not repeated; --repeat-lost does so, under the same idempotency keys."
        )
    return calls


def _run(source: Source[Any], output: Path, politeness: Politeness, *, retry_refused: bool = False) -> Report:
    from core.corpus.sources.collect import collect

    with _progress(source.name) as progress:
        return collect(
            source, output, workers=politeness.workers, retry_refused=retry_refused, progress=progress
        )


@contextmanager
def _progress(title: str) -> Iterator[Callable[[Tally], None]]:
    from core.terminal import progress_bar

    with progress_bar() as bar:
        task = bar.add_task(title, total=None)

        def update(tally: Tally) -> None:
            done = tally.already + tally.had + tally.refused
            bar.update(task, total=tally.total, completed=done)

        yield update


def _finish(report: Report, packaged: Collection[str] = ()) -> None:
    """Say what was brought; exit 1 if running again may bring more, of `packaged` items only with an archive of Debian's."""
    tally = report.tally
    typer.echo(
        f"{tally.had} images brought, {tally.already} were here already, {tally.refused} not to be had."
    )
    if report.manifest is not None:
        typer.echo(f"{len(report.manifest.frame)} images in {report.manifest.path}")
    if report.refusals:
        typer.echo(f"{len(report.refusals)} left out, with reasons, in {report.refusals_path}")
    waiting = [refusal.key in packaged for refusal in report.refusals if not refusal.final]
    if any(waiting):
        typer.echo(
            f"{sum(waiting)} of them lie in packages of Debian: run again with --debian-mirror and the address of an archive "
            "that has these."
        )
    if not all(waiting):
        typer.echo("Some may still come: run again.")
    if not report.complete:
        raise typer.Exit(1)
