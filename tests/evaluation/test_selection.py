import numpy as np
import pandas as pd
import pytest

from core.errors import EvaluationError
from core.evaluation.selection import Selection, join

REMEDIES = {name: f"python -m core evaluate {name} --corpus mine.csv" for name in "mn"}


@pytest.fixture
def manifest():
    rows = [
        ("a", "test", "human", "", "oil", "s1"),
        ("b", "test", "human", "", "", "s1"),
        ("c", "test", "ai", "flux", "", "s2"),
        ("d", "test", "ai", "sdxl", "", "s3"),
        ("e", "ood", "ai", "gpt", "", "s4"),
    ]
    frame = pd.DataFrame(rows, columns=["sha256", "split", "label", "family", "medium", "source"])
    return frame.assign(generator=frame["family"])


def said(manifest, first=0.1):
    return manifest[["sha256", "split", "label"]].assign(p_ai=first + 0.1 * np.arange(len(manifest)))


def test_models_are_joined_image_by_image_whatever_the_order_of_their_rows(manifest):
    turned = said(manifest, 0.2).iloc[::-1]
    table = join({"m": said(manifest), "n": turned}, Selection("test"), manifest, REMEDIES)
    assert table.images["sha256"].tolist() == ["a", "b", "c", "d"]
    np.testing.assert_allclose(table.p_ai["n"] - table.p_ai["m"], 0.1)
    assert table.truth.tolist() == [False, False, True, True]
    assert table.images["medium"].tolist() == ["oil", "not stated", "", ""]
    assert table.title.endswith("(2 human, 2 AI)")


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection("test", family="flux"), "abc"),
        (Selection("test", medium="oil"), "acd"),
        (Selection("test", family="sdxl", medium="not stated"), "bd"),
        (Selection("test", source="s1"), "ab"),
    ],
)
def test_a_family_narrows_the_ai_works_and_a_medium_the_human_ones(manifest, selection, expected):
    table = join({"m": said(manifest)}, selection, manifest, REMEDIES)
    assert "".join(table.images["sha256"]) == expected


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (Selection("train"), "no split 'train'"),
        (Selection("test", family="gpt"), "no family 'gpt' in test; there are flux, sdxl"),
        (Selection("test", medium="ink"), "no medium 'ink'"),
        (Selection("test", source="s9"), "comes from source 's9'"),
        (Selection("test", family="flux", source="s3"), "No image fits test"),
    ],
)
def test_what_is_not_there_is_named(manifest, selection, message):
    with pytest.raises(EvaluationError, match=message):
        join({"m": said(manifest)}, selection, manifest, REMEDIES)


def test_a_model_without_some_images_is_named_with_the_command_that_helps(manifest):
    with pytest.raises(
        EvaluationError, match=r"'n' lacks 1 of the 4 images.*first is d.*evaluate n --corpus mine"
    ):
        join({"m": said(manifest), "n": said(manifest).drop(3)}, Selection("test"), manifest, REMEDIES)


def test_images_and_labels_that_the_manifest_does_not_know_are_refused(manifest):
    with pytest.raises(EvaluationError, match="evaluated on 1 images that are not in test"):
        join({"m": said(manifest)}, Selection("test"), manifest.drop(0), REMEDIES)
    relabelled = said(manifest)
    relabelled.loc[0, "label"] = "ai"
    with pytest.raises(EvaluationError, match="another label for 1 images"):
        join({"m": relabelled}, Selection("test"), manifest, REMEDIES)
