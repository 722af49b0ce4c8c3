from core.detectors.card import read_card
from core.evaluation.measured import fingerprint, is_current, record
from core.evaluation.perturbations import CONDITIONS

JPEG = CONDITIONS["jpeg-50"]


def test_a_measurement_is_current_until_what_decides_p_ai_changes(light_meter):
    card = read_card(light_meter)
    assert not is_current(card, JPEG)
    record(light_meter, JPEG, fingerprint(card, JPEG))
    card = read_card(light_meter)
    assert is_current(card, JPEG)
    assert not is_current(card, CONDITIONS["jpeg-30"])
    other = {
        "weights": card.weights.model_copy(update={"sha256": "0" * 64}),
        "calibration": card.calibration.model_copy(update={"intercept": 0.5}),
        "preprocessing": card.preprocessing.model_copy(update={"windows": 3}),
    }
    for field, value in other.items():
        assert not is_current(card.model_copy(update={field: value}), JPEG)
    for field, value in {"summary": "other words", "known_failures": ("one",), "seed": 5}.items():
        assert is_current(card.model_copy(update={field: value}), JPEG)


def test_what_was_measured_with_an_earlier_model_is_recorded_as_such(light_meter):
    card = read_card(light_meter)
    earlier = card.model_copy(update={"weights": card.weights.model_copy(update={"sha256": "0" * 64})})
    record(light_meter, JPEG, fingerprint(earlier, JPEG))
    assert not is_current(read_card(light_meter), JPEG)
