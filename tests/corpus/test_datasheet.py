"""The datasheet says what the commands say."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.corpus import integrity, leak_findings, leakage, manifest, stats
from core.corpus.cache import ImageCache
from core.corpus.commands import app
from core.markdown_table import markdown

DATA = Path(__file__).resolve().parents[2] / "data"
SHEET = (DATA / "DATASHEET.md").read_text(encoding="utf-8")
TABLES = stats.tables(manifest.read(DATA / "manifest.csv").frame)


@pytest.fixture(scope="module")
def printed():
    return CliRunner().invoke(app, ["stats", str(DATA / "manifest.csv"), "--markdown"]).stdout


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.title)
def test_every_table_the_command_prints_is_in_the_datasheet(table, printed):
    text = markdown(table)
    assert text in printed
    assert text in SHEET


def test_every_column_of_the_manifest_is_described():
    for name, field in manifest.Row.model_fields.items():
        assert f"| `{name}` | {field.description} |" in SHEET


def test_the_published_manifest_has_the_address_of_every_original():
    addresses = manifest.read(DATA / "manifest.csv").frame["source_url"]
    assert addresses.str.match(r"https://github\.com/|pkg:deb/debian/").all()


def test_the_published_manifest_is_rebuilt_to_the_byte(shared_data, tmp_path):
    output = tmp_path / "manifest.csv"
    result = CliRunner().invoke(app, ["build", str(shared_data / "manifest.csv"), "--output", str(output)])
    assert result.exit_code == 0, result.output
    assert output.read_bytes() == (DATA / "manifest.csv").read_bytes()


def test_the_alarm_reaches_the_figures_of_the_datasheet(shared_data):
    listed = manifest.read(shared_data / "manifest.csv")
    for report in (
        leakage.of_originals(listed),
        leakage.of_files(listed, ImageCache.default(listed.path)),
    ):
        assert report.verdict == "rings"
        auc = report.auc
        assert f"| {auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f}) | rings |" in SHEET


def test_every_finding_of_the_alarm_that_is_shipped_stands_in_the_datasheet():
    findings = leak_findings.read(DATA / "leaks.json")
    rows = re.findall(r"^\| [^|]+ \| (.+ to .+) \| (rings|silent) \|$", SHEET, re.MULTILINE)
    assert sorted(rows) == sorted(
        (f"{each.auc.value:.3f} ({each.auc.low:.3f} to {each.auc.high:.3f})", each.verdict)
        for each in findings.reports
    )


def test_the_look_alikes_are_as_many_as_the_datasheet_says(shared_data):
    listed = manifest.read(shared_data / "manifest.csv")
    report = integrity.verify(listed, ImageCache.default(listed.path))
    assert report.problems == ()
    assert report.checked == 4900
    assert f"warns of {len(report.warnings)} pairs" in SHEET
