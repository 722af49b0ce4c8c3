"""What all sessions of the server share."""

import gc

import streamlit as st

from core.detectors.protocol import Detector
from core.detectors.store import load_detector


@st.cache_resource(show_spinner="Loading the model…")
def shared_detector() -> Detector:
    """Return the default model, loaded once for the whole server."""
    detector = load_detector()
    gc.freeze()  # Streamlit collects garbage after every run: without the libraries' objects that is 0.3 s less
    return detector
