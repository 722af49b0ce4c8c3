"""How two models were made, side by side, and only where they differ."""

import re
from collections.abc import Sequence
from typing import Final

import pandas as pd
import streamlit as st

from core.detectors.library import Entry
from core.errors import RecipeError
from core.training.recipe_difference import Difference, side_by_side
from dashboard.parts.chart_download import as_csv
from dashboard.parts.error_sentence import error_sentence
from dashboard.parts.escaping import escaped

PARAMETER: Final = "other"
KEY: Final = "models-other"
DIGEST: Final = re.compile("[0-9a-f]{64}")
ABSENT: Final = "*no such field*"
STYLE: Final = """
<style>
@media (max-width: 640px) {
  .st-key-differences :is(th, td), .st-key-differences code { min-width: 0; padding-left: .1rem; padding-right: .1rem;
    overflow-wrap: anywhere; white-space: normal; }
  .st-key-differences :is(td, th, strong) { font-size: .75rem; }
  .st-key-differences td:nth-child(2) { min-width: 5.5rem; }
}
</style>
"""


def model_differences(entry: Entry, entries: Sequence[Entry]) -> None:
    """Draw the choice of a second model and the table of differences; the choice lies in the address bar."""
    others = [each.name for each in entries if each.card is not None and each.name != entry.name]
    if entry.card is None or not others:
        st.info("There is no second model to compare it with.")
        return
    asked = st.query_params.get(PARAMETER)
    if asked is not None and asked not in others:
        st.warning(
            f"The link asks to compare **{escaped(entry.name)}** with **{escaped(asked)}**, which is not among the "
            "other models here. Choose another."
        )
    st.session_state[KEY] = asked if asked in others else None
    choice, only = st.columns([3, 2], vertical_alignment="bottom", gap="large")
    choice.selectbox(
        f"Compare {entry.name} with",
        others,
        key=KEY,
        placeholder="Choose a second model",
        on_change=_remember,
    )
    only_different = only.toggle(
        "Only what differs", value=True, key="model-only-different", bind="query-params"
    )
    other = next((each for each in entries if each.name == st.session_state[KEY]), None)
    if other is None or other.card is None:
        st.caption(
            "Shown then: every field of recipe, preprocessing, calibration and corpus in which the two differ."
        )
        return
    try:
        every = side_by_side(entry.card, other.card)
    except RecipeError as error:
        error_sentence(error)
        return
    shown = [each for each in every if not only_different or each.first != each.second]
    apart = sum(each.first != each.second for each in every)
    st.markdown(
        f"**{apart} of {len(every)} fields** differ." if apart else "They were made alike, field by field."
    )
    if shown:
        st.html(STYLE)
        with st.container(key="differences"):
            st.table(_table(shown, entry.name, other.name), hide_index=True, border="horizontal")
        st.download_button(
            "Download as CSV",
            as_csv(
                pd.DataFrame([vars(each) for each in shown]).rename(
                    columns={"first": entry.name, "second": other.name}
                )
            ),
            f"{entry.name}-against-{other.name}.csv",
            "text/csv",
            icon=":material/download:",
            type="tertiary",
        )


def _remember() -> None:
    """Put the choice into the address bar."""
    chosen = st.session_state[KEY]
    if chosen is None:
        st.query_params.pop(PARAMETER, None)
    else:
        st.query_params[PARAMETER] = chosen


def _table(shown: Sequence[Difference], first: str, second: str) -> pd.DataFrame:
    parts = [each.part for each in shown]
    return pd.DataFrame(
        [
            {
                "part": f"**{each.part}**" if number == 0 or parts[number - 1] != each.part else "",
                "field": f"`{each.field}`",
                escaped(first): _value(each.first),
                escaped(second): _value(each.second),
            }
            for number, each in enumerate(shown)
        ]
    )


def _value(text: str | None) -> str:
    if text is None:
        return ABSENT
    return f"{text[:12]}…" if DIGEST.fullmatch(text) else escaped(text)
