import io
import signal

import pytest
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

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
