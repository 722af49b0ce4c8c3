"""Real processes, killed with SIGKILL at random moments (1 000 of them: benchmarks/audit_kills.py)."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.audit.queue import Queue, Wish
from core.audit.store.audits import AuditStore
from core.audit.store.records import State
from core.audit.worker import MOST_DEATHS, Worker
from tests.commands import invoke

REPOSITORY = Path(__file__).resolve().parents[2]
RESULTS = ("results.csv", "results.parquet", "near_duplicates.csv")
KILLS = 6
KILLED_WHILE_IT_JUDGES = """
import os, signal
from core.audit import lifecycle, worker
from tests.audit.stand_in import load_stand_in

model = load_stand_in(None)
model[0].predict = lambda artworks: os.kill(os.getpid(), signal.SIGKILL)
lifecycle.load_model = lambda _: model
worker.main()
"""


@pytest.fixture(autouse=True)
def own_database(tmp_path, monkeypatch):
    monkeypatch.setenv("VERSO_DATABASE_URL", f"sqlite:///{tmp_path}/audits.db")
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))


def test_killed_audits_end_in_the_results_of_an_uninterrupted_one():
    command = [
        sys.executable,
        "benchmarks/audit_kills.py",
        "--kills",
        str(KILLS),
        "--pictures",
        "24",
        "--reports",
    ]
    result = subprocess.run(
        command, cwd=REPOSITORY, env=os.environ, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert f"{KILLS} kills" in result.stdout
    assert "gave identical results" in result.stdout


def judged():
    with AuditStore.open() as store:
        return sum(store.counts(audit.id).judged for audit in store.all())


def test_a_network_killed_while_it_judges_goes_on_with_the_same_results(
    tiny_model, folder, drawings, tmp_path
):
    for number in range(100, 200):
        (folder / f"{number}.jpg").write_bytes(drawings.file(drawings.painting((64, 48), number), "JPEG"))
    arguments = ["audit", str(folder), "--model", str(tiny_model), "--output"]
    process = subprocess.Popen(
        [sys.executable, "-m", "core", *arguments, str(tmp_path / "killed"), "--workers", "1"], cwd=REPOSITORY
    )
    while process.poll() is None and not judged():
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    before = judged()
    assert 0 < before < 141
    assert not (tmp_path / "killed" / "results.csv").exists()
    assert invoke(*arguments, str(tmp_path / "killed"), "--resume").exit_code == 1
    assert invoke(*arguments, str(tmp_path / "whole")).exit_code == 1
    for name in RESULTS:
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_an_audit_that_its_worker_dies_of_is_paused_and_not_begun_for_ever(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("VERSO_AUDITS", str(tmp_path / "queue"))
    monkeypatch.setenv("VERSO_AUDIT_ROOTS", str(folder))
    queue = Queue.of_this_computer()
    asked = queue.ask((folder,), "stand-in")
    for _ in range(MOST_DEATHS):
        assert not queue.find(asked).failure
        command = [sys.executable, "-c", KILLED_WHILE_IT_JUDGES]
        with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE) as process:
            assert process.wait() == -signal.SIGKILL
        assert queue.current() == asked
    with AuditStore.open() as store:
        worker = Worker(queue, store)
        worker.recover()
        assert worker.next() is None
        assert store.state(asked) is State.PAUSED
        assert "memory ran out" in queue.find(asked).failure
        queue.wish(asked, Wish.RUN)
        assert worker.next().id == asked
        assert not worker.next().failure
