"""What is said of maps, as an analyst reads it."""

import numpy as np
import pandas as pd
import pytest

from core.detectors.card import Weights, identity, read_card
from core.evaluation import faithfulness
from core.evaluation.faithfulness import AREAS, COLUMNS
from core.explain import Saliency
from core.review.maps import UNMEASURED, shows, worth
from tests.cards import lay, network_card

DIGEST = "ab" * 32


@pytest.fixture
def folder(tmp_path):
    return lay(network_card("net", weights=Weights(file="weights.safetensors", sha256=DIGEST)), tmp_path)


def measured(folder, made_with="", **of_grad_cam):
    """Write what was measured: every area 0.5, but for those of Grad-CAM's maps that are given."""
    rows = [
        {
            "sha256": f"{number:064}",
            "label": ("ai", "human")[number % 2],
            "source": f"source {number}",
            "target": "ai",
            "made_with": made_with or identity(read_card(folder)),
            "method": method,
            "randomised": 0.0,
            **dict.fromkeys(AREAS, 0.5),
            **(of_grad_cam if method == "grad-cam" else {}),
        }
        for number in range(8)
        for method in ("grad-cam", "occlusion")
    ]
    faithfulness.write(pd.DataFrame(rows)[list(COLUMNS)], folder)


def test_the_better_measured_map_is_named_with_what_was_measured(folder):
    measured(folder, insertion_map=0.25, insertion_centre=0.5)
    said = worth(folder)
    assert "Grad-CAM is the quick look, and Occlusion shows better what the model judges by" in said
    assert "on 8 images (ahead with parts put back: 0.250" in said
    assert "Grad-CAM is worse than a random map with parts put back and a blob in the middle" in said
    measured(folder, deletion_map=0.125)
    assert worth(folder).startswith("Grad-CAM shows better")


def test_maps_that_differ_both_ways_or_not_at_all_are_not_ranked(folder):
    measured(folder)
    assert "cannot be told apart" in worth(folder)
    measured(folder, deletion_map=0.25, insertion_map=0.25)
    assert "each shows better in one way" in worth(folder)
    assert "Occlusion with parts put back, Grad-CAM with parts taken away" in worth(folder)


def test_what_was_not_measured_of_these_weights_is_said_to_be_unknown(folder):
    assert worth(folder) == UNMEASURED
    measured(folder, made_with="cd" * 8)
    assert worth(folder) == UNMEASURED
    (folder / faithfulness.FAITHFULNESS_FILE).write_text("a,b\n")
    assert worth(folder) == UNMEASURED


@pytest.mark.parametrize("method", ["grad-cam", "occlusion"])
def test_an_empty_map_is_explained(method):
    nothing = Saliency(np.zeros((4, 4), np.float32), np.ones((4, 4), np.bool_), "ai")
    said = shows(method, nothing)
    assert "the score for AI" in said
    assert "does not contradict the verdict" in said


def test_a_map_says_what_it_shows_and_what_is_dimmed():
    heat, seen = np.eye(4, dtype=np.float32), np.ones((4, 4), np.bool_)
    assert (
        shows("occlusion", Saliency(heat, seen, "human")) == "Occlusion: brighter parts spoke more for human."
    )
    seen[:, 0] = False
    assert shows("grad-cam", Saliency(heat, seen, "ai")).endswith("for AI; dimmed: not looked at.")
