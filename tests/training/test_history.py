import pytest

from core.errors import TrainingError
from core.training.history import read_history


def test_the_history_of_a_run_is_read_as_it_was_written(tiny_model):
    history = read_history(tiny_model)
    assert list(history["epoch"]) == [0, 1, 2]
    assert list(history["trains"]) == ["head", "all", "all"]
    assert history["val_loss"].between(0, 5).all()


def test_a_model_without_a_history_has_none(tmp_path):
    assert read_history(tmp_path) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "cannot be read"),
        ("epoch,train_loss\n0,0.5\n", "val_loss"),
        ("epoch,train_loss,val_loss\n0,high,0.5\n", "train_loss"),
        ("epoch,train_loss,val_loss\n", "no rows"),
        (b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_a_damaged_history_is_a_sentence(tmp_path, text, found):
    (tmp_path / "history.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(TrainingError, match=found) as caught:
        read_history(tmp_path)
    assert "history.csv" in str(caught.value)
    assert "restore it" in str(caught.value)
