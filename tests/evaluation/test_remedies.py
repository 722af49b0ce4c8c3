from pathlib import Path

from core.detectors.store import models_folder
from core.evaluation.remedies import SHIPPED, how_to_evaluate


def test_a_shipped_model_is_called_by_its_name_and_needs_no_corpus():
    assert how_to_evaluate(models_folder() / "verso") == "python -m core evaluate verso"
    assert how_to_evaluate(models_folder() / "verso", corpus=SHIPPED) == "python -m core evaluate verso"


def test_a_model_elsewhere_is_named_by_its_whole_path_for_the_shipped_one_of_that_name_is_another(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    told = how_to_evaluate(Path("verso"), corpus=tmp_path / "my corpus.csv", condition="jpeg-50")
    assert told == (
        f"python -m core evaluate {tmp_path}/verso --corpus '{tmp_path}/my corpus.csv' --perturb jpeg-50"
    )
