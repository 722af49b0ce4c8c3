"""The expected number of false accusations against arithmetic by hand."""

import pytest

from core.audit.report.figures import Rates, expected_false_accusations, rates_of, share_of
from core.detectors.card import Group, Interval
from tests.cards import split_figures


def rates(value, low, high, found: float | None = 0.85):
    return Rates("ood", 100, 100, Interval(value=value, low=low, high=high), None, found)


def test_the_expected_false_accusations_are_those_worked_out_by_hand():
    # share of AI (0.1 - 0.05) / (0.85 - 0.05) = 0.0625; 1000 x 0.9375 x 0.05 = 46.875; low: no such error;
    # high: of 0.0829 called ai, (0.0829 - 0.05) / 0.95 = 0.0346 are AI; 1000 x 0.9654 x 0.05 = 48.27, by Poisson's table 62
    found = expected_false_accusations(1000, 100, rates(0.05, 0.0, 0.05))
    assert found is not None
    assert found.ai_share == pytest.approx(0.0625)
    assert (found.accused, found.low) == pytest.approx((46.875, 0))
    assert found.high == 62


def test_a_few_pictures_promise_no_certainty():
    found = expected_false_accusations(8, 7, rates(0.05, 0.0, 0.13))
    assert found is not None
    assert found.accused == 0
    assert found.high == 2


def test_where_nearly_all_is_called_ai_nobody_is_said_to_be_safe():
    """The works may be easier for the model than those of its card; then some of those called ai are still by people."""
    found = expected_false_accusations(1000, 950, rates(0.04, 0.01, 0.11))
    assert found is not None
    assert (found.ai_share, found.accused, found.low) == (1, 0, 0)
    assert 8 < found.high < 20


def test_the_one_accused_is_not_said_to_be_wrongly_so():
    found = expected_false_accusations(100, 1, rates(0.04, 0.02, 0.11))
    assert found is not None
    assert (found.accused, found.low, found.high) == (1, 0, 1)


def test_never_more_are_falsely_accused_than_were_accused():
    found = expected_false_accusations(1000, 10, rates(0.05, 0.02, 0.1))
    assert found is not None
    assert (found.ai_share, found.accused, found.high) == (0, 10, 10)


@pytest.mark.parametrize("found", [None, 0.05, 0.01])
def test_without_a_usable_rate_there_is_no_estimate(found):
    assert expected_false_accusations(100, 10, rates(0.05, 0.0, 0.1, found)) is None


def test_nothing_judged_gives_no_estimate_and_no_share():
    assert expected_false_accusations(0, 0, rates(0.05, 0.0, 0.1)) is None
    assert share_of(0, 0) is None


def test_ai_called_ai_needs_groups_that_cover_the_split():
    whole = Group(label="ai", name="dall-e-3", images=60, wrong=0.1, inconclusive=0.2)
    part = Group(label="ai", name="dall-e-3", images=59, wrong=0.1, inconclusive=0.2)
    assert rates_of("ood", split_figures(0.9, whole)).ai_called_ai == pytest.approx(0.7)
    assert rates_of("ood", split_figures(0.9, part)).ai_called_ai is None


def test_wilson_interval_of_ten_in_a_hundred():
    found = share_of(10, 100)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.0552, 0.1744), abs=1e-4)
