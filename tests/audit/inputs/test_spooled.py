"""Copies on disk of what can be read only once."""

import tempfile

import pytest

from core.audit.inputs.archives import ArchivedFiles
from core.errors import AuditError
from tests.archives import write_zip
from tests.audit.conftest import FULL_DISK, needs_full_disk


@needs_full_disk
@pytest.mark.parametrize("buffering", [0, -1])
def test_a_full_disk_is_not_blamed_on_the_file(tmp_path, monkeypatch, buffering):
    files = ArchivedFiles(
        write_zip(tmp_path / "works.zip", ("clip.mp4", b"short enough to wait in a buffer"))
    )
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: FULL_DISK.open("r+b", buffering))
    (entry,) = files.entries()
    with (
        pytest.raises(AuditError, match=r"clip\.mp4' cannot be copied .*No space left.*TMPDIR.*resume"),
        files.seekable(entry),
    ):
        pytest.fail("nothing was copied")


def test_a_folder_for_temporary_files_that_is_gone_says_so(tmp_path, monkeypatch):
    files = ArchivedFiles(write_zip(tmp_path / "works.zip", ("clip.mp4", b"x")))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    (entry,) = files.entries()
    with pytest.raises(AuditError, match=r"No such file.*TMPDIR"), files.seekable(entry):
        pytest.fail("nothing was copied")
