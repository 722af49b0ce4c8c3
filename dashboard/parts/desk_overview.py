"""All pictures of the desk in a few lines, and the button that clears it."""

import pandas as pd
import streamlit as st

from core.wording import TITLES, written
from dashboard.review_desk import Desk, Item, Reviewed

ROW_HEIGHT = 35
MOST_ROWS = 8


def desk_overview(desk: Desk) -> None:
    """Draw a line for each picture of the desk, in its order, and offer to take all off."""
    line = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center")
    line.markdown(f"**{len(desk.items)} pictures on the desk**")
    if line.button("Clear the desk", icon=":material/clear_all:", disabled=bool(desk.waiting)):
        desk.clear()
        st.rerun()
    st.dataframe(
        pd.DataFrame([_row(item) for item in desk.items]),
        hide_index=True,
        height=ROW_HEIGHT * (min(len(desk.items), MOST_ROWS) + 1) + 2,
        alt="One row a picture of the desk",
    )


def _row(item: Item) -> dict[str, str]:
    if isinstance(item, Reviewed):
        told = TITLES[item.verdict.label], written(item.verdict).p_ai, item.verdict.model
    else:
        told = "not readable", "", ""
    verdict, p_ai, model = told
    return {"verdict": verdict, "probability of AI": p_ai, "picture": item.name, "judged by": model}
