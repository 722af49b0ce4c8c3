"""What is said of a verdict, as its reader takes it."""

from core.review.wording import not_looked_at, reach
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
