from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.corpus import commands, leak_findings, leakage, manifest
from core.corpus.leak_findings import LeakFindings
from core.detectors import store
from core.detectors.preprocessing import Preprocessing
from core.errors import CorpusError
from tests.corpus.conftest import draw

DATA = Path(__file__).resolve().parents[2] / "data"


def report(seen, low, models=()):
    auc = leakage.Auc((low + 1) / 2, low, 1.0, 673)
    return leakage.LeakReport(seen, {"val": auc, "test": auc}, "val", {"width": 0.9, "aspect": 0.8}, models)


@pytest.fixture
def findings():
    return LeakFindings(
        "c" * 64, [report("the originals", 0.9), report("what the detector is fed", 0.3, ("one", "two"))]
    )


def test_findings_come_back_as_they_were_written(findings, tmp_path):
    leak_findings.write(findings, tmp_path / "new" / "leaks.json")
    again = leak_findings.read(tmp_path / "new" / "leaks.json")
    assert again == findings
    assert [one.verdict for one in again.reports] == ["rings", "silent"]
    assert list(again.reports[0].alone) == ["width", "aspect"]
    assert again.fed == [again.reports[1]]
    assert again.about("two") == again.reports[1]
    assert again.about("three") is None


def test_no_file_is_no_findings(tmp_path):
    assert leak_findings.read(tmp_path / "leaks.json") is None


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(CorpusError, match=r"The findings .* cannot be read"):
        leak_findings.read(tmp_path)


@pytest.mark.parametrize(
    ("text", "where"), [("", "the whole file"), ('{"corpus": "c"}', "reports: Field required")]
)
def test_a_damaged_file_says_what_is_wrong_and_how_to_write_it_anew(tmp_path, text, where):
    path = tmp_path / "leaks.json"
    path.write_text(text)
    with pytest.raises(CorpusError, match=f"{where}.*corpus leaks MANIFEST --output"):
        leak_findings.read(path)


class Card:
    features = None

    def __init__(self, name):
        self.preprocessing = Preprocessing(
            short_side=32, window=32, uniform_side=40, windows=1 + ("b" in name)
        )


def test_the_command_writes_what_it_reports(write_images, monkeypatch, tmp_path):
    monkeypatch.setattr(store, "load_card", Card)
    monkeypatch.setattr(store, "model_names", lambda: ["a-1", "a-2", "b", "verso"])
    cells = [(split, label) for split in ("train", "val") for label in ("human", "ai")] * 30
    listed = write_images(
        [(draw(n), {"split": split, "label": label}) for n, (split, label) in enumerate(cells)]
    )
    output = tmp_path / "leaks.json"
    arguments = ["leaks", str(listed.path), "--output", str(output)]
    result = CliRunner().invoke(commands.app, arguments)
    assert result.exit_code == 0, result.output
    written = leak_findings.read(output)
    assert written.corpus == listed.version
    assert [list(one.models) for one in written.reports] == [[], [], ["verso", "a-1", "a-2"], ["b"]]
    for one in written.reports:
        assert one.sentence in result.stdout


def test_the_findings_in_the_repository_are_of_its_corpus():
    written = leak_findings.read(DATA / "leaks.json")
    assert written is not None
    assert written.corpus == manifest.read(DATA / "manifest.csv").version
    shipped = store.model_names()
    assert {name for one in written.fed for name in one.models} == set(shipped)
