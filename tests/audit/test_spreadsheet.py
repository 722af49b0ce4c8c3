"""Cells that would run."""

import pytest

from core.audit.spreadsheet import neutral


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "  =HYPERLINK(1)",
        "\uff1d1",
        "\uff0b1",
        "\uff0d1",
        "\uff201",
    ],
)
def test_a_formula_is_neutralised(cell):
    assert neutral(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "a=1", "works/x.png", "'=1", "3", " 1"])
def test_other_text_is_left_alone(cell):
    assert neutral(cell) == cell
