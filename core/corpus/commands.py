"""`python -m core corpus VERB`: one typer command per verb, each a thin layer over a function of core.corpus."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click
import typer
from rich.console import Console
from rich.table import Table as Grid
from typer.core import TyperGroup

from core.errors import CorpusError, ManifestError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from core.corpus.cache import ImageCache
    from core.corpus.leakage import LeakReport, Prepare
    from core.corpus.stats import Table
    from core.detectors.preprocessing import Preprocessing

PUBLISHED = Path("data/manifest.csv")

ManifestPath = Annotated[
    Path, typer.Argument(metavar="MANIFEST", help="A manifest.", exists=True, dir_okay=False)
]

console = Console()


class WithFetch(TyperGroup):
    """The group of corpus verbs, with `fetch`, whose sources are imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name every verb."""
        return [*super().list_commands(ctx), "fetch"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
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
        list[Path], typer.Argument(metavar="MANIFEST...", help="Manifests to join.", exists=True, dir_okay=False)
    ],
    output: Annotated[Path, typer.Option(help="The manifest to write.", dir_okay=False)],
    *,
    split: Annotated[
        str, typer.Option(help="Deal images without a split by a scheme: 70-15-15 or 70-30.")
    ] = "",
    seed: Annotated[int, typer.Option(help="Of the deal.")] = 0,
    again: Annotated[bool, typer.Option("--again", help="Forget the splits the inputs have.")] = False,
    hold_out_family: Annotated[
        list[str] | None, typer.Option(help="A generator family for ood; may be given several times.")
    ] = None,
    hold_out_source: Annotated[
        list[str] | None, typer.Option(help="A source for ood; may be given several times.")
    ] = None,
    group_by: Annotated[
        list[str] | None,
        typer.Option(help="A column whose equal values stay together; default: source and prompt."),
    ] = None,
    tolerance: Annotated[
        float | None, typer.Option(min=0, max=1, help="How far shares may miss the scheme; default 0.05.")
    ] = None,
) -> None:
    """Join manifests into one: addresses filled in, splits dealt if asked, images where they will be found."""
    import pandas as pd

    from core.corpus import manifest
    from core.corpus.cache import ImageCache

    frame = pd.concat([manifest.read(path, unsplit=True).frame for path in inputs], ignore_index=True)
    places = frame[["source", "commit", "source_path"]].itertuples(index=False)
    addresses = [manifest.source_url(*place) for place in places]
    frame["source_url"] = frame["source_url"].where(frame["source_url"] != "", addresses)
    caches = [ImageCache.default(path) for path in inputs]
    given = ImageCache(caches[0].home, tuple(dict.fromkeys(root for cache in caches for root in cache.roots)))
    if split:
        scheme = _scheme(split, seed, hold_out_family, hold_out_source, group_by, tolerance)
        if again:
            frame["split"] = ""
        frame["split"] = _dealt(frame, given, scheme)
    written = manifest.write(frame, output)
    copied = _carry(written.frame["sha256"], given, ImageCache.default(output))
    console.print(f"Wrote {output}: {len(written.frame)} images, version {written.version}.", soft_wrap=True)
    if copied:
        console.print(f"Copied {copied} images into {ImageCache.default(output).home}.", soft_wrap=True)
