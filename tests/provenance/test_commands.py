"""The verb `evidence`."""

import json

from PIL.PngImagePlugin import PngInfo

from tests.commands import invoke
from tests.provenance.test_generators import A1111


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
    assert absent["evidence"] is None
    assert "does not exist" in absent["error"]


def test_evidence_in_words_exits_0_when_all_was_read(tmp_path, drawings):
    path = tmp_path / "plain.png"
    path.write_bytes(drawings.file(drawings.painting()))
    result = invoke("evidence", str(path))
    assert result.exit_code == 0
    assert "no evidence, which says nothing" in result.stdout
