import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import EvaluationError
from core.evaluation.calibration import BandPolicy, choose_band, fit_platt
from core.evaluation.metrics import expected_calibration_error

POLICY = BandPolicy()


def test_platt_scaling_recovers_the_law_that_made_the_labels():
    chance = np.random.default_rng(0)
    margins = chance.normal(0, 3, 40_000)
    is_ai = chance.uniform(size=40_000) < 1 / (1 + np.exp(-(0.7 * margins)))
    platt = fit_platt(margins, pd.Series(np.where(is_ai, "ai", "human")), "drawn numbers")
    assert platt.slope == pytest.approx(0.7, abs=0.03)
    assert platt.intercept == pytest.approx(0, abs=0.05)
    assert expected_calibration_error(is_ai, platt(margins).astype(float)) < 0.015


def test_platt_scaling_assumes_even_odds_whatever_the_mix():
    chance = np.random.default_rng(0)
    margins = np.concatenate([chance.normal(-1, 1, 9000), chance.normal(1, 1, 1000)])
    platt = fit_platt(margins, pd.Series(["human"] * 9000 + ["ai"] * 1000), "drawn numbers")
    assert platt(np.zeros(1))[0] == pytest.approx(0.5, abs=0.03)


def test_platt_scaling_never_turns_the_order_round():
    chance = np.random.default_rng(0)
    margins = np.concatenate([chance.normal(51, 1, 500), chance.normal(49, 1, 500)])
    platt = fit_platt(margins, pd.Series(["human"] * 500 + ["ai"] * 500), "drawn numbers")
    assert (np.diff(platt(np.sort(margins))) >= 0).all()
    assert platt(margins) == pytest.approx(0.5, abs=0.02)


def test_platt_scaling_needs_both_classes():
    with pytest.raises(EvaluationError, match="both classes"):
        fit_platt(np.arange(3.0), pd.Series(["ai"] * 3), "drawn numbers")


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000), st.integers(30, 300), st.floats(0.05, 0.4))
def test_the_band_keeps_its_promise(seed, count, spread):
    chance = np.random.default_rng(seed)
    labels = pd.Series(["human"] * count + ["ai"] * count)
    centre = np.where(labels == "ai", 0.7, 0.3)
    p_ai = np.clip(chance.normal(centre, spread), 0, 1)
    media = pd.Series(np.where(labels == "human", chance.choice(["oil", "comic"], 2 * count), ""))
    band = choose_band(p_ai, labels, media, POLICY, "drawn numbers")
    human = (labels == "human").to_numpy()
    assert band.human_below <= 0.5 <= band.ai_above
    assert (p_ai[human] > band.ai_above).mean() <= POLICY.human_called_ai
    assert (p_ai[~human] < band.human_below).mean() <= POLICY.ai_called_human
    for medium in ("oil", "comic"):
        of_medium = p_ai[human & (media == medium).to_numpy()]
        if len(of_medium) >= POLICY.least_group:
            assert (of_medium > band.ai_above).mean() <= POLICY.medium_called_ai


def test_one_hard_medium_widens_the_band():
    labels = pd.Series(["human"] * 100 + ["ai"] * 100)
    media = pd.Series(["print"] * 80 + ["oil"] * 20 + [""] * 100)
    p_ai = np.concatenate([np.full(80, 0.1), np.linspace(0.1, 0.55, 18), [0.8, 0.9], np.full(100, 0.95)])
    band = choose_band(p_ai, labels, media, POLICY, "drawn numbers")
    assert band.ai_above == pytest.approx(0.8)
    assert "at most 2% of human works" in band.policy


def test_the_band_uses_what_it_is_allowed():
    """One generated work in twenty may be called human, and one human work in fifty ai: no work more is left open."""
    labels = pd.Series(["human"] * 100 + ["ai"] * 100)
    p_ai = np.concatenate(
        [np.linspace(0.01, 0.6, 98), [0.8, 0.9], np.linspace(0.1, 0.2, 5), np.full(95, 0.4)]
    )
    band = choose_band(p_ai, labels, pd.Series([""] * 200), POLICY, "drawn numbers")
    assert (band.human_below, band.ai_above) == pytest.approx((0.4, 0.6))


def test_clean_separation_leaves_no_band():
    labels = pd.Series(["human"] * 50 + ["ai"] * 50)
    p_ai = np.concatenate([np.full(50, 0.1), np.full(50, 0.9)])
    band = choose_band(p_ai, labels, pd.Series([""] * 100), POLICY, "drawn numbers")
    assert (band.human_below, band.ai_above) == (0.5, 0.5)
