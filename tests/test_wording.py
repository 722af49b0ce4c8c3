"""What is said of a verdict, as its reader takes it."""

import pytest

from core.detectors.card import Interval, SplitFigures
from core.verdict import Thresholds, decide
from core.wording import Written, meaning, not_looked_at, reach, written
from tests.cards import head_card, network_card


def test_what_was_not_looked_at_is_said_with_its_share():
    assert not_looked_at(head_card("head"), 629, 352) == "44 % of the picture: the model judges its middle"
    assert not_looked_at(head_card("head"), 352, 352) == ""
    assert not_looked_at(network_card("three windows"), 629, 352) == ""


def test_the_reach_of_a_model_names_the_shapes_of_which_it_leaves_something_out():
    of_one_window, of_three = reach(head_card("head")), reach(network_card("three windows"))
    assert "33 % of one of 3 : 2, 50 % of one of 2 : 1, 80 % of one of 5 : 1" in of_one_window
    assert "square" not in of_one_window
    assert of_three.endswith("does not look at the rest: 56 % of one of 5 : 1.")
    whole = network_card("whole")
    far = whole.preprocessing.model_copy(update={"windows": 5, "uniform_aspect": 5.0})
    assert reach(whole.model_copy(update={"preprocessing": far})) == ""


@pytest.mark.parametrize(
    ("p_ai", "told"),
    [
        (
            0.95,
            "It also said so of 0.0 % (95 % range 0.0 % to 8.8 %) of 1,040 human works from sources new to it.",
        ),
        (
            0.1,
            "It also said so of 3.0 % (95 % range 1.0 % to 9.0 %) of 60 generated works from families new to it.",
        ),
    ],
)
def test_how_often_a_verdict_was_wrong_is_told_with_its_range_and_of_how_many_works(p_ai, told):
    figures = {
        "human_called_ai": Interval(value=0.0, low=0.0, high=0.088),
        "ai_called_human": Interval(value=0.03, low=0.01, high=0.09),
    }
    card = network_card("net", splits={"ood": SplitFigures(human=1040, ai=60, figures=figures)})
    assert told in meaning(decide(p_ai, Thresholds(0.3, 0.9), "net"), card)


@pytest.mark.parametrize(
    ("p_ai", "shown"),
    [
        (0.1234, Written("12 %", "29.1 %", "87.8 %")),
        (0.2906, Written("29 %", "29.1 %", "87.8 %")),
        (0.2912, Written("29.1 %", "29.1 %", "87.8 %")),
        (0.29096, Written("29 %", "29.1 %", "87.8 %")),
        (0.8779, Written("87.8 %", "29.1 %", "87.8 %")),
        (0.8782, Written("88 %", "29.1 %", "87.8 %")),
        (0.999, Written("over 99 %", "29.1 %", "87.8 %")),
        (0.001, Written("under 1 %", "29.1 %", "87.8 %")),
    ],
)
def test_the_figures_of_a_verdict_lead_their_reader_to_the_same_verdict(p_ai, shown):
    assert written(decide(p_ai, Thresholds(0.291, 0.878), "model")) == shown


@pytest.mark.parametrize("p_ai", [0.29996, 0.3, 0.30004, 0.3000004, 0.89999996, 0.9, 0.90004])
def test_figures_that_nearly_agree_get_more_decimals(p_ai):
    verdict = decide(p_ai, Thresholds(0.3, 0.9), "model")
    shown = written(verdict)
    values = [
        float(text.removesuffix(" %")) / 100 for text in (shown.p_ai, shown.human_below, shown.ai_above)
    ]
    assert decide(values[0], Thresholds(*values[1:]), "model").label == verdict.label
    assert len(shown.p_ai) == len("30 %") or shown.p_ai[::-1].index(".") == shown.human_below[::-1].index(".")
