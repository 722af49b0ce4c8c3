import numpy as np
import pytest

from core.errors import EvaluationError
from core.evaluation.conformal import class_conditional


def test_the_promised_error_rates_hold_on_average_for_works_of_the_same_kind():
    chance = np.random.default_rng(0)
    accused, missed = [], []
    for _ in range(400):
        human, ai = chance.beta(2, 4, 61), chance.beta(4, 2, 61)
        p_ai = np.concatenate([human[:-1], ai[:-1]])
        band = class_conditional(p_ai, np.arange(120) >= 60, 0.05, 0.10)
        accused.append(band.label(human[-1]) == "ai")
        missed.append(band.label(ai[-1]) == "human")
    assert np.mean(accused) < 0.05 + 0.03
    assert np.mean(missed) < 0.10 + 0.04
    assert np.mean(missed) > 0.02, "a band that decides nothing would keep any promise"


def test_too_few_works_for_the_promise_decide_nothing():
    p_ai = np.array([0.1, 0.2, 0.8, 0.9])
    band = class_conditional(p_ai, np.array([False, False, True, True]), 0.05, 0.10)
    assert {band.label(p) for p in (0.0, 0.001, 0.5, 0.999, 1.0)} == {"inconclusive"}


def test_between_two_separate_classes_lies_the_band():
    p_ai = np.concatenate([np.linspace(0.0, 0.2, 100), np.linspace(0.8, 1.0, 100)])
    band = class_conditional(p_ai, np.arange(200) >= 100, 0.05, 0.10)
    assert (band.label(0.1), band.label(0.5), band.label(0.9)) == ("human", "inconclusive", "ai")


def test_one_class_is_not_enough():
    with pytest.raises(EvaluationError, match="both classes"):
        class_conditional(np.array([0.1, 0.2]), np.array([False, False]), 0.05, 0.10)
