"""Locks held against others."""

import threading

import pytest
from filelock import FileLock

from core import locks
from core.errors import AuditError
from core.locks import alone

BY_ANOTHER = AuditError("by another")


@pytest.fixture
def held(tmp_path):
    """A lock that another holds."""
    with FileLock(tmp_path / "lock", thread_local=False) as lock:
        yield lock


def test_who_must_be_alone_waits_for_whoever_only_looks(held, tmp_path):
    threading.Timer(0.1, held.release).start()
    with (
        alone(tmp_path / "lock", BY_ANOTHER),
        pytest.raises(AuditError),
        alone(tmp_path / "lock", BY_ANOTHER),
    ):
        pytest.fail("two hold it")


def test_who_must_be_alone_is_told_that_another_works(held, tmp_path, monkeypatch):  # noqa: ARG001
    monkeypatch.setattr(locks, "PATIENCE", 0.0)
    with pytest.raises(AuditError, match="by another"), alone(tmp_path / "lock", BY_ANOTHER):
        pytest.fail("two hold it")
