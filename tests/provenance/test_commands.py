"""The verb `evidence`."""

import errno
import hashlib
import json
import os

from PIL.PngImagePlugin import PngInfo

from core.provenance import readers
from tests.commands import invoke
from tests.provenance.test_generators import A1111
from tests.provenance.test_videos import film


def test_evidence_json_reports_every_file_and_exits_1(tmp_path, drawings):
    words = PngInfo()
    words.add_text("parameters", A1111)
    (tmp_path / "made.png").write_bytes(drawings.file(drawings.painting(), pnginfo=words))
    (tmp_path / "plain.png").write_bytes(drawings.file(drawings.painting()))
    paths = [str(tmp_path / name) for name in ("made.png", "plain.png", "absent.png")]
    result = invoke("evidence", *paths, "--json")
    made, plain, absent = (json.loads(line) for line in result.stdout.splitlines())
    assert result.exit_code == 1
    assert [line["path"] for line in (made, plain, absent)] == paths
    assert set(made["evidence"][0]) == {"kind", "where", "finding", "word", "says", "trust", "signer"}
    assert (made["evidence"][0]["says"], made["error"]) == ("ai", None)
    assert plain["evidence"] == []
    assert absent["evidence"] is absent["sha256"] is None
    assert "does not exist" in absent["error"]


def test_what_is_no_picture_has_its_sha256_beside_the_error(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    line = json.loads(invoke("evidence", str(tmp_path / "notes.txt"), "--json").stdout)
    assert "text, not a picture" in line["error"]
    assert line["sha256"] == hashlib.sha256(b"hello").hexdigest()


def test_evidence_in_words_exits_0_when_all_was_read(tmp_path, drawings):
    path = tmp_path / "plain.png"
    path.write_bytes(drawings.file(drawings.painting()))
    result = invoke("evidence", str(path))
    assert result.exit_code == 0
    assert "no evidence, which says nothing" in result.stdout


def test_a_video_that_the_disk_does_not_give_stops_no_other_file(tmp_path, drawings, monkeypatch):
    def damaged(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    (tmp_path / "a.mp4").write_bytes(film("mp4"))
    (tmp_path / "plain.png").write_bytes(drawings.file(drawings.painting()))
    monkeypatch.setattr(readers.hashlib, "file_digest", damaged)
    result = invoke("evidence", str(tmp_path / "a.mp4"), str(tmp_path / "plain.png"), "--json")
    video, plain = (json.loads(line) for line in result.stdout.splitlines())
    assert result.exit_code == 1
    assert video["error"] == "'a.mp4' cannot be read to its end (Input/output error): check the disk."
    assert (plain["evidence"], plain["error"]) == ([], None)
