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


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_no_more_calibration_works_are_refuted_than_allowed(kind):
    """Of 99 works of a class, 4 are stranger than the 95th, at which the band ends."""
    chance = np.random.default_rng(3)
    for _ in range(100):
        human, ai = chance.beta(2, 4, 99).astype(kind), chance.beta(4, 2, 99).astype(kind)
        band = class_conditional(np.concatenate([human, ai]), np.arange(198) >= 99, 0.05, 0.05)
        assert sum(band.label(p) == "ai" for p in human.tolist()) <= 4
        assert sum(band.label(p) == "human" for p in ai.tolist()) <= 4


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
