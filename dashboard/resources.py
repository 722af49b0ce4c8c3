"""What all sessions of the server share."""

import streamlit as st

from core.detectors.protocol import Detector
from core.detectors.store import load_detector


@st.cache_resource(show_spinner="Loading the model…")
def shared_detector() -> Detector:
    """Return the default model, loaded once for the whole server."""
    return load_detector()
