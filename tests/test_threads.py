"""Work shared among threads."""

import threading
import time

import pytest

from core.threads import AHEAD, in_order


def test_results_come_in_the_order_of_the_items():
    def slow_first(number):
        time.sleep(0.02 if number == 0 else 0)
        return number * 2

    assert list(in_order(slow_first, range(20), 3)) == [number * 2 for number in range(20)]


def test_items_are_taken_only_as_needed():
    taken = []

    def items():
        for number in range(1_000):
            taken.append(number)
            yield number

    results = in_order(lambda number: number, items(), 2)
    next(results)
    assert len(taken) <= AHEAD * 2
    results.close()


def test_an_error_comes_where_its_result_would_have():
    def fail_at_two(number):
        if number == 2:
            raise ValueError("two")
        return number

    results = in_order(fail_at_two, range(5), 2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(results)


def test_stopping_early_drops_what_was_not_begun():
    begun, gate = [], threading.Event()

    def wait(number):
        begun.append(number)
        gate.wait(5 if number else 0)
        return number

    results = in_order(wait, range(100), 1)
    next(results)
    gate.set()
    results.close()
    assert len(begun) <= AHEAD + 1
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("verso")]
