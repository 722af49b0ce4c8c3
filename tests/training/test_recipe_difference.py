import pytest

from core.detectors.preprocessing import Preprocessing
from core.training.recipe_difference import Difference, declared, flat, side_by_side
from tests.cards import head_card, network_card


def differences(first, second):
    return [each for each in side_by_side(first, second) if each.first != each.second]


def told(first, second):
    return {(each.part, each.field): (each.first, each.second) for each in differences(first, second)}


def test_a_model_does_not_differ_from_itself():
    assert differences(network_card("one"), network_card("one")) == []


def test_what_a_model_is_called_or_worth_is_no_difference_of_its_making():
    other = network_card("other", summary="Another.", known_failures=(), splits={})
    assert differences(network_card("one"), other) == []


def test_fields_that_differ_stand_beside_those_that_do_not():
    first = network_card("one")
    second = network_card(
        "other", seed=21, preprocessing=Preprocessing(short_side=256, window=224, windows=3)
    )
    assert differences(first, second) == [
        Difference("model", "seed", "20", "21"),
        Difference("preprocessing", "short_side", "224", "256"),
    ]
    assert Difference("preprocessing", "window", "224", "224") in side_by_side(first, second)


def test_models_of_different_kinds_are_told_apart_where_one_has_no_such_field():
    found = told(network_card("net"), head_card("svm"))
    assert found["model", "family"] == ("resnet18", "svm")
    assert found["model", "kept_epoch"] == ("1", None)
    assert found["features", "kind"] == (None, "embedding")
    assert found["recipe", "optimiser.name"] == ("adamw", None)
    assert found["recipe", "head.family"] == (None, "svm")
    swapped = told(head_card("svm"), network_card("net"))
    assert swapped == {key: pair[::-1] for key, pair in found.items()}
    assert [part for part, _ in found][-1] == "recipe"


def test_a_step_in_between_changes_no_other_step():
    flip, jpeg = {"op": "flip"}, {"op": "jpeg", "probability": 0.5, "quality": [35, 95]}
    before = dict(flat({"augmentation": [flip, jpeg]}))
    after = dict(flat({"augmentation": [flip, {"op": "blur", "sigma": [0.3, 1.2]}, jpeg]}))
    changed = {path for path in before | after if before.get(path) != after.get(path)}
    assert changed == {"augmentation", "augmentation.blur.sigma"}
    assert after["augmentation"] == "flip, blur, jpeg"


def test_the_same_step_twice_is_two_steps():
    twice = [{"op": "jpeg", "quality": 30}, {"op": "jpeg", "quality": 90}]
    assert dict(flat({"augmentation": twice})) == {
        "augmentation": "jpeg, jpeg 2",
        "augmentation.jpeg.quality": "30",
        "augmentation.jpeg 2.quality": "90",
    }


@pytest.mark.parametrize(
    ("value", "text"), [(True, "yes"), (3e-4, "0.0003"), ((0.5, 2), "0.5, 2"), ((), "none"), (7, "7")]
)
def test_values_are_written_for_people(value, text):
    assert dict(flat({"field": value})) == {"field": text}


def test_tables_without_a_name_go_by_their_number():
    assert dict(flat({"stages": [{"epochs": 1}, {"epochs": 2}]})) == {
        "stages.1.epochs": "1",
        "stages.2.epochs": "2",
    }


def test_a_recipe_that_does_not_come_with_verso_is_not_looked_for(tmp_path):
    (tmp_path / "mine.toml").write_text("secret = 1")
    assert declared(network_card("one", recipe=str(tmp_path / "mine.toml"))) == {}
    assert declared(network_card("one", recipe="mine")) == {}
    assert declared(network_card("one"))["stages.1.trains"] == "all"
