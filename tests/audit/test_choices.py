import pytest

from core.audit.choices import offers, outcome, reason, told
from core.audit.store.records import Choice
from core.verdict import Label


@pytest.mark.parametrize("label", Label)
def test_each_choice_is_offered_once_by_a_key_of_its_own(label):
    keys = [offer.key for offer in offers(label)]
    assert len(set(keys)) == len(keys)
    assert {Choice.OVERRIDE, Choice.UNSURE} <= {offer.choice for offer in offers(label)}


def test_a_decided_verdict_is_right_or_wrong_and_the_note_stays_as_it_was_written():
    agree, override, _ = offers(Label.HUMAN)
    assert (agree.choice, agree.meaning) == (Choice.AGREE, "The verdict is right: human-made.")
    assert (override.choice, override.meaning) == (Choice.OVERRIDE, "The verdict is wrong: generated.")
    assert override.note(" seen the sketch ") == "seen the sketch"


def test_where_the_model_cannot_tell_the_ruling_says_what_was_decided():
    human, generated, unsure = offers(Label.INCONCLUSIVE)
    assert human.choice is generated.choice is Choice.OVERRIDE
    assert human.note("seen the sketch") == "human-made: seen the sketch"
    assert generated.note("") == "generated"
    assert unsure.note("too small") == "too small"


@pytest.mark.parametrize("label", Label)
def test_what_was_decided_is_told_of_every_ruling_that_decides(label):
    for offer in offers(label):
        decided = outcome(label, offer.choice, offer.note("seen the sketch"))
        assert (decided == "") == (offer.choice is Choice.UNSURE)
        assert decided in offer.meaning
        assert told(label, offer.choice, offer.note("")) == (
            f"{offer.choice}: {decided}" if decided else offer.choice
        )
        assert reason(label, offer.choice, offer.note("seen the sketch")) == "seen the sketch"
        assert reason(label, offer.choice, offer.note("")) == ""
