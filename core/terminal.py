"""How the command line writes to a terminal."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
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
from rich.table import Column, Table
from rich.text import Text

from core.visible_text import visible

console = Console(stderr=True)
WIDE = 10_000
"""Columns of a table that no terminal shows."""
BAR, LEAST_BAR = 40, 8
"""Columns of a progress bar, and how many are the fewest worth showing."""


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


def _whole() -> Column:
    """Return a column of a table that is not cut as long as another can be."""
    return Column(no_wrap=True)


class RateColumn(ProgressColumn):
    """How many are done a second, over the last half minute; or the task's field `rate`, where it measures its own."""

    def render(self, task: Task) -> Text:
        """Return the rate, or nothing before there is one."""
        rate: float | None = task.fields.get("rate", task.finished_speed or task.speed)
        return Text("" if rate is None else f"{rate:.1f}/s", style="progress.data.speed")


class TimesColumn(ProgressColumn):
    """How long it took so far, and how much time is left where that can be told."""

    def __init__(self, *, elapsed: bool = True) -> None:
        super().__init__(_whole())
        self._elapsed = TimeElapsedColumn() if elapsed else None
        self._left = TimeRemainingColumn()

    def render(self, task: Task) -> Text:
        """Return the times, each after its name."""
        left = self._left.render(task)
        parts = [Text.assemble("left ", left)] if left else []
        if self._elapsed is not None:
            parts.insert(0, Text.assemble("elapsed ", self._elapsed.render(task)))
        return Text(" · ").join(parts)


class ShortenedColumn(TextColumn):
    """A text that gives way to the other columns, on one line."""

    def render(self, task: Task) -> Text:
        """Return the text, which ends in an ellipsis where it has no room."""
        text = super().render(task)
        text.no_wrap, text.overflow = True, "ellipsis"
        return text


class FittingProgress(Progress):
    """A progress display that is never cut at its end: a narrow terminal shows no bar, a narrower one only the time left.

    What is being done is shortened where even that has no room.
    """

    def __init__(self, shown_on: Console) -> None:
        doing = TextColumn("{task.description}", markup=False)
        short = ShortenedColumn("{task.description}", markup=False, table_column=Column())
        counted = (MofNCompleteColumn(table_column=_whole()), RateColumn(_whole()))
        self._shown_on = shown_on
        self._layouts: tuple[tuple[ProgressColumn, ...], ...] = (
            (doing, BarColumn(BAR), *counted, TimesColumn()),
            (doing, *counted, TimesColumn()),
            (short, *counted, TimesColumn(elapsed=False)),
        )
        super().__init__(*self._layouts[0], console=shown_on)

    def make_tasks_table(self, tasks: Iterable[Task]) -> Table:
        """Return the widest of the layouts that has room."""
        shown = list(tasks)
        for layout in self._layouts:
            self.columns = layout
            table = super().make_tasks_table(shown)
            if self._has_room_for(table):
                break
        return table

    def _has_room_for(self, table: Table) -> bool:
        unbounded = self._shown_on.options.update(max_width=WIDE)
        needed = self._shown_on.measure(table, options=unbounded).maximum
        spared = BAR - LEAST_BAR if any(isinstance(each, BarColumn) for each in self.columns) else 0
        return needed - spared <= self._shown_on.width


def progress_bar() -> Progress:
    """Return the progress display all verbs use; it goes to stderr so that stdout stays clean."""
    return FittingProgress(console)


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
