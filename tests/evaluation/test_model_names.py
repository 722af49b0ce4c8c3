import pytest

from core.errors import SelectionError
from core.evaluation.model_names import told_apart


def test_no_model_is_a_sentence():
    with pytest.raises(SelectionError, match="No model was named"):
        told_apart([])


def test_a_model_is_called_as_on_its_card(tiny_model):
    assert told_apart([str(tiny_model)]) == {"tiny": str(tiny_model)}
