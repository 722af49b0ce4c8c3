import io
import signal

import pytest
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from core import terminal
from core.terminal import RateColumn, interruptible, progress_bar, say, show

NAME = f"[draft] [bold]:smile: 12 'one' {'long ' * 40}name.png"
"""Words that rich would take for markup, an emoji and something to colour, on more than one line of 80 columns."""


def test_the_rate_is_how_many_are_done_a_second():
    clock = iter(range(0, 1000, 2))
    bar = Progress(RateColumn(), console=Console(file=io.StringIO()), get_time=lambda: float(next(clock)))
    number = bar.add_task("judging", total=100)
    (task,) = bar.tasks
    assert RateColumn().render(task).plain == ""
    bar.advance(number, 10)
    bar.advance(number, 10)
    shown = RateColumn().render(task).plain
    assert shown.endswith("/s")
    assert 0 < float(shown.removesuffix("/s")) <= 10
    bar.update(number, rate=2.5)
    assert RateColumn().render(task).plain == "2.5/s"


@pytest.mark.parametrize("title", ["", "Error:"])
def test_a_remark_is_written_as_it_is_and_on_one_line(title, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    say(NAME, title)
    said = capsys.readouterr().err
    assert NAME in said
    assert said.count("\n") == 1


def test_a_name_in_a_remark_cannot_steer_the_terminal(capsys):
    say("two lines\nof \x1b[2J\u202egnp.exe")
    assert capsys.readouterr().err == "two lines\nof \\u001b[2J\\u202egnp.exe\n"


def test_the_cells_of_a_table_are_written_as_they_are_and_whole(capsys):
    table = Table(NAME, "number")
    table.add_row(f"of {NAME}", "1")
    show(table)
    heading, row = [line for line in capsys.readouterr().out.splitlines() if "name.png" in line]
    assert NAME in heading
    assert f"of {NAME}" in row


def test_what_is_being_done_is_written_as_it_is():
    bar = progress_bar()
    bar.add_task("[draft]: judging")
    (task,) = bar.tasks
    assert bar.columns[0].render(task).plain == "[draft]: judging"


@pytest.fixture
def shown(monkeypatch):
    """Shows the progress of a task on a terminal of so many columns."""

    def show_on(width: int, description: str, total: int, rate: float) -> str:
        file = io.StringIO()
        narrow = Console(file=file, width=width, color_system=None)
        monkeypatch.setattr(terminal, "console", narrow)
        bar = progress_bar()
        bar.update(bar.add_task(description, total=total, rate=rate), completed=total)
        narrow.print(bar.make_tasks_table(bar.tasks))
        return file.getvalue()

    return show_on


def test_each_time_stands_after_its_name(shown):
    line = shown(120, "auditing, 2 errors", 24, 61.5)
    assert "24/24 61.5/s elapsed 0:00:00 · left 0:00:00" in line
    assert "━" * 12 in line


@pytest.mark.parametrize(("total", "rate"), [(24, 61.5), (100_000, 1234.5)])
def test_a_narrow_terminal_leaves_the_bar_out_and_cuts_no_number(shown, total, rate):
    line = shown(40, "auditing, 2 errors", total, rate)
    assert line.count("\n") == 1
    assert "━" not in line
    assert line.rstrip().endswith(f"{total}/{total} {rate}/s left 0:00:00")
    assert line.startswith("au")


def test_the_bar_gives_way_before_what_is_being_done(shown):
    line = shown(80, "network 2 of 3, epoch 12 of 40", 40_000, 12.5)
    assert line.startswith("network 2 of 3, epoch 12 of 40")
    assert line.rstrip().endswith("left 0:00:00")


class PressesWhileClearedUp:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_is_heard_even_where_python_drops_it():
    before = signal.getsignal(signal.SIGINT)
    with interruptible() as check:
        check()
        pressed = PressesWhileClearedUp()
        del pressed
        with pytest.raises(KeyboardInterrupt):
            check()
    assert signal.getsignal(signal.SIGINT) is before
