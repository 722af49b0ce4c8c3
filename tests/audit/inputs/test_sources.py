"""What each input is taken for, and where the dashboard may read."""

import zipfile

import pytest

from core.audit.inputs.archives import ArchivedFiles
from core.audit.inputs.files import Files, Folder
from core.audit.inputs.lists import ListOfFiles
from core.audit.inputs.roots import Roots
from core.audit.inputs.sources import sources_of
from core.errors import AuditError


def test_each_input_is_taken_for_what_it_is(tmp_path, drawings):
    (tmp_path / "a.jpg").write_bytes(drawings.file(drawings.painting()))
    (tmp_path / "list.CSV").write_text("path\n")
    for name in ("works.zip", "works.bin"):
        with zipfile.ZipFile(tmp_path / name, "w") as file:
            file.writestr("a.png", b"x")
    inputs = [tmp_path, *(tmp_path / name for name in ("a.jpg", "list.CSV", "works.zip", "works.bin"))]
    assert [type(source) for source in sources_of(inputs)] == [
        Folder,
        Files,
        ListOfFiles,
        ArchivedFiles,
        ArchivedFiles,
    ]


def test_an_input_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(AuditError, match="gone is no file and no folder"):
        sources_of([tmp_path / "gone"])


def test_inputs_outside_the_roots_are_refused(tmp_path, monkeypatch):
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / "out").symlink_to(tmp_path)
    monkeypatch.setenv("VERSO_AUDIT_ROOTS", str(inside))
    assert len(sources_of([inside], Roots.configured())) == 1
    for path in (tmp_path, inside / "..", inside / "out"):
        with pytest.raises(AuditError, match="lies outside the folders"):
            sources_of([path], Roots.configured())


def test_without_configured_roots_nothing_may_be_read(tmp_path, monkeypatch):
    monkeypatch.delenv("VERSO_AUDIT_ROOTS", raising=False)
    with pytest.raises(AuditError, match="set VERSO_AUDIT_ROOTS"):
        sources_of([tmp_path], Roots.configured())
