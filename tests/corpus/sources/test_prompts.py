from collections import Counter

import pytest

from core.corpus.sources import prompts
from core.errors import SourceError

MANY = prompts.plan(4000, seed=3)


def test_the_same_seed_gives_the_same_prompts_and_a_larger_plan_begins_with_the_smaller():
    assert prompts.plan(50, seed=3) == MANY[:50]
    assert prompts.plan(50, seed=4) != MANY[:50]


def test_no_prompt_comes_twice():
    assert len({prompt.text for prompt in MANY}) == len(MANY)


def test_no_subject_and_so_no_prompt_is_in_two_splits_whatever_the_seed():
    seen = {}
    for seed in range(5):
        for prompt in prompts.plan(1000, seed):
            assert seen.setdefault(prompt.subject, prompt.split) == prompt.split
            assert prompt.subject.lower() in prompt.text.lower()
    by_split = {split: {p.text for p in MANY if p.split == split} for split in prompts.SHARES}
    assert not by_split["train"] & by_split["test"]


def test_the_splits_have_their_shares():
    counts = Counter(prompt.split for prompt in MANY)
    assert counts["train"] / len(MANY) == pytest.approx(0.70, abs=0.03)
    assert counts["test"] / len(MANY) == pytest.approx(0.15, abs=0.03)


def test_subject_medium_style_and_period_are_all_covered():
    words = prompts.vocabulary()
    assert {prompt.subject for prompt in MANY} == set(words.subjects)
    assert {prompt.medium for prompt in MANY} == {medium.name for medium in words.media}
    assert {prompt.style for prompt in MANY} == {style.name for style in words.styles}
    for prompt in MANY[:200]:
        assert prompt.style.lower() in prompt.text.lower()
        assert prompt.period in prompt.text
        assert "{" not in prompt.text


def test_every_split_has_subjects_and_no_subject_is_listed_twice():
    subjects = prompts.vocabulary().subjects
    assert len(set(subjects)) == len(subjects)
    assert {prompts.split_of(subject) for subject in subjects} == set(prompts.SHARES)


@pytest.mark.parametrize("count", [0, -1, 10**7])
def test_a_number_that_cannot_be_given_is_refused(count):
    with pytest.raises(SourceError, match="expected 1 to"):
        prompts.plan(count, seed=0)
