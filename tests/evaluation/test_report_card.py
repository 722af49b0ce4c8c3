import shutil

import numpy as np
import pytest

from core.corpus import manifest
from core.detectors.card import read_card
from core.evaluation.predictions import read_predictions, write_predictions
from core.evaluation.report_card import refresh_card


@pytest.fixture
def model(tiny_model, tmp_path):
    return shutil.copytree(tiny_model, tmp_path / "tiny")


def test_groups_count_errors_of_each_medium_and_family(model, workshop):
    band = read_card(model).rule
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


def test_sources_of_human_works_count_their_own_errors(model, workshop):
    band = read_card(model).rule
    frame = read_predictions(model)
    accused = frame["source"] == "folder:human-1"
    frame["p_ai"] = np.where(accused, (1 + band.ai_above) / 2, band.human_below / 2)
    write_predictions(frame, model)
    refresh_card(model, manifest.read(workshop.manifest))
    for split, figures in read_card(model).splits.items():
        rows = frame[(frame["split"] == split) & (frame["label"] == "human")]
        assert {(group.name, group.images) for group in figures.sources} == set(
            rows["source"].value_counts().items()
        )
        assert all(group.label == "human" for group in figures.sources)
        assert {group.name: group.wrong for group in figures.sources} == {
            name: float(name == "folder:human-1") for name in rows["source"].unique()
        }


def test_known_failures_are_those_of_the_predictions(model, workshop):
    band = read_card(model).rule
    frame = read_predictions(model)
    frame["p_ai"] = np.where(frame["label"] == "ai", (1 + band.ai_above) / 2, band.human_below / 2)
    write_predictions(frame, model)
    refresh_card(model, manifest.read(workshop.manifest))
    assert read_card(model).known_failures == ()
    wrong = frame.index[(frame["split"] == "ood") & (frame["label"] == "human")][0]
    frame.loc[wrong, "p_ai"] = 0.99999
    write_predictions(frame, model)
    refresh_card(model, manifest.read(workshop.manifest))
    (failure,) = read_card(model).known_failures
    assert frame.loc[wrong, "sha256"][:12] in failure
    assert failure.endswith("so is 1 of 4 works of its kind there.")


def test_refreshing_without_new_predictions_changes_nothing(model, workshop):
    before = read_card(model)
    refresh_card(model, manifest.read(workshop.manifest))
    assert read_card(model) == before
