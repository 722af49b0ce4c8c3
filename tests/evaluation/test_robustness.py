import re

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from core.errors import EvaluationError
from core.evaluation.robustness import ROBUSTNESS_FILE, read_robustness, robustness_figures
from core.verdict import Thresholds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sha256,jpeg-50\na,0.5\na,0.5\n", "each image once, but names 1 again"),
        ("sha256,jpeg-50\na,1.5\nb,0.5\n", "0 to 1, but 1 values are none"),
        ("sha256,jpeg-50\na,\nb,0.5\n", "cannot be read"),
        ("sha256,jpeg-50\na,nan\nb,0.5\n", "0 to 1, but 1 values are none"),
        ("sha256,jpeg-50\na,high\n", "cannot be read"),
        ("sha256,jpeg-51\na,0.5\n", "but has sha256, jpeg-51"),
        ("sha256\na\n", "columns named after perturbations"),
        ("picture,jpeg-50\na,0.5\n", "cannot be read"),
        ("", "cannot be read"),
        ("sha256,jpeg-50\na,0.5,0.5\na,0.5,0.5,0.7,8\n", "cannot be read"),
    ],
)
def test_a_broken_file_gives_one_sentence_with_a_way_out(tmp_path, text, message):
    (tmp_path / ROBUSTNESS_FILE).write_text(text)
    with pytest.raises(EvaluationError, match=message) as caught:
        read_robustness(tmp_path)
    assert "--perturb all" in str(caught.value)
    assert str(tmp_path / ROBUSTNESS_FILE) in str(caught.value)


def test_a_file_that_is_not_there_names_the_command(tmp_path):
    with pytest.raises(
        EvaluationError, match=f"python -m core evaluate {re.escape(str(tmp_path))} --perturb all"
    ):
        read_robustness(tmp_path)


def drawn_figures(count=120):
    chance = np.random.default_rng(5)
    label = np.array(["human", "ai"] * (count // 2))
    frame = pd.DataFrame(
        {
            "sha256": [f"{number:064x}" for number in range(count)],
            "label": label,
            "source": [f"{kind}-{number % 7}" for number, kind in enumerate(label)],
            "p_ai": np.clip(chance.normal(np.where(label == "ai", 0.7, 0.3), 0.2), 0, 1),
        }
    )
    columns = {
        "jpeg-50": np.clip(frame["p_ai"] + chance.normal(0, 0.2, count), 0, 1).to_numpy(),
        "greyscale": frame["p_ai"].to_numpy(),
    }
    return frame, pd.DataFrame(columns, index=pd.Index(frame["sha256"]))


def test_figures_equal_those_computed_directly():
    frame, perturbed = drawn_figures()
    figures = robustness_figures(
        frame, perturbed.sample(frac=1, random_state=1), Thresholds(0.4, 0.6), "measure"
    )
    truth, after = (frame["label"] == "ai").to_numpy(), perturbed["jpeg-50"].to_numpy()
    found = figures["jpeg-50"]
    assert found.auc.value == pytest.approx(roc_auc_score(truth, after), abs=5e-5)
    lost = roc_auc_score(truth, frame["p_ai"]) - roc_auc_score(truth, after)
    assert found.auc_lost.value == pytest.approx(lost, abs=5e-5)
    assert found.human_called_ai.value == pytest.approx((after[~truth] > 0.6).mean(), abs=5e-5)
    assert found.ai_called_human.value == pytest.approx((after[truth] < 0.4).mean(), abs=5e-5)
    assert found.coverage.value == pytest.approx(((after < 0.4) | (after > 0.6)).mean(), abs=5e-5)


def test_the_interval_of_what_was_lost_is_paired():
    frame, perturbed = drawn_figures()
    figures = robustness_figures(frame, perturbed, Thresholds(0.4, 0.6), "measure")
    nothing = figures["greyscale"].auc_lost
    assert (nothing.value, nothing.low, nothing.high) == (0, 0, 0)
    found = figures["jpeg-50"]
    assert found.auc_lost.low <= found.auc_lost.value <= found.auc_lost.high
    assert found.auc_lost.high - found.auc_lost.low < 2 * (found.auc.high - found.auc.low)


def test_figures_of_other_images_are_refused():
    frame, perturbed = drawn_figures()
    with pytest.raises(EvaluationError, match=r"2 of 120 images.*measure again with `measure mine`"):
        robustness_figures(frame, perturbed.iloc[2:], Thresholds(0.4, 0.6), "measure mine")
