"""All models as one table that can be searched and sorted; a click on a row opens its card."""

from collections.abc import Sequence
from functools import partial
from typing import Final

import pandas as pd
import streamlit as st

from core.detectors.card import Card
from core.detectors.library import Entry, files_of, places_of
from core.evaluation.tables import cell
from dashboard.parts.counting import counted
from dashboard.parts.escaping import escaped
from dashboard.parts.model_figures import decides_nothing

PARAMETER: Final = "model"
KEY: Final = "models-list"
FIRST: Final = "models-first"
CLICKED: Final = "models-clicked"
ROW_HEIGHT: Final = 35
MOST_ROWS: Final = 9
NONE: Final = "no figures"

METRICS: Final = {
    "ood ROC AUC": (
        "ood",
        "auc",
        (
            "On generators and sources it never saw: how often it gives the AI work of a random pair the higher "
            "probability. 0.5 is guessing, 1 is perfect. In brackets the 95 % interval."
        ),
    ),
    "ood human called AI": (
        "ood",
        "human_called_ai",
        "Share of human works from sources it never saw that it would accuse, with its 95 % interval.",
    ),
    "ood AI called human": (
        "ood",
        "ai_called_human",
        "Share of works of generators it never saw that it would let pass, with its 95 % interval.",
    ),
    "ood share decided": (
        "ood",
        "coverage",
        "Share of those works that it decides; the rest is inconclusive. Who decides little errs little.",
    ),
    "test ROC AUC": (
        "test",
        "auc",
        "The same figure on new images from the sources it learned from: easier than your desk will be.",
    ),
}


def model_list(entries: Sequence[Entry], chosen: str) -> None:
    """Draw the search and the table of models; a click on a row puts its name into the address bar.

    Args:
        entries: every model there is.
        chosen: name of the model whose card is open; its row is marked.
    """
    asked = st.text_input(
        "Search the models",
        key="find",
        type="search",
        live=True,
        bind="query-params",
        placeholder="name, kind, generator, medium, recipe, licence, corpus version…",
        label_visibility="collapsed",
    )
    found = [(entry, places) for entry in entries if (places := places_of(entry, asked or "")) is not None]
    shown = [(entry, places) for entry, places in found if entry.card is not None]
    if shown:
        _table(shown, chosen, searched=bool(asked and asked.strip()))
    st.caption(_count(len(found), len(entries), bool(shown)))
    broken = [entry for entry, _ in found if entry.card is None]
    if broken:
        st.error(
            "Left out, because the card cannot be read:\n"
            + "\n".join(f"- **{escaped(entry.name)}**: {escaped(entry.problem)}" for entry in broken),
            icon=":material/error:",
        )


def weights_size(entry: Entry) -> int | None:
    """Return the size of all a model's weights in bytes, or None if they are not there."""
    weights = entry.card.weights if entry.card else None
    sizes = {file.name: file.size for file in files_of(entry)}
    if weights is None or weights.file not in sizes:
        return None
    return sizes[weights.file] + (sizes.get(weights.int8.file, 0) if weights.int8 else 0)


def megabytes(size: int) -> str:
    """Write a size in bytes for a reader."""
    if size < 100_000:  # noqa: PLR2004  (below that, megabytes would round to nothing)
        return f"{size / 1000:.1f}\N{NO-BREAK SPACE}kB"
    return f"{size / 1_000_000:.1f}\N{NO-BREAK SPACE}MB"


def _table(shown: Sequence[tuple[Entry, list[str]]], chosen: str, *, searched: bool) -> None:
    shown = _in_sight(shown, chosen)
    names = [entry.name for entry, _ in shown]
    rows = pd.DataFrame([_row(entry, places) for entry, places in shown], index=names)
    if not searched:
        rows = rows.drop(columns="found in")
    st.session_state[KEY] = {
        "selection": {"rows": [names.index(chosen)] if chosen in names else [], "columns": [], "cells": []}
    }
    st.dataframe(
        rows,
        key=KEY,
        hide_index=True,
        on_select=partial(_open, names),
        selection_mode="single-row",
        height=ROW_HEIGHT * (min(len(rows), MOST_ROWS) + 1) + 2,
        column_config={
            "weights": st.column_config.NumberColumn(format="bytes", help="Size of its files of weights."),
            "found in": st.column_config.TextColumn(
                width="medium", help="Where on the card your words stand."
            ),
            **{
                title: st.column_config.TextColumn(help=meaning) for title, (_, _, meaning) in METRICS.items()
            },
        },
        placeholder="not here",
        alt="One row a model: " + ", ".join(names),
    )


def _in_sight(shown: Sequence[tuple[Entry, list[str]]], chosen: str) -> Sequence[tuple[Entry, list[str]]]:
    """Lead the list with the model the page was opened with if its row would lie below those in sight.

    Streamlit cannot scroll a table. A click opens a model whose row is in sight, so it moves none.
    """
    if chosen != st.session_state.get(CLICKED):
        st.session_state[FIRST] = chosen
        st.session_state.pop(CLICKED, None)
    below = [each for each in shown[MOST_ROWS:] if each[0].name == st.session_state.get(FIRST)]
    return [*below, *(each for each in shown if each not in below)]


def _open(names: Sequence[str]) -> None:
    """Put the model whose row was clicked on into the address bar; a second click on it changes nothing."""
    selected = st.session_state[KEY]["selection"]["rows"]
    if selected:
        st.session_state[CLICKED] = st.query_params[PARAMETER] = names[selected[0]]


def _row(entry: Entry, places: Sequence[str]) -> dict[str, object]:
    card = entry.card
    return {
        "model": entry.name,
        "found in": ", ".join(places),
        "kind": card.family if card else "",
        **{title: _figure(card, split, name) for title, (split, name, _) in METRICS.items()},
        "weights": weights_size(entry),
        "trained": card.trained if card else "",
    }


def _figure(card: Card | None, split: str, name: str) -> str:
    if card is None or split not in card.splits:
        return NONE
    if name in {"human_called_ai", "ai_called_human"} and decides_nothing(card):
        return "decides nothing"
    return cell(card.splits[split].figures.get(name))


def _count(found: int, there_are: int, rows: bool) -> str:
    if not found:
        return f"None of the {there_are} models has all these words on its card. Take one of them back."
    shown = counted(there_are, "model")
    if found < there_are:
        shown = f"{found} of {shown}"
    hint = " Select a row to open its card; select a heading to sort." if rows else ""
    return f"{shown}.{hint}"
