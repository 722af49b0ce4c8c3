"""What a verdict is worth hangs on how many of the works are generated."""

import numpy as np
import pytest

from core.detectors.card import Group, Interval, SplitFigures
from core.evaluation.base_rate import at_share, called_right, worth, wrong_among
from core.verdict import Label, Thresholds, decide
from tests.cards import head_card, network_card

BAND = Thresholds(0.3, 0.9)
GROUPS = (
    Group(label="human", name="comic", images=30, wrong=0.1, inconclusive=0.1),
    Group(label="human", name="oil", images=10, wrong=0.0, inconclusive=0.2),
    Group(label="ai", name="flux", images=60, wrong=0.05, inconclusive=0.2),
)


def figures(*groups: Group, **rates: tuple[float, float, float]) -> SplitFigures:
    known = {name: Interval(value=value, low=low, high=high) for name, (value, low, high) in rates.items()}
    return SplitFigures(human=40, ai=60, figures=known, groups=groups)


RATES = figures(*GROUPS, human_called_ai=(0.075, 0.02, 0.2), ai_called_human=(0.05, 0.0, 0.1))


def test_a_probability_stays_where_half_of_all_is_generated_and_falls_where_less_is():
    assert at_share(0.9, 0.5) == pytest.approx(0.9)
    assert at_share(0.9, 0.1) == pytest.approx(0.5)
    assert at_share(0.9, 0.9) == pytest.approx(81 / 82)
    assert at_share(0.0, 0.1) == 0
    assert at_share(1.0, 0.1) == 1


def test_adjusted_probabilities_are_as_frequent_as_they_say():
    """Of works drawn with one generated in five, those with an adjusted probability about q are generated in q of cases."""
    chance = np.random.default_rng(0)
    is_ai = chance.random(400_000) < 0.2
    log_odds = chance.normal(np.where(is_ai, 1.0, -1.0), 1.0)
    p_ai = 1 / (1 + np.exp(-2 * log_odds))  # right where there are as many of each
    adjusted = at_share(p_ai, 0.2)
    for low in (0.1, 0.3, 0.5, 0.7):
        near = (adjusted > low) & (adjusted < low + 0.1)
        assert is_ai[near].mean() == pytest.approx(adjusted[near].mean(), abs=0.02)


def test_wrong_verdicts_are_counted_among_all_of_their_kind():
    """Of 1 000 works with 100 generated: 900 × 7.5 % people accused, 100 × 75 % found; 5 called human, 900 × 80 % cleared."""
    accused = wrong_among(Label.AI, RATES, 0.1)
    assert accused.value == pytest.approx(67.5 / (67.5 + 75))
    assert accused.low == pytest.approx(18 / (18 + 75))
    assert accused.high == pytest.approx(180 / (180 + 75))
    assert wrong_among(Label.HUMAN, RATES, 0.1).value == pytest.approx(5 / (5 + 720))


@pytest.mark.parametrize(
    ("label", "rates"),
    [
        (Label.INCONCLUSIVE, RATES),
        (Label.AI, figures(*GROUPS)),
        (Label.AI, figures(*GROUPS[:2], human_called_ai=(0.075, 0.02, 0.2))),
        (Label.AI, figures(GROUPS[2].model_copy(update={"images": 59}), human_called_ai=(0.1, 0, 0.2))),
        (
            Label.AI,
            figures(GROUPS[2].model_copy(update={"inconclusive": 0.95}), human_called_ai=(0.0, 0, 0.1)),
        ),
    ],
    ids=["inconclusive", "no rate", "no group", "groups that lack a work", "never said"],
)
def test_what_the_card_does_not_tell_is_not_made_up(label, rates):
    assert wrong_among(label, rates, 0.1) is None


def test_a_class_is_called_right_where_it_is_neither_wrong_nor_undecided():
    assert called_right(RATES, "human") == pytest.approx((30 * 0.8 + 10 * 0.8) / 40)
    assert called_right(RATES, "ai") == pytest.approx(0.75)


def test_the_sentence_names_the_verdict_and_whom_it_would_wrong():
    card = network_card("tiny", splits={"ood": RATES})
    assert worth(decide(0.95, BAND, "tiny"), card, 0.1) == (
        "Of works from sources and generators new to the model (split ood), expect 47 % (19 % to 71 % over the 95 % range "
        "of its errors) of the verdicts AI to fall on works by people; the probability that this one is generated is 68 %."
    )
    assert (
        "expect 6 % (under 1 % to 11 % over the 95 % range of its errors) of the verdicts human to fall on generated works"
    ) in worth(decide(0.1, BAND, "tiny"), card, 0.5)


def test_without_rates_the_sentence_tells_the_probability_alone():
    said = "The probability that this one is generated is 68 %."
    assert worth(decide(0.95, BAND, "svm"), head_card("svm"), 0.1) == said
    card = network_card("tiny", splits={"ood": RATES})
    assert (
        worth(decide(0.5, BAND, "tiny"), card, 0.2) == "The probability that this one is generated is 20 %."
    )
