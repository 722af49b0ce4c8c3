"""How the command line writes to a terminal."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event
from types import FrameType

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from core.visible_text import visible

console = Console(stderr=True)
WIDE = 10_000
"""Columns of a table that no terminal shows."""


def say(text: str, title: str = "") -> None:
    """Write a remark to stderr, letter by letter: nothing in it is markup, and no line of it is broken.

    Args:
        text: what to say; file names in it may hold anything.
        title: stands before it in red.
    """
    shown = Text("\n".join(map(visible, text.split("\n"))))
    console.print(Text.assemble((title, "red"), " ", shown) if title else shown, soft_wrap=True)


def show(table: Table) -> None:
    """Write a table to stdout, letter by letter; where no terminal shows it, as wide as its cells are."""
    width = None if sys.stdout.isatty() else WIDE
    Console(markup=False, emoji=False, highlight=False, width=width).print(table)


def write_json(line: Mapping[str, object]) -> None:
    """Write one line of JSON Lines to stdout, in UTF-8 whatever the computer's language."""
    typer.echo(json.dumps(line, ensure_ascii=False).encode(errors="replace"))


class RateColumn(ProgressColumn):
    """How many are done a second, over the last half minute; or the task's field `rate`, where it measures its own."""

    def render(self, task: Task) -> Text:
        """Return the rate, or nothing before there is one."""
        rate: float | None = task.fields.get("rate", task.finished_speed or task.speed)
        return Text("" if rate is None else f"{rate:.1f}/s", style="progress.data.speed")


def progress_bar() -> Progress:
    """Return the progress display all verbs use; it goes to stderr so that stdout stays clean."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
    )


@contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Give a check that raises `KeyboardInterrupt` if Ctrl-C was pressed since; in the main thread only.

    Python drops a `KeyboardInterrupt` that comes while it clears up an object: the work would go on unasked.
    """
    pressed = Event()

    def note(number: int, frame: FrameType | None) -> None:
        pressed.set()
        signal.default_int_handler(number, frame)

    def check() -> None:
        if pressed.is_set():
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, note)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)
