import pytest

from core.detectors.card import Int8Weights, Weights, read_card
from core.training.publishing import MADE, publish_card
from tests.cards import head_card, lay, network_card

INT8 = Weights(
    file="weights.safetensors", sha256="0" * 64, int8=Int8Weights(file="int8.onnx", sha256="0" * 64)
)


def fill(folder):
    for name in (*MADE, "predictions.csv", "notes.txt"):
        (folder / name).write_text("of the model before")


@pytest.mark.parametrize(
    ("card", "stay"),
    [
        (
            network_card("new", weights=INT8),
            {"weights.safetensors", "int8.onnx", "history.csv", "held_out.csv"},
        ),
        (network_card("new"), {"weights.safetensors", "history.csv", "held_out.csv"}),
        (head_card("new"), {"pipeline.skops", "held_out.csv"}),
        (
            network_card(
                "new",
                family="cascade",
                kept_epoch=None,
                epochs=None,
                weights=Weights(file="stages.toml", sha256="0" * 64),
            ),
            {"stages.toml"},
        ),
    ],
)
def test_of_the_model_before_only_what_is_measured_or_the_user_s_stays(card, stay, tmp_path):
    folder = lay(network_card("old"), tmp_path)
    fill(folder)
    publish_card(card, folder)
    assert read_card(folder) == card
    assert {path.name for path in folder.iterdir()} == stay | {"card.toml", "predictions.csv", "notes.txt"}


def test_a_folder_that_held_no_model_keeps_all_that_lies_there(tmp_path):
    fill(tmp_path)
    publish_card(head_card("new"), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*MADE, "card.toml", "predictions.csv", "notes.txt"}
