import shutil

import pytest

from core.corpus import manifest
from core.detectors.card import read_card
from core.evaluation.predictions import read_predictions, write_predictions
from core.evaluation.report_card import refresh_card


@pytest.fixture
def model(tiny_model, tmp_path):
    return shutil.copytree(tiny_model, tmp_path / "tiny")


def test_groups_count_errors_of_each_medium_and_family(model, workshop):
    band = read_card(model).band
    frame = read_predictions(model)
    frame["p_ai"] = frame["label"].map(
        {"human": (1 + band.ai_above) / 2, "ai": (band.human_below + band.ai_above) / 2}
    )
    write_predictions(frame, model)
    refresh_card(model, manifest.read(workshop.manifest))
    human, ai = sorted(read_card(model).splits["ood"].groups, key=lambda group: group.label, reverse=True)
    assert (human.label, human.name, human.images) == ("human", "oil", 4)
    assert (human.wrong, human.inconclusive) == (1, 0)
    assert (ai.label, ai.name, ai.images) == ("ai", "grid", 4)
    assert (ai.wrong, ai.inconclusive) == (0, 1)


def test_refreshing_without_new_predictions_changes_nothing(model, workshop):
    before = read_card(model)
    refresh_card(model, manifest.read(workshop.manifest))
    assert read_card(model) == before
