"""Chooses the model that judges; the choice stands in the address bar."""

from typing import Final

import streamlit as st

from core.detectors import store
from core.detectors.card import Card
from core.detectors.library import Entry, entries
from dashboard.parts.escaping import escaped, escaped_but_code
from dashboard.parts.model_figures import decides_nothing

PARAMETER: Final = "model"
KEY: Final = "review-model"
HELP: Final = (
    "It judges what you drop from now on; what lies on the desk keeps its verdict until you have it judged again. "
    "The page Models says how good each is."
)
ORDER: Final = (
    " The default comes first, then the others by their ROC AUC on generators and sources they never saw (ood): 0.5 is "
    "guessing, 1 is perfect."
)


def model_choice(meaning: str = HELP) -> str:
    """Draw the choice among the models that can judge on this computer, and return the one chosen, "" if there is none.

    The address decides, then what this session chose last, then the default. Where the model asked for, or the
    default one, cannot judge here, the reason is shown and another is chosen.
    """
    cards = {entry.name: entry.card for entry in entries() if entry.card is not None}
    flaws = {entry.name: _flaw(entry) for entry in entries()}
    able = sorted(
        (name for name, flaw in flaws.items() if not flaw), key=lambda name: _rank(name, cards[name])
    )
    asked = st.query_params.get(PARAMETER)
    if not able:
        st.error("No model can judge on this computer.", icon=":material/error:")
        _tell(flaws)
        return ""
    standard = next((name for name in (store.DEFAULT_MODEL, store.FALLBACK_MODEL) if name in able), able[0])
    if asked in able:
        st.session_state[KEY] = asked
    elif st.session_state.get(KEY) not in able:
        st.session_state[KEY] = standard
    chosen: str = st.selectbox(
        "Model",
        able,
        format_func=lambda name: _title(name, cards[name]),
        key=KEY,
        on_change=_into_the_address,
        persist_state="session",
        width=460,
        help=meaning + ORDER,
    )
    if asked is None and chosen != standard:
        _into_the_address()
    _explain(asked or store.DEFAULT_MODEL, chosen, flaws)
    if decides_nothing(cards[chosen]):
        st.warning(
            f"**{escaped(chosen)}** decides nothing: whatever you show it, expect *inconclusive*. Choose another model for a "
            "verdict."
        )
    return chosen


def _into_the_address() -> None:
    st.query_params[PARAMETER] = st.session_state[KEY]


def _flaw(entry: Entry) -> str:
    """Say why a model cannot judge on this computer; empty if it can."""
    return entry.problem if entry.card is None else store.what_is_missing(entry.card, entry.folder)


def _rank(name: str, card: Card) -> tuple[bool, float, str]:
    """Return what puts the default model first, then the best, then those without figures."""
    return name != store.DEFAULT_MODEL, -(_ood_auc(card) or 0), name


def _ood_auc(card: Card) -> float | None:
    unseen = card.splits.get("ood")
    found = unseen.figures.get("auc") if unseen else None
    return found.value if found else None


def _title(name: str, card: Card) -> str:
    auc = _ood_auc(card)
    return " · ".join(
        [
            name,
            *(["default"] if name == store.DEFAULT_MODEL else []),
            *([card.family] if card.family not in name else []),
            *(["decides nothing"] if decides_nothing(card) else []),
            *([f"ood AUC {auc:.3f}"] if auc is not None else []),
        ]
    )


def _explain(wanted: str, chosen: str, flaws: dict[str, str]) -> None:
    """Say plainly which models cannot judge here, and what is done where the wanted one is among them."""
    if flaw := flaws.get(wanted, f"there is no model of that name in {store.models_folder().name}/"):
        st.warning(
            f"**{escaped(wanted)}** cannot judge on this computer: {_sentence(flaw)} **{escaped(chosen)}** judges instead."
        )
    others = {name: flaw for name, flaw in flaws.items() if flaw and name != wanted}
    if others:
        with st.expander(f"{len(others)} more cannot judge on this computer"):
            st.caption("The other models do not need what is missing here.")
            _tell(others)


def _tell(flaws: dict[str, str]) -> None:
    """List why models cannot judge here."""
    if not flaws:
        st.markdown(f"There is none in `{store.models_folder().name}/`.")
        return
    st.markdown("\n".join(f"- **{escaped(name)}**: {_sentence(flaw)}" for name, flaw in flaws.items()))
    st.caption(
        "Commands are for whoever runs this computer, to be given in the folder of Verso with "
        "its Python, `.venv/bin/python`."
    )


def _sentence(flaw: str) -> str:
    return escaped_but_code(flaw.removesuffix(".")) + "."
