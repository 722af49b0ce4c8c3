"""What all sessions of the server share."""

import streamlit as st

from core.detectors import store
from core.detectors.card import CARD_FILE
from core.detectors.cascade import STAGES_FILE
from core.detectors.protocol import Detector


def shared_detector(name: str | None = None) -> Detector:
    """Return the model called `name`, or the default one, loaded once for the whole server.

    Raises:
        VersoError: if it cannot be loaded.
    """
    with st.spinner("Loading the model…"):
        return detector_called(name or store.default_model())


def detector_called(name: str) -> Detector:
    """Return a model, loaded once for the whole server until it changes; may be called outside of a page's run.

    Raises:
        VersoError: it cannot be loaded.
    """
    return _loaded(name, model_as_of(name))


def model_as_of(name: str) -> tuple[tuple[str, int], ...]:
    """Return what changes when a model is trained anew: when its card was written, and of a cascade every card.

    Raises:
        UnknownModelError: there is none of that name.
    """
    folder = store.find_model(name)
    cards = [folder / CARD_FILE]
    if (folder / STAGES_FILE).is_file():
        cards += sorted(store.models_folder().glob(f"*/{CARD_FILE}"))
    return tuple((str(card), card.stat().st_mtime_ns) for card in cards if card.is_file())


@st.cache_resource(max_entries=8, show_spinner=False)
def _loaded(name: str, as_of: tuple[tuple[str, int], ...]) -> Detector:  # noqa: ARG001  (loaded again when it changes)
    return store.load_detector(name)
