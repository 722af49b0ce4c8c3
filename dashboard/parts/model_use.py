"""How to use a model outside the dashboard, and what its folder holds."""

import pandas as pd
import streamlit as st

from core.detectors import store
from core.detectors.card import Card
from core.detectors.library import Entry, files_of
from dashboard.parts.escaping import escaped_but_code
from dashboard.parts.model_list import megabytes


def in_python(name: str) -> str:
    """Return the two lines that load a model."""
    return f'from core.detectors.store import load_detector\ndetector = load_detector("{name}")'


def judging(picture: str) -> str:
    """Return the lines that judge a picture with the detector of `in_python`."""
    return (
        "from pathlib import Path\nfrom core import images\n"
        f'p_ai = detector.predict([images.open(Path("{picture}"))])'
    )


def on_the_command_line(name: str, picture: str) -> str:
    """Return the command that judges a picture."""
    return f"python -m core predict {picture} --model {name}"


def model_use(entry: Entry, card: Card) -> None:
    """Draw how to load and run a model, what that needs, and its files with their sizes."""
    files = files_of(entry)
    if missing := store.what_is_missing(card, entry.folder):
        st.warning(f"It cannot judge here: {escaped_but_code(missing)}")
    code, folder = st.columns([3, 2], gap="large")
    with code:
        st.subheader("From Python", anchor=False)
        st.code(in_python(entry.name), language="python", wrap_lines=True)
        st.caption("Then, for as many pictures as you like; `p_ai` is one calibrated probability each:")
        st.code(judging("picture.jpg"), language="python", wrap_lines=True)
        st.subheader("On the command line", anchor=False)
        st.code(on_the_command_line(entry.name, "picture.jpg"), language="sh", wrap_lines=True)
    with folder:
        st.subheader("Its files", anchor=False)
        st.table(
            pd.DataFrame(
                [
                    {"file": f"`{file.name}`", "size": megabytes(file.size), "what it holds": file.holds}
                    for file in files
                ]
            ),
            hide_index=True,
            border="horizontal",
        )
        st.caption(
            f"{megabytes(sum(file.size for file in files))} in `{entry.folder.name}`. {_checked(card)}"
        )


def _checked(card: Card) -> str:
    return f"The weights are refused unless their sha256 begins with `{card.weights.sha256[:12]}`, as the card says."
