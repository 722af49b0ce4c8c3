"""Imports what the pages need, once for the whole server."""

import atexit
import gc
import importlib
import pkgutil

import streamlit as st

import dashboard

PAGES = "dashboard.app_pages"


@st.cache_resource(show_spinner="Starting Verso…")
def import_what_pages_need() -> None:
    """Import every module of the dashboard but the pages, and with them what they import.

    Streamlit starts the next page of a quick analyst in a new thread while the last page still runs, and so
    for each further visitor. Where two threads import the same libraries at once, scikit-learn's modules, which
    import one another, can fail half-way. The cache lets one thread import and the others wait.

    Streamlit collects garbage after every run. What was imported stays until the server ends: kept out of each such
    collection, it saves 0.3 s. What lies about as garbage is removed first, for what is frozen is never collected.
    """
    for module in pkgutil.walk_packages(dashboard.__path__, "dashboard."):
        if module.name != "dashboard.app" and not module.name.startswith(PAGES):
            importlib.import_module(module.name)
    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)  # else libraries complain on the way out that they were not cleaned up
