"""All pictures of the desk in a few lines, and the button that clears it."""

from collections.abc import Sequence
from typing import Final

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from core.wording import TITLES, written
from dashboard.review_desk import Desk, Item, Reviewed

ROW_HEIGHT = 35
MOST_ROWS = 8
P_AI: Final = "probability of AI"


def desk_overview(desk: Desk) -> None:
    """Draw a line for each picture of the desk, in its order, and offer to take all off."""
    line = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center")
    line.markdown(f"**{len(desk.items)} pictures on the desk**")
    if line.button("Clear the desk", icon=":material/clear_all:", disabled=bool(desk.waiting)):
        desk.clear()
        st.rerun()
    st.dataframe(
        _table(desk.items),
        hide_index=True,
        height=ROW_HEIGHT * (min(len(desk.items), MOST_ROWS) + 1) + 2,
        placeholder="",
        alt="One row a picture of the desk",
    )


def _table(items: Sequence[Item]) -> Styler:
    """Return the lines, with probabilities that sort as numbers and are written as beside the verdicts."""
    table = pd.DataFrame([_row(item) for item in items]).astype({P_AI: float}).style
    for row, item in enumerate(items):
        if isinstance(item, Reviewed):
            table.format(written(item.verdict).p_ai, subset=([row], [P_AI]))
    return table


def _row(item: Item) -> dict[str, str | float | None]:
    if not isinstance(item, Reviewed):
        return {"verdict": "not readable", P_AI: None, "picture": item.name, "judged by": ""}
    verdict = item.verdict
    return {
        "verdict": TITLES[verdict.label],
        P_AI: verdict.p_ai,
        "picture": item.name,
        "judged by": verdict.model,
    }
