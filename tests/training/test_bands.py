import numpy as np
import pytest

from core.corpus import manifest
from core.training.bands import WAYS, compare_bands
from core.training.heads import seen_rows
from core.training.held_out import by_family_and_source
from tests.commands import invoke, run_cli


@pytest.fixture
def frame(studio):
    return seen_rows(manifest.read(studio.manifest))


def test_a_band_is_measured_on_works_it_was_not_chosen_on(frame):
    folds = by_family_and_source(frame, 3, 0)
    spread = np.random.default_rng(0).uniform(1, 3, len(frame)).astype(np.float32)
    margins = np.where(frame["label"] == "ai", spread, -spread)
    fooled = folds[0].held_out
    margins[fooled] *= -1
    found = compare_bands(margins, frame, folds)
    human = (frame["label"] == "human").to_numpy()
    wrong = human[fooled].sum() / human.sum()
    assert found["human works called ai"].to_numpy() == pytest.approx(wrong, abs=0.1)


def test_scores_that_tell_nothing_decide_nothing(frame):
    folds = by_family_and_source(frame, 3, 0)
    found = compare_bands(np.zeros(len(frame), np.float32), frame, folds)
    assert (found["share decided"] == 0).all()
    assert found["accuracy where decided"].isna().all()


@pytest.mark.usefixtures("tiny_encoder")
def test_the_table_is_written_between_its_marks(studio, tmp_path):
    output = tmp_path / "EXPERIMENTS.md"
    output.write_text("Before.\n")
    for _ in range(2):
        run_cli(
            "bands", str(studio.recipes["svm"]), "--corpus", str(studio.manifest), "--output", str(output)
        )
    text = output.read_text()
    assert text.startswith("Before.")
    assert [text.count(f"| {way} |") for way in WAYS] == [1] * len(WAYS)
    assert "nan" not in text


def test_a_network_has_no_folds_to_compare_on(workshop, tmp_path):
    result = invoke(
        "bands", str(workshop.recipe), "--corpus", str(workshop.manifest), "--output", str(tmp_path / "x")
    )
    assert result.exit_code == 2
    assert "take verso" in " ".join(result.stderr.replace("│", " ").split())
