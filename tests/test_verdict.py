import pytest

from core.errors import ModelError
from core.verdict import Label, Thresholds, decide

BAND = Thresholds(0.2, 0.8)


@pytest.mark.parametrize(
    ("p_ai", "label"),
    [
        (0.0, Label.HUMAN),
        (0.199, Label.HUMAN),
        (0.2, Label.INCONCLUSIVE),
        (0.5, Label.INCONCLUSIVE),
        (0.8, Label.INCONCLUSIVE),
        (0.801, Label.AI),
        (1.0, Label.AI),
    ],
)
def test_the_band_and_its_edges_are_inconclusive(p_ai, label):
    verdict = decide(p_ai, BAND, "some-model")
    assert verdict.label == label
    assert (verdict.p_ai, verdict.model, verdict.thresholds) == (p_ai, "some-model", BAND)


@pytest.mark.parametrize("p_ai", [-0.1, 1.1, float("nan")])
def test_what_is_no_probability_gives_no_verdict(p_ai):
    with pytest.raises(ModelError, match="no probability"):
        decide(p_ai, BAND, "some-model")


@pytest.mark.parametrize(("low", "high"), [(0.8, 0.2), (-0.1, 0.5), (0.5, 1.2), (float("nan"), 0.5)])
def test_thresholds_out_of_order_are_refused(low, high):
    with pytest.raises(ModelError, match="human_below"):
        Thresholds(low, high)
