from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from core import cli
from core.detectors.card import read_card
from core.detectors.cascade import read_stages
from core.errors import TrainingError
from core.evaluation.predictions import write_predictions
from core.training.cascade import choose_cut_offs, fit_cascade
from core.verdict import Thresholds
from tests.cards import lay, network_card

BAND = Thresholds(0.3, 0.8)
COUNT = 200


def agreeing() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two models that agree on 100 works by persons and 100 generated ones."""
    fast = np.r_[np.linspace(0.01, 0.2, 100), np.linspace(0.85, 0.99, 100)]
    return fast, fast.copy(), np.arange(COUNT) >= COUNT // 2


def test_models_that_agree_pass_nothing_on():
    choice = choose_cut_offs(*agreeing(), BAND)
    assert choice.passed_on == choice.different == 0


def test_at_most_one_in_a_hundred_differs():
    fast, thorough, is_ai = agreeing()
    thorough[:5] = 0.9
    choice = choose_cut_offs(fast, thorough, is_ai, BAND)
    assert choice.different <= 0.01
    assert choice.passed_on == pytest.approx(98 / COUNT)


def test_nobody_is_accused_whom_the_thorough_model_does_not_accuse():
    fast, thorough, is_ai = agreeing()
    fast[0], thorough[0] = 0.95, 0.1
    choice = choose_cut_offs(fast, thorough, is_ai, BAND)
    assert choice.ai_above >= 0.95
    assert choice.called_ai == 0


def test_the_fast_model_may_call_generated_what_the_thorough_one_leaves_open():
    fast, thorough, is_ai = agreeing()
    thorough[-1] = 0.5
    choice = choose_cut_offs(fast, thorough, is_ai, BAND)
    assert (choice.passed_on, choice.called_ai) == (0, 1)


def test_no_predictions_no_cut_offs():
    with pytest.raises(TrainingError, match="run `evaluate` first"):
        choose_cut_offs(np.empty(0), np.empty(0), np.empty(0, bool), BAND)


def predictions(val: np.ndarray, test: np.ndarray) -> pd.DataFrame:
    p_ai = np.r_[val, test]
    rows = len(p_ai)
    return pd.DataFrame(
        {
            "sha256": [f"{number:064x}" for number in range(rows)],
            "split": ["val"] * len(val) + ["test"] * len(test),
            "label": ["ai" if number % COUNT >= COUNT // 2 else "human" for number in range(rows)],
            "generator": "",
            "source": "drawn",
            "p_ai": p_ai,
        }
    )


@pytest.fixture
def two(tmp_path, monkeypatch):
    """Two models that agree on val."""
    monkeypatch.setenv("VERSO_MODELS", str(tmp_path))
    fast, thorough, _ = agreeing()
    for name, p_ai in (("quick", fast), ("slow", thorough)):
        write_predictions(predictions(p_ai, p_ai), lay(network_card(name), tmp_path))
    return tmp_path


def test_test_images_choose_nothing(two):
    before = fit_cascade("quick", "slow", two / "pair")
    fast, thorough, _ = agreeing()
    write_predictions(predictions(thorough, 1 - fast), two / "slow")
    assert fit_cascade("quick", "slow", two / "pair") == before


def test_the_card_names_both_models_and_has_the_thorough_ones_band(two):
    fit_cascade("quick", "slow", two / "pair")
    card = read_card(two / "pair")
    stages = read_stages(card, two / "pair")
    assert (stages.fast, stages.thorough) == ("quick", "slow")
    assert card.band == read_card(two / "slow").band
    assert f"{stages.human_below:.6f} to {stages.ai_above:.6f}" in card.summary


def test_models_that_judged_other_images_are_refused(two):
    fast = agreeing()[0]
    write_predictions(predictions(fast[:-1], fast), two / "slow")
    with pytest.raises(TrainingError, match="did not judge the same images of val"):
        fit_cascade("quick", "slow", two / "pair")


def test_the_command_says_what_is_passed_on(two):
    options = ["cascade", "--fast", "quick", "--thorough", "slow", "--output", str(two / "pair")]
    result = CliRunner().invoke(cli.app, options)
    assert result.exit_code == 0
    assert "0.0% are passed on" in " ".join(result.output.split())
