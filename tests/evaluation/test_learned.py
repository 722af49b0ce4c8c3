"""Works a model learned from are not measured as unseen, whichever manifest is named."""

import warnings
from dataclasses import replace
from pathlib import Path

import pytest

from core.detectors.card import Corpus
from core.errors import EvaluationError, EvaluationWarning
from core.evaluation import learned
from core.evaluation.held_out_margins import write_held_out
from core.evaluation.learned import expect_unseen
from tests.cards import head_card, lay, network_card


@pytest.fixture(autouse=True)
def warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.fixture
def ours(corpus, monkeypatch):
    """The drawn corpus as if it were the shipped one."""
    monkeypatch.setattr(learned, "SHIPPED", corpus.path)
    return corpus


@pytest.fixture
def dealt_again(corpus):
    """A manifest of the user's: the same works, with those of train as test."""
    frame = corpus.frame.assign(split=corpus.frame["split"].replace({"train": "test", "test": "train"}))
    return replace(corpus, frame=frame, version="e" * 64, path=Path("mine.csv"))


def of(corpus, card):
    made_of = Corpus(version=corpus.version, train_human=1, train_ai=1, val_human=1, val_ai=1)
    return card.model_copy(update={"corpus": made_of})


def held_out(corpus, splits, folder):
    rows = corpus.frame[corpus.frame["split"].isin(splits)]
    write_held_out(rows.assign(part=1, margin=0.5), folder)


@pytest.mark.parametrize("card", [network_card("net"), head_card("head")], ids=lambda card: card.name)
def test_works_that_a_model_of_the_shipped_corpus_learned_from_are_refused(ours, dealt_again, card, tmp_path):
    folder = lay(of(ours, card), tmp_path)
    expect_unseen([folder], ours)
    with pytest.raises(EvaluationError, match=rf"24 images of test and ood in mine.csv .* '{card.name}'"):
        expect_unseen([folder], dealt_again)


def test_the_original_of_a_work_that_was_learned_is_refused_too(ours, dealt_again, tmp_path):
    folder = lay(of(ours, head_card("head")), tmp_path)
    other_copies = dealt_again.frame.assign(sha256=dealt_again.frame["sha256"].str[::-1])
    with pytest.raises(EvaluationError, match="24 images"):
        expect_unseen([folder], replace(dealt_again, frame=other_copies))


def test_other_works_are_measured_with_a_model_of_the_shipped_corpus(ours, tmp_path):
    folder = lay(of(ours, network_card("net")), tmp_path)
    rows = ours.frame["split"].isin(["test", "ood"])
    expect_unseen([folder], replace(ours, frame=ours.frame[rows], version="e" * 64))


def test_every_stage_of_a_cascade_counts(ours, dealt_again, tmp_path):
    innocent = lay(of(dealt_again, network_card("innocent")), tmp_path)
    guilty = lay(of(ours, head_card("guilty")), tmp_path)
    with pytest.raises(EvaluationError, match="'guilty'"):
        expect_unseen([innocent, guilty], dealt_again)


def test_a_head_of_another_corpus_is_known_by_what_it_held_out(corpus, dealt_again, tmp_path):
    folder = lay(of(corpus, head_card("head")), tmp_path)
    held_out(corpus, ["train", "val"], folder)
    with pytest.raises(EvaluationError, match="24 images"):
        expect_unseen([folder], dealt_again)
    expect_unseen([folder], replace(corpus, version="e" * 64))


def test_where_what_was_learned_is_not_known_it_is_said(corpus, tmp_path):
    others = replace(corpus, version="e" * 64, path=Path("mine.csv"))
    head = lay(of(corpus, head_card("head")), tmp_path)
    network = lay(of(corpus, network_card("net")), tmp_path)
    held_out(corpus, ["val"], network)
    for folder in (head, network):
        with pytest.warns(
            EvaluationWarning, match=rf"'{folder.name}' was made with another .* than mine.csv"
        ):
            expect_unseen([folder], others)
