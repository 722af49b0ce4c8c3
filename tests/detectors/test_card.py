import pytest

from core.detectors.card import (
    ChosenThresholds,
    Group,
    Interval,
    Perturbed,
    SplitFigures,
    read_card,
    write_card,
)
from core.detectors.features import ForensicFeatures
from core.errors import ModelError
from tests.cards import head_card, network_card
from tests.light_meter import write_light_meter

FIGURE = Interval(value=0.9, low=0.85, high=0.95)


def test_a_card_reads_as_it_was_written_with_a_line_for_each_figure_group_and_failure(tmp_path):
    folder = tmp_path / "light"
    write_light_meter(folder)
    groups = tuple(
        Group(label="human", name=f"source {n}", images=n, wrong=0.5, inconclusive=0.0) for n in range(1, 9)
    )
    perturbed = Perturbed(
        auc=FIGURE, auc_lost=FIGURE, human_called_ai=FIGURE, ai_called_human=FIGURE, coverage=FIGURE
    )
    split = SplitFigures(
        human=36,
        ai=4,
        figures={"auc": FIGURE},
        groups=groups[:1],
        sources=groups,
        robustness={"blur-1": perturbed},
    )
    failures = ('He said "no", twice: ' + "x" * 100, "umlaut ü, line\nbreak")
    card = read_card(folder).model_copy(
        update={"splits": {"ood": split}, "known_failures": failures, "measured": {"blur-1": "0" * 16}}
    )
    write_card(card, folder)
    assert read_card(folder) == card
    lines = [line.strip() for line in (folder / "card.toml").read_text(encoding="utf-8").splitlines()]
    assert lines.count("auc = {value = 0.9, low = 0.85, high = 0.95}") == 2
    assert sum(line.startswith('{label = "human", name = "source ') for line in lines) == 8
    assert 'classes = ["human", "ai"]' in lines


def test_thresholds_in_the_wrong_order_are_told_of_the_card_that_has_them(tmp_path):
    folder = tmp_path / "turned"
    folder.mkdir()
    write_card(
        network_card("net", thresholds=ChosenThresholds(human_below=0.9, ai_above=0.1, policy="none")), folder
    )
    with pytest.raises(ModelError, match=r"turned.card\.toml: Thresholds must satisfy"):
        read_card(folder)


def test_a_card_tells_how_much_of_a_picture_its_model_leaves_out():
    head = head_card("head")
    assert head.unseen(352, 352) == 0
    assert head.unseen(629, 352) == pytest.approx(0.44, abs=0.005)
    assert network_card("three windows").unseen(629, 352) == 0


def test_a_forensic_model_leaves_out_all_but_a_square_at_the_scale_of_the_uniform_copy():
    card = head_card("forensic", family="svm", encoder=None, features=ForensicFeatures(kind="forensic"))
    assert card.unseen(704, 704) == pytest.approx(1 - (224 / 352) ** 2, abs=0.005)
    assert card.unseen(200, 200) == pytest.approx(0, abs=0.001)
