from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit
from typer.testing import CliRunner

from core import cli
from core.corpus.manifest import Manifest
from core.detectors.card import ChosenThresholds, read_card, write_card
from core.detectors.cascade import read_stages
from core.detectors.preprocessing import Preprocessing
from core.errors import ModelError, TrainingError
from core.evaluation.held_out_margins import write_held_out
from core.evaluation.predictions import write_predictions
from core.training.cascade import Choice, Works, choose_cut_offs, fit_cascade
from core.training.heads import CALIBRATED_ON
from core.verdict import Thresholds
from tests.cards import as_if_measured, lay, network_card

BAND = Thresholds(0.3, 0.8)
COUNT = 200


def agreeing(kind: str = "works of val") -> Works:
    """Two models that agree on 100 works by persons and 100 generated ones."""
    fast = np.r_[np.linspace(0.01, 0.2, 100), np.linspace(0.85, 0.99, 100)]
    return Works(kind, (fast,), fast.copy(), np.arange(COUNT) >= COUNT // 2)


def chosen(*kinds: Works) -> Choice:
    return choose_cut_offs(kinds, BAND)


def human_below(choice: Choice) -> float:
    return choice.cuts[0].human_below


def test_models_that_agree_pass_nothing_on():
    (effect,) = chosen(agreeing()).effects
    assert effect.passed_on == (0,)
    assert effect.different == 0


def test_at_most_one_in_a_hundred_differs():
    works = agreeing()
    works.thorough[:5] = 0.9
    (effect,) = chosen(works).effects
    assert effect.different <= 0.01
    assert effect.passed_on == pytest.approx((98 / COUNT,))


def test_the_promise_holds_for_each_kind_of_works():
    known, unseen = agreeing("known"), agreeing("unseen")
    unseen.thorough[:5] = 0.9
    choice = chosen(known, unseen)
    assert [effect.kind for effect in choice.effects] == ["known", "unseen"]
    assert all(effect.different <= 0.01 for effect in choice.effects)
    assert human_below(choice) == human_below(chosen(unseen)) < human_below(chosen(known))


def test_nobody_is_accused_whom_the_thorough_model_does_not_accuse():
    works = agreeing()
    works.earlier[0][0], works.thorough[0] = 0.95, 0.1
    choice = chosen(works)
    assert choice.cuts[0].ai_above >= 0.95
    assert choice.effects[0].called_ai == 0


def test_nobody_is_accused_by_what_predictions_csv_rounds_off():
    works = agreeing()
    works.earlier[0][[0, 1]], works.thorough[[0, 1]] = 0.9123456, 0.1
    (cuts,) = chosen(works).cuts
    assert cuts.unsure(np.array([0.9123456 + 5e-7])).all()


def test_the_fast_model_may_call_generated_what_the_thorough_one_leaves_open():
    works = agreeing()
    works.thorough[-1] = 0.5
    (effect,) = chosen(works).effects
    assert (effect.passed_on, effect.called_ai) == ((0,), 1)


def undecided() -> Works:
    """A fast model that finds 100 works hard which another judges nearly as the thorough one, which leaves half open."""
    hard = [np.linspace(0.01, 0.2, 25), np.linspace(0.4, 0.7, 50), np.linspace(0.85, 0.98, 25)]
    thorough = np.r_[np.linspace(0.01, 0.2, 50), *hard, np.linspace(0.85, 0.99, 50)]
    fast = np.r_[thorough[:50], np.full(100, 0.5), thorough[150:]]
    return Works("works of val", (fast, thorough + 0.01), thorough, np.arange(COUNT) >= COUNT // 2)


def test_a_second_step_settles_what_the_first_passes_on():
    choice = chosen(undecided())
    (effect,) = choice.effects
    assert effect.passed_on == (0.5, 0)
    assert effect.different == 0
    assert choice.cuts[1].inconclusive_above is not None


def test_all_steps_together_keep_the_promise():
    works = undecided()
    works.thorough[[0, 1, 60]] = 0.9
    (effect,) = chosen(works).effects
    assert effect.different <= 0.01
    assert effect.passed_on[0] > effect.passed_on[1] > 0


def test_a_few_works_are_no_reason_to_let_inconclusive_stand():
    works = agreeing()
    works.earlier[0][99], works.thorough[99] = 0.5, 0.5
    choice = chosen(works)
    assert choice.cuts[0].inconclusive_above is None
    assert choice.effects[0].passed_on == (1 / COUNT,)


def test_no_works_no_cut_offs():
    nothing = Works("works of val", (np.empty(0),), np.empty(0), np.empty(0, bool))
    with pytest.raises(TrainingError, match=r"needs works of val .* there are none"):
        chosen(nothing)


def numbered(count: int) -> list[str]:
    return [f"{number:064x}" for number in range(count)]


@pytest.fixture
def corpus():
    """A manifest of works by persons and as many generated ones."""
    labels = ["human" if number < COUNT // 2 else "ai" for number in range(COUNT)]
    frame = pd.DataFrame({"sha256": numbered(COUNT), "label": labels})
    return Manifest(frame=frame, version="0" * 64, path=Path("works.csv"))


def hold_out(folder: Path, p_ai: np.ndarray) -> None:
    """Lay down that a model gave the first works `p_ai` when it had not seen them."""
    calibration = read_card(folder).calibration
    margins = (logit(p_ai) - calibration.intercept) / calibration.slope
    write_held_out(pd.DataFrame({"sha256": numbered(len(p_ai)), "part": 1, "margin": margins}), folder)


def say_of(split: str, folder: Path, p_ai: np.ndarray) -> None:
    """Lay down what a model said of the works of a split."""
    frame = pd.DataFrame(
        {
            "sha256": numbered(COUNT),
            "split": split,
            "label": ["human" if number < COUNT // 2 else "ai" for number in range(COUNT)],
            "generator": "",
            "source": "drawn",
            "p_ai": p_ai,
        }
    )
    write_predictions(frame, folder)
    as_if_measured(folder)


@pytest.fixture
def two(tmp_path, monkeypatch):
    """Two models that agree on works of val and on works held out."""
    monkeypatch.setenv("VERSO_MODELS", str(tmp_path))
    works = agreeing()
    quick = {
        "thresholds": ChosenThresholds(human_below=0.3, ai_above=0.7, policy="another"),
        "preprocessing": Preprocessing(short_side=256, window=224),
    }
    for name, p_ai, changes in (("quick", works.earlier[0], quick), ("slow", works.thorough, {})):
        folder = lay(network_card(name, **changes), tmp_path)
        hold_out(folder, p_ai)
        say_of("val", folder, p_ai)
    return tmp_path


def test_cut_offs_are_chosen_by_calibrated_probabilities_of_the_works_both_held_out(two, corpus):
    thorough = agreeing().thorough
    hold_out(two / "slow", thorough[:-20])
    _, unseen = fit_cascade(["quick"], "slow", corpus, two / "pair").effects
    assert unseen.works == COUNT - 20
    assert (unseen.passed_on, unseen.different) == ((0,), 0)
    hold_out(two / "slow", 1 - thorough)
    assert fit_cascade(["quick"], "slow", corpus, two / "pair").effects[1].passed_on[0] > 0.9


def test_works_of_val_have_a_say_and_test_images_have_none(two, corpus):
    before = fit_cascade(["quick"], "slow", corpus, two / "pair")
    say_of("val", two / "slow", 1 - agreeing().thorough)
    assert fit_cascade(["quick"], "slow", corpus, two / "pair").effects[0].passed_on[0] > 0.9
    say_of("test", two / "slow", agreeing().thorough)
    with pytest.raises(TrainingError, match="judged none of the same works"):
        fit_cascade(["quick"], "slow", corpus, two / "pair")
    assert before.effects[0].passed_on == (0,)


def test_works_that_are_not_in_the_corpus_are_left_out(two, corpus):
    part = Manifest(frame=corpus.frame[10:], version=corpus.version, path=corpus.path)
    assert [effect.works for effect in fit_cascade(["quick"], "slow", part, two / "pair").effects] == [
        190,
        190,
    ]


def test_the_card_names_both_models_and_has_the_thorough_ones_band(two, corpus):
    fit_cascade(["quick"], "slow", corpus, two / "pair")
    card = read_card(two / "pair")
    stages = read_stages(card, two / "pair")
    assert stages.names == ("quick", "slow")
    slow = read_card(two / "slow")
    assert (card.rule, card.preprocessing) == (slow.rule, slow.preprocessing)
    assert card.rule != read_card(two / "quick").rule
    assert f"slow judges what quick gives a p_ai {stages.steps[0]}." in card.summary


def test_a_cascade_does_not_replace_its_own_stage_nor_hold_another_cascade(two, corpus, monkeypatch):
    before = (two / "slow" / "card.toml").read_bytes()
    monkeypatch.chdir(two)
    with pytest.raises(TrainingError, match="would replace slow, one of its stages"):
        fit_cascade(["quick"], "slow", corpus, Path("slow"))
    assert (two / "slow" / "card.toml").read_bytes() == before
    fit_cascade(["quick"], "slow", corpus, two / "pair")
    with pytest.raises(ModelError, match="'pair' is a cascade"):
        fit_cascade(["pair"], "slow", corpus, two / "other")


def test_stages_named_by_a_path_are_found_from_any_folder(two, corpus, tmp_path_factory, monkeypatch):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (two / "quick").rename(elsewhere / "quick")
    monkeypatch.chdir(elsewhere)
    fit_cascade(["./quick"], "slow", corpus, two / "pair")
    assert read_stages(read_card(two / "pair"), two / "pair").names == (str(elsewhere / "quick"), "slow")


def test_models_that_held_out_other_works_are_refused(two, corpus):
    other = pd.DataFrame({"sha256": ["f" * 64], "part": [1], "margin": [0.5]})
    write_held_out(other, two / "slow")
    with pytest.raises(TrainingError, match=r"none of the same works of works\.csv, or held out none"):
        fit_cascade(["quick"], "slow", corpus, two / "pair")


def test_a_model_calibrated_on_nothing_held_out_is_refused(two, corpus):
    (two / "quick" / "held_out.csv").unlink()
    with pytest.raises(TrainingError, match="'quick' was calibrated on nothing held out; train it again"):
        fit_cascade(["quick"], "slow", corpus, two / "pair")


def test_a_model_that_is_older_than_the_file_of_works_held_out_is_not_said_to_have_held_none_out(two, corpus):
    (two / "quick" / "held_out.csv").unlink()
    card = read_card(two / "quick")
    calibration = card.calibration.model_copy(update={"fitted_on": CALIBRATED_ON})
    write_card(card.model_copy(update={"calibration": calibration}), two / "quick")
    as_if_measured(two / "quick")
    with pytest.raises(TrainingError, match="restore it or, if 'quick' was trained before Verso wrote"):
        fit_cascade(["quick"], "slow", corpus, two / "pair")


@pytest.mark.parametrize(
    "text",
    [
        "sha256,part\na,1\n",
        "sha256,part,margin\na,1,low\n",
        "sha256,part,margin\na,1,0.5\na,2,0.5\n",
        "",
    ],
)
def test_a_damaged_file_of_works_held_out_is_named(two, corpus, text):
    (two / "quick" / "held_out.csv").write_text(text)
    with pytest.raises(TrainingError, match=r"held_out\.csv .*restore it or train again"):
        fit_cascade(["quick"], "slow", corpus, two / "pair")


def test_the_command_says_what_is_passed_on(two, corpus, monkeypatch):
    monkeypatch.setattr("core.corpus.manifest.read", lambda _: corpus)
    options = ["cascade", "--fast", "quick", "--thorough", "slow", "--output", str(two / "pair")]
    result = CliRunner().invoke(cli.app, options)
    assert result.exit_code == 0
    assert "Of 200 works of val, 0.0% are passed on" in " ".join(result.output.split())
