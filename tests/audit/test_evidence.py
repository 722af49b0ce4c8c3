"""What files say of themselves, from an audit's folder to its results."""

import csv
import re

import openpyxl
import pytest
from PIL import Image
from PIL.ExifTags import Base
from PIL.PngImagePlugin import PngInfo
from pyarrow import parquet
from pypdf import PdfReader

from core.audit.store.pages import Kind, Wanted
from tests.provenance.test_generators import A1111
from tests.provenance.test_videos import film


@pytest.fixture
def speaking(tmp_path, drawings):
    """A picture that tells its generator, given twice; one by a camera; one that says nothing."""
    made = tmp_path / "works"
    made.mkdir()
    settings, camera = PngInfo(), Image.Exif()
    settings.add_text("parameters", A1111)
    camera[Base.Make], camera[Base.Software] = "Canon", "=HYPERLINK()\x1b[1m"
    generated = drawings.file(drawings.painting(seed=1), pnginfo=settings)
    (made / "1.png").write_bytes(generated)
    (made / "2.png").write_bytes(generated)
    (made / "3.jpg").write_bytes(drawings.file(drawings.painting(seed=3), "JPEG", exif=camera))
    (made / "4.jpg").write_bytes(drawings.file(drawings.painting(seed=4), "JPEG"))
    (made / "5.jpg").write_bytes(b"cut")
    return made


SAID = {
    "1.png": "ai: generator text (AUTOMATIC1111)",
    "2.png": "ai: generator text (AUTOMATIC1111)",
    "3.jpg": "human: camera (Canon); neutral: software (=HYPERLINK()\N{REPLACEMENT CHARACTER}[1m)",
    "4.jpg": "",
    "5.jpg": "",
}


def test_every_result_file_carries_the_evidence(audit, speaking, tmp_path):
    audit(speaking)
    out = tmp_path / "out"
    with (out / "results.csv").open(newline="") as file:
        rows = {row["path"].rsplit("/", 1)[-1]: row["evidence"] for row in csv.DictReader(file)}
    assert rows == SAID
    assert [said or "" for said in parquet.read_table(out / "results.parquet")["evidence"].to_pylist()] == [
        *SAID.values()
    ]
    book = openpyxl.load_workbook(out / "results.xlsx", read_only=True)
    cells = {cell for row in book["results"].iter_rows(values_only=True) for cell in row}
    assert set(filter(None, SAID.values())) <= cells


def test_the_reports_count_and_show_it(audit, speaking, tmp_path):
    audit(speaking)
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert page.count(">ai: generator text (AUTOMATIC1111)<") == 2
    counts = re.findall(r'<th scope="row">(That a|Something)[^<]*</th><td>(\d)</td>', page)
    assert [count for _, count in counts] == ["1", "1", "0"]
    printed = " ".join(
        "".join(page.extract_text() for page in PdfReader(tmp_path / "out" / "report.pdf").pages).split()
    )
    assert "What the files say of themselves" in printed
    assert "(AUTOMATIC1111)" in printed


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (Kind.AI_EVIDENCE, ["1.png", "2.png"]),
        (Kind.EVIDENCE, ["1.png", "2.png", "3.jpg"]),
        (Kind.NO_EVIDENCE, ["4.jpg"]),
    ],
)
def test_results_are_filtered_by_evidence(audit, store, speaking, kind, names):
    results = store.results(store.find(audit(speaking).audit_id))
    wanted = Wanted(kinds=(kind,))
    assert [row.path.rsplit("/", 1)[-1] for row in results.page(wanted)] == names
    assert results.count(wanted) == len(names)


@pytest.fixture
def shown(tmp_path):
    """A video that tells its generator, and one that tells nothing."""
    made = tmp_path / "shown"
    made.mkdir()
    (made / "1.mp4").write_bytes(film("mp4", prompt='{"1": {"class_type": "KSampler"}}'))
    (made / "2.avi").write_bytes(re.sub(rb"ISFT", b"JUNK", film("avi")))
    return made


def test_videos_have_evidence_and_their_shots_have_none(audit, store, shown, tmp_path):
    results = store.results(store.find(audit(shown).audit_id))
    with (tmp_path / "out" / "results.csv").open(newline="") as file:
        rows = {row["path"].rsplit("/", 1)[-1]: row["evidence"] for row in csv.DictReader(file)}
    assert "ai: generator text (ComfyUI)" in rows["1.mp4"]
    assert {said for name, said in rows.items() if name != "1.mp4"} == {""}
    assert len(rows) > 2
    for kind, name in ((Kind.AI_EVIDENCE, "1.mp4"), (Kind.NO_EVIDENCE, "2.avi")):
        assert [row.path.rsplit("/", 1)[-1] for row in results.page(Wanted(kinds=(kind,)))] == [name]


def test_evidence_changes_no_verdict(audit, store, speaking, drawings, tmp_path):
    silent = tmp_path / "silent"
    silent.mkdir()
    (silent / "1.png").write_bytes(drawings.file(drawings.painting(seed=1)))
    spoken, unspoken = (
        store.rows(audit(path, name=path.parent.name + path.stem).audit_id)[0]
        for path in (speaking / "1.png", silent / "1.png")
    )
    assert abs(spoken.p_ai - unspoken.p_ai) < 0.011  # the stand-in judges company by sha256 too
    assert spoken.verdict == unspoken.verdict
    assert (spoken.evidence_says, unspoken.evidence_says) == ("ai", None)
