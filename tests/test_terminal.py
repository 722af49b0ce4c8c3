import io
import signal

import pytest
from rich.console import Console
from rich.progress import Progress

from core.terminal import RateColumn, interruptible


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
