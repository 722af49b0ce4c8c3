"""Models: all cards, one of them in full, and how two models differ."""

from collections.abc import Sequence

import streamlit as st

from core.detectors.card import Card
from core.detectors.library import Entry, entries
from core.detectors.store import DEFAULT_MODEL, models_folder
from dashboard.parts.escaping import escaped
from dashboard.parts.faithfulness_view import faithfulness_view
from dashboard.parts.model_differences import model_differences
from dashboard.parts.model_figures import model_figures
from dashboard.parts.model_list import PARAMETER, model_list
from dashboard.parts.model_making import model_making
from dashboard.parts.model_use import model_use

TABS = ["How good it is", "How it was made", "Differences", "Use it"]


def named(entries: Sequence[Entry]) -> str:
    """The name in the address, else the default model's, else that of the first whole card."""
    asked = st.query_params.get(PARAMETER)
    if asked is not None:
        return asked
    whole = [entry.name for entry in entries if entry.card is not None] or [entry.name for entry in entries]
    return DEFAULT_MODEL if DEFAULT_MODEL in whole else whole[0]


def open_card(entry: Entry, card: Card, entries: Sequence[Entry]) -> None:
    """Draw one card in full."""
    st.header(escaped(entry.name), anchor=False)
    default = ", the default model" if entry.name == DEFAULT_MODEL else ""
    renamed = "" if card.name == entry.name else f" Its card calls it *{escaped(card.name)}*."
    st.markdown(f"{escaped(card.summary)} :gray[Kind: {escaped(card.family)}{default}.]{renamed}")
    good, made, differs, use = st.tabs(TABS, key="model-tab", on_change="rerun", bind="query-params")
    if good.open:
        with good:
            model_figures(card, entry.name)
            faithfulness_view(entry)
    if made.open:
        with made:
            model_making(entry, card)
    if differs.open:
        with differs:
            model_differences(entry, entries)
    if use.open:
        with use:
            model_use(entry, card)


st.title("The models", anchor=False)
every = entries()
if not every:
    st.info(
        f"There is no model in `{models_folder()}`. Train one: `python -m core train resnet18-finetune --corpus "
        "data/manifest.csv --output models/resnet18-finetune`"
    )
    st.stop()

chosen = named(every)
model_list(every, chosen)
found = next((entry for entry in every if entry.name == chosen), None)
if found is None:
    st.warning(
        f"There is no model **{escaped(chosen)}**: it may have been renamed or is not on this computer. Select one above."
    )
elif found.card is None:
    st.warning(
        f"**{escaped(chosen)}** cannot be shown. {escaped(found.problem)} Or select another model above."
    )
else:
    open_card(found, found.card, every)
