"""`python -m core audit`."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.audit import lifecycle
from core.audit.store.audits import AuditStore
from core.errors import AuditError
from tests.commands import invoke

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def own_database(tmp_path, monkeypatch):
    monkeypatch.setenv("VERSO_DATABASE_URL", f"sqlite:///{tmp_path}/audits.db")


def paths(output):
    with (output / "results.csv").open(newline="") as file:
        return [Path(row["path"]).name for row in csv.DictReader(file)]


@pytest.mark.usefixtures("stub")
def test_exit_0_if_all_was_read(folder, tmp_path):
    result = invoke(
        "audit", str(folder / "00.jpg"), str(folder / "01.jpg"), "--output", str(tmp_path / "out")
    )
    assert result.exit_code == 0
    assert "0 without a verdict" in " ".join(result.stderr.split())
    assert paths(tmp_path / "out") == ["00.jpg", "01.jpg"]


@pytest.mark.usefixtures("stub")
def test_an_output_whose_name_is_no_text_gets_its_results(folder, tmp_path):
    try:
        output = Path(os.fsdecode(os.fsencode(tmp_path) + b"/out\xe9"))
        output.mkdir()
    except OSError:
        pytest.skip("this disk takes no names that are no text")
    assert invoke("audit", str(folder / "00.jpg"), "--output", str(output)).exit_code == 0
    assert {path.name for path in output.glob("r*")} >= {"results.csv", "results.parquet", "report.pdf"}


@pytest.mark.usefixtures("stub")
def test_exit_1_if_some_was_not_read(folder, tmp_path):
    result = invoke("audit", str(folder), "--output", str(tmp_path / "out"), "--workers", "1")
    assert result.exit_code == 1
    assert "1 exact duplicates, 2 without a verdict" in " ".join(result.stderr.split())
    assert len(paths(tmp_path / "out")) == 44


@pytest.mark.usefixtures("stub")
def test_an_audit_is_called_by_its_name(folder, tmp_path):
    output = tmp_path / "out"
    invoke("audit", str(folder / "00.jpg"), "--output", str(output), "--name", "Spring competition")
    assert "<title>Report of the audit Spring competition (" in (output / "report.html").read_text("utf-8")
    with AuditStore.open() as store:
        assert [audit.name for audit in store.all()] == ["Spring competition"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["audit"],
        ["audit", "."],
        ["audit", "no-such-file", "--output", "x"],
        ["audit", ".", "--output", "x", "--workers", "0"],
    ],
)
def test_wrong_usage_exits_2(arguments):
    assert invoke(*arguments).exit_code == 2


@pytest.mark.usefixtures("stub")
def test_refusals_are_sentences(folder, tmp_path):
    arguments = ("audit", str(folder), "--output", str(tmp_path / "out"))
    invoke(*arguments)
    result = invoke(*arguments)
    assert isinstance(result.exception, AuditError)
    assert invoke(*arguments, "--resume").exit_code == 1


@pytest.mark.usefixtures("stub")
def test_an_interrupt_says_how_to_go_on(folder, tmp_path, monkeypatch):
    arguments = ("audit", str(folder), "--output", str(tmp_path / "out"))
    real = lifecycle.write_results

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(lifecycle, "write_results", interrupt)
    result = invoke(*arguments)
    assert result.exit_code == 130
    assert "Go on with the same command and --resume" in " ".join(result.stderr.split())
    monkeypatch.setattr(lifecycle, "write_results", real)
    assert invoke(*arguments, "--resume").exit_code == 1
    assert len(paths(tmp_path / "out")) == 44


def test_ctrl_c_stops_a_real_process_which_can_go_on(folder, drawings, tmp_path):
    for number in range(100, 400):
        (folder / f"{number}.jpg").write_bytes(drawings.file(drawings.painting((64, 48), number), "JPEG"))
    command = [sys.executable, "-m", "tests.audit.stand_in", "audit", str(folder), "--workers", "1"]
    command += ["--output", str(tmp_path / "out")]
    process = subprocess.Popen(command, cwd=REPOSITORY, env=os.environ, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not (tmp_path / "out" / "audit.json").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate()
    assert process.returncode == 130
    assert "Go on with the same command and --resume" in " ".join(stderr.split())
    assert "Traceback" not in stderr
    again = subprocess.run([*command, "--resume"], cwd=REPOSITORY, capture_output=True, check=False)
    assert again.returncode == 1
    assert len(paths(tmp_path / "out")) == 344


def test_a_name_too_long_for_a_disk_is_told_in_a_sentence(tmp_path):
    result = invoke("audit", "a" * 300, "--output", str(tmp_path / "out"))
    assert result.exit_code == 2
    assert "check the path" in " ".join(result.stderr.replace("│", " ").split())
