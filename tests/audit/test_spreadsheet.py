"""Cells that would run."""

import pytest

from core.audit.spreadsheet import neutral, neutral_in_csv


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


@pytest.mark.parametrize(
    ("cell", "safe"),
    [
        ("=1;=2", "'=1;'=2"),
        ("x;=HYPERLINK(A1)", "x;'=HYPERLINK(A1)"),
        ("x; @SUM(A1)", "x;' @SUM(A1)"),
        ('x;"=1"', 'x;\'"=1"'),
        ("x\t+1", "x\t'+1"),
        ("x\r\n-1", "x\r\n'-1"),
        ("x;\uff1d1", "x;'\uff1d1"),
        ("x;y=1, z-1", "x;y=1, z-1"),
        ("", ""),
    ],
)
def test_a_formula_is_neutralised_wherever_a_csv_may_begin_a_cell(cell, safe):
    assert neutral_in_csv(cell) == safe
