import pandas as pd
import pytest

from core.corpus import manifest
from core.corpus.cache import ImageCache
from core.detectors.store import load_detector
from core.errors import CorpusError, EvaluationError
from core.evaluation.predictions import COLUMNS, margins, read_predictions, write_predictions


def test_predictions_cover_every_reported_image(tiny_model, workshop):
    frame = read_predictions(tiny_model)
    expected = manifest.read(workshop.manifest).frame
    expected = expected[expected["split"] != "train"]
    assert list(frame.columns) == list(COLUMNS)
    assert set(frame["sha256"]) == set(expected["sha256"])
    merged = frame.merge(expected, on="sha256", suffixes=("", "_manifest"))
    for column in ("split", "label", "generator", "source"):
        assert (merged[column] == merged[f"{column}_manifest"]).all()


def test_absent_images_are_counted_and_the_way_out_named(tiny_model, workshop, tmp_path):
    cache = ImageCache(home=tmp_path, roots=(tmp_path,))
    with pytest.raises(CorpusError, match=r"52 of 52 images.*corpus fetch.*--manifest PATH.*--debian-mirror"):
        margins(load_detector(str(tiny_model)), manifest.read(workshop.manifest), cache)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop(columns="p_ai"), "p_ai"),
        (lambda frame: frame.assign(p_ai=1.5), "every p_ai"),
        (lambda frame: frame.assign(p_ai="high"), "cannot be read"),
        (lambda frame: frame.assign(more=1), "must have the columns"),
    ],
)
def test_a_file_that_is_no_predictions_is_refused(tiny_model, tmp_path, change, message):
    frame: pd.DataFrame = change(read_predictions(tiny_model))
    frame.to_csv(tmp_path / "predictions.csv", index=False)
    with pytest.raises(EvaluationError, match=message):
        read_predictions(tmp_path)


def test_missing_predictions_name_the_command(tmp_path):
    with pytest.raises(EvaluationError, match="python -m core evaluate"):
        read_predictions(tmp_path)


def test_writing_and_reading_keep_the_values(tiny_model, tmp_path):
    frame = read_predictions(tiny_model)
    write_predictions(frame, tmp_path)
    pd.testing.assert_frame_equal(read_predictions(tmp_path), frame)
