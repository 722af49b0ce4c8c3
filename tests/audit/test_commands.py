"""`python -m core audit`."""

import csv
from pathlib import Path

import pytest

from core.audit import lifecycle
from core.errors import AuditError
from tests.commands import invoke


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
    assert "0 not readable" in " ".join(result.stderr.split())
    assert paths(tmp_path / "out") == ["00.jpg", "01.jpg"]


@pytest.mark.usefixtures("stub")
def test_exit_1_if_some_was_not_read(folder, tmp_path):
    result = invoke("audit", str(folder), "--output", str(tmp_path / "out"), "--workers", "1")
    assert result.exit_code == 1
    assert "1 exact duplicates, 2 not readable" in " ".join(result.stderr.split())
    assert len(paths(tmp_path / "out")) == 44


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
