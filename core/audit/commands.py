"""`python -m core audit` and `report`: a thin layer over `core.audit.lifecycle`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.audit.engine import Engine
from core.audit.inputs.address import input_of
from core.terminal import interruptible, progress_bar, say
from core.usage import ModelOption, a_folder_to_write, a_name

if TYPE_CHECKING:
    from core.audit.progress import Progress

INTERRUPTED = 130


def _that_exist(inputs: list[str]) -> list[str]:
    for text in inputs:
        named = input_of(a_name(text))
        if isinstance(named, Path) and not os.path.exists(named):  # noqa: PTH110 - Path.exists raises where it may not look
            raise typer.BadParameter(
                f"{text} is no file and no folder on this computer, or may not be reached by this user: check the path."
            )
    return inputs


def audit(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Pictures, videos, folders, zip archives, lists of files (.txt, or .csv with a column 'path'), or "
            "addresses such as s3://bucket/folder.",
            callback=_that_exist,
        ),
    ],
    output: Annotated[
        Path, typer.Option(help="The folder for the results.", parser=a_folder_to_write, metavar="<path>")
    ],
    *,
    model: ModelOption = None,
    name: Annotated[str, typer.Option(help="What to call the audit, in its reports and on the page.")] = "",
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an audit stopped.")] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, help="Threads (with ray: processes) that read and judge; by default one per core."
        ),
    ] = None,
    engine: Annotated[
        Engine, typer.Option(help="Where: local on this machine, ray on the cluster of RAY_ADDRESS.")
    ] = Engine.LOCAL,
) -> None:
    """Judge whole collections; exit 0 if all files were read, 1 if some were not, 2 for wrong usage.

    Interrupted at any moment, it goes on with --resume and gives the same results. Of folders and archives, hidden files
    and folders are left out, and of folders what audits wrote there.
    """
    again = "Everything counted as done is kept. Go on with the same command and --resume."
    try:
        from core.audit.lifecycle import Order, carry_out
        from core.audit.model import load_card, stand_in
        from core.audit.report.reports import HTML_FILE, PDF_FILE, XLSX_FILE
        from core.audit.results import CSV_FILE, PARQUET_FILE
        from core.audit.store.audits import AuditStore
        from core.audit.store.records import State

        if model:
            load_card(model)  # one that there is not is told before a folder is made
        elif not resume and (told := stand_in()):
            say(told)
        named = tuple(input_of(text) for text in inputs)
        order = Order(named, output, model, resume, workers, engine=engine, name=name)
        with interruptible() as check, AuditStore.open() as store, progress_bar() as bar:
            task = bar.add_task("preparing", total=None)

            def show(progress: Progress) -> None:
                check()
                counts = progress.counts
                if counts is None:
                    bar.update(task, description="listing files", completed=progress.planned)
                    return
                bar.update(
                    task,
                    description=f"auditing, {counts.refused} errors",
                    completed=counts.done,
                    total=counts.total,
                    rate=progress.rate,
                )

            outcome = carry_out(order, store, watcher=show)
    except KeyboardInterrupt as error:
        say(f"Interrupted. {again}")
        raise typer.Exit(INTERRUPTED) from error
    if outcome.state is not State.FINISHED:
        say(f"The audit was {outcome.state}. {again if outcome.state is State.PAUSED else ''}")
        raise typer.Exit(INTERRUPTED)
    verdicts = ", ".join(f"{count} {label}" for label, count in sorted(outcome.counts.verdicts.items()))
    say(
        f"Wrote {output / CSV_FILE} and {PARQUET_FILE}: {verdicts or 'no verdict'}, {outcome.counts.duplicates} exact "
        f"duplicates, {outcome.unreadable} without a verdict (not readable, or no picture)."
    )
    say(f"Reports: {output / HTML_FILE}, {PDF_FILE} and {XLSX_FILE}.")
    if outcome.unreadable:
        raise typer.Exit(1)


def report(
    folder: Annotated[
        Path, typer.Argument(help="The folder with a finished audit's results.", exists=True, file_okay=False)
    ],
) -> None:
    """Write the results and reports of an audit again, with the latest rulings."""
    from core.audit.lifecycle import write_again
    from core.audit.report.reports import HTML_FILE, PDF_FILE, XLSX_FILE
    from core.audit.store.audits import AuditStore

    with AuditStore.open() as store:
        write_again(folder, store)
    say(f"Wrote {folder / HTML_FILE}, {PDF_FILE}, {XLSX_FILE} and the results again.")
