"""Rates and time left."""

import pytest

from core.audit.progress import WINDOW, Pace
from core.audit.store.records import Counts, State


def counts(done, total):
    return Counts(waiting=total - done, refused=0, duplicates=0, verdicts={"ai": done})


def test_rate_and_time_left_follow_the_last_seconds():
    time = [0.0]
    pace = Pace(100, clock=lambda: time[0])
    time[0] = 10
    moment = pace.moment(State.RUNNING, counts(120, 200))
    assert moment.rate == pytest.approx(2)
    assert moment.seconds_left == pytest.approx(40)
    for time[0] in range(20, 20 + 10 * int(WINDOW), 10):
        moment = pace.moment(State.RUNNING, counts(120, 200))
    assert moment.rate == 0
    assert moment.seconds_left is None
