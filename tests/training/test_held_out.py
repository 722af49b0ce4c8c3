import numpy as np
import pandas as pd
import pytest

from core.errors import TrainingError
from core.training.held_out import by_family_and_source, by_source, expect_both_labels, one_family


@pytest.fixture
def frame():
    """Eight human sources; four families from six sources, of which `mixed` shows two families."""
    rows = [("human", "", f"h{i % 8}") for i in range(80)]
    for family, sources in {"a": ["x"], "b": ["y", "mixed"], "c": ["z", "mixed"], "d": ["v", "w"]}.items():
        rows += [("ai", family, sources[i % len(sources)]) for i in range(20)]
    return pd.DataFrame(rows, columns=["label", "family", "source"])


def sources(frame, rows):
    return set(frame["source"].iloc[rows])


def test_sources_are_held_out_once_and_whole(frame):
    folds = by_source(frame, 3, seed=0)
    assert sorted(np.concatenate([fold.held_out for fold in folds])) == list(range(len(frame)))
    for fold in folds:
        assert not sources(frame, fold.fitted) & sources(frame, fold.held_out)
        assert set(frame["label"].iloc[fold.held_out]) == {"human", "ai"}


def test_families_are_held_out_with_every_source_that_shows_them(frame):
    folds = by_family_and_source(frame, 3, seed=0)
    assert sorted(np.concatenate([fold.held_out for fold in folds])) == list(range(len(frame)))
    for fold in folds:
        fitted, held_out = frame.iloc[fold.fitted], frame.iloc[fold.held_out]
        assert not (set(fitted["family"]) - {""}) & set(held_out["family"])
        assert not sources(frame, fold.fitted) & sources(frame, fold.held_out)


def test_one_family_takes_its_shared_sources_with_it(frame):
    fold = one_family(frame, "b")
    assert set(frame["family"].iloc[fold.held_out]) == {"b"}
    assert "mixed" not in sources(frame, fold.fitted)
    assert set(frame["family"].iloc[fold.fitted]) == {"", "a", "c", "d"}


def test_a_fold_that_shares_its_sources_with_all_works_of_a_label_is_named(frame):
    expect_both_labels(frame, by_family_and_source(frame, 3, seed=0))
    of_everyone = frame.assign(source=np.where(frame["label"] == "human", "mixed", frame["source"]))
    folds = [one_family(of_everyone, "a"), one_family(of_everyone, "b")]
    with pytest.raises(TrainingError, match="Fold 2 of 2 shares its sources with all human works"):
        expect_both_labels(of_everyone, folds)


def test_works_of_one_label_alone_are_too_few_groups(frame):
    for rows in (frame[frame["label"] == "ai"], frame.iloc[:0]):
        with pytest.raises(TrainingError, match="only 0 groups"):
            by_family_and_source(rows.reset_index(drop=True), 2, seed=0)


def test_the_same_seed_gives_the_same_folds(frame):
    for one, other in zip(by_source(frame, 3, 7), by_source(frame, 3, 7), strict=True):
        np.testing.assert_array_equal(one.held_out, other.held_out)


def test_too_few_groups_are_refused(frame):
    with pytest.raises(TrainingError, match="only 4 groups"):
        by_family_and_source(frame, 5, seed=0)
