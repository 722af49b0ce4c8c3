"""The folder for dropped zips goes with its server, however that ends."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import streamlit as st

from dashboard import upload_folder

ROOT = Path(__file__).resolve().parents[2]
SERVER = """
from dashboard.upload_folder import upload_folder
kept = upload_folder()
(kept.path / "a.zip").write_bytes(b"zip")
print(kept.path, flush=True)
input()
"""


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Starts a process that has kept a zip; the process and its folder."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    begun = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-c", SERVER], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        begun.append(process)
        return process, Path(process.stdout.readline().strip())

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def test_a_server_that_ends_leaves_nothing(server, tmp_path):
    process, folder = server()
    assert (folder / "a.zip").is_file()
    process.communicate("\n")
    assert list(tmp_path.iterdir()) == []


def test_the_next_server_removes_what_a_killed_one_left_and_nothing_of_one_that_runs(server, tmp_path):
    (killed, left), (_, used) = server(), server()
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert (left / "a.zip").is_file()
    st.cache_resource.clear()
    mine = upload_folder.upload_folder().path
    assert set(tmp_path.iterdir()) == {used, mine}
    assert (used / "a.zip").is_file()
