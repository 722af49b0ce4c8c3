import pytest


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Keeps the features of the drawn pictures out of the user's cache."""
    monkeypatch.setenv("VERSO_CACHE", str(tmp_path / "cache"))
