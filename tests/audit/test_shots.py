"""What is said of the shots of a video."""

from core.audit.inputs.videos import FRAMES_PER_SHOT
from core.audit.shots import RULE, disagree, tally


def test_shots_of_other_verdicts_are_said_to_disagree():
    assert tally({"human": 1, "ai": 1}) == "shots disagree: 1 ai, 1 human"
    assert tally({"inconclusive": 2, "human": 3}) == "shots disagree: 3 human, 2 inconclusive"
    assert tally({"human": 3}) == "3 human"
    assert not disagree({"human": 3})


def test_the_rule_names_as_many_frames_as_are_judged():
    assert {3: "three"}[FRAMES_PER_SHOT] in RULE
