"""What all sessions of the server share."""

import gc

import streamlit as st

from core.detectors import store
from core.detectors.protocol import Detector


def shared_detector(name: str | None = None) -> Detector:
    """Return the model called `name`, or the default one, loaded once for the whole server.

    Raises:
        VersoError: if it cannot be loaded.
    """
    with st.spinner("Loading the model…"):
        return detector_called(name or store.default_model())


@st.cache_resource(max_entries=8, show_spinner=False)
def detector_called(name: str) -> Detector:
    """Return a model, loaded once for the whole server; may be called outside of a page's run.

    Raises:
        VersoError: it cannot be loaded.
    """
    detector = store.load_detector(name)
    gc.freeze()  # Streamlit collects garbage after every run: without the libraries' objects that is 0.3 s less
    return detector
