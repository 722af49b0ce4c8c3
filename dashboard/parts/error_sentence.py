"""Says on the page what went wrong, wherever Verso says so in one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from core.errors import VersoError
from dashboard.parts.escaping import escaped


def error_sentence(error: VersoError | str) -> None:
    """Draw what went wrong."""
    st.error(escaped(str(error)), icon=":material/error:")


@contextmanager
def errors_told() -> Iterator[None]:
    """Draw the sentence of a `VersoError` in place of what the block would have drawn.

    A fragment needs this of its own: when it is drawn again by itself, nothing of the page is around it.
    """
    try:
        yield
    except VersoError as error:
        error_sentence(error)
