"""Asks how many of the works an analyst gets are generated: what a verdict is worth depends on it."""

from typing import Final

import streamlit as st

PARAMETER: Final = "generated"
"""In the address and in the session: the percentage."""
PER_CENT: Final = (1, 2, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90)
ASSUMED: Final = 50
"""What the probability on the scale assumes."""


def share_choice() -> float:
    """Draw the choice and return the share of generated works, in (0, 1); it stands in the address."""
    chosen: int = st.select_slider(
        "Generated works among all you get",
        PER_CENT,
        value=ASSUMED,
        format_func=lambda per_cent: f"{per_cent} %",
        key=PARAMETER,
        bind="query-params",
        width=320,
        help=(
            "The probability on the scale assumes that half of all works are generated. Where fewer are, more of the verdicts "
            "AI fall on works by people. Each picture below says what its verdict is worth at the share you expect; the "
            "verdict itself stays."
        ),
    )
    return chosen / 100
