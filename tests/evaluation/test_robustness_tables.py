from core.detectors.card import Interval, read_card
from core.evaluation.evaluate import evaluate
from core.evaluation.paired import AucDifference
from core.evaluation.perturbations import chosen
from core.evaluation.robustness_tables import robustness_of_split
from core.evaluation.tables import cell
from tests.light_meter import LightMeter

THREE = chosen(["jpeg-50", "noise-5", "crop-80"])


def test_the_table_names_what_was_done_and_starts_with_the_pictures_as_they_are(light_meter, corpus, files):
    evaluate(LightMeter(read_card(light_meter)), light_meter, corpus, files, THREE)
    card = read_card(light_meter)
    table = robustness_of_split(card.splits["test"])
    assert list(table.index) == [
        "as it is",
        "JPEG quality 50",
        "Gaussian noise, 5 of 255",
        "centre crop 80 %",
    ]
    assert table.loc["as it is", "AUC lost"] == ""
    figures = card.splits["test"]
    assert table.loc["as it is", "ROC AUC"].startswith(f"{figures.figures['auc'].value:.3f} (")
    lost = figures.robustness["jpeg-50"].auc_lost
    assert table.loc["JPEG quality 50", "AUC lost"].startswith(f"{lost.value:.3f} (")


def test_what_rounds_to_zero_has_no_sign():
    assert cell(Interval(value=-0.000426, low=-0.001395, high=-0.0)) == "0.000 (-0.001 to 0.000)"
    lost = AucDifference(value=-0.0004, low=-0.0002, high=0.0006, p=0.5, p_holm=0.5)
    assert cell(lost) == "0.000 (0.000 to 0.001)"
