"""The pages under test keep what they keep in a database and a queue of the test's own."""

import pytest
import streamlit as st


@pytest.fixture(autouse=True)
def own_database(tmp_path, monkeypatch):
    monkeypatch.setenv("VERSO_DATABASE_URL", f"sqlite:///{tmp_path / 'audits.db'}")
    monkeypatch.setenv("VERSO_AUDITS", str(tmp_path / "audits"))
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()
