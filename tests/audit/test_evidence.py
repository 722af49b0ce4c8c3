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

from core.audit.lifecycle import Order, carry_out
from core.audit.store.pages import Kind, Wanted
from tests.provenance.signing import Studio
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


SPEAKING = {"silent": "", "of a generator": "trainedAlgorithmicMedia", "of a camera": "digitalCapture"}


def test_evidence_changes_no_verdict_of_a_network(store, workshop, tiny_model, tmp_path):
    studio, found = Studio(), {}
    works = sorted((workshop.folder / "images").glob("*/*.jpg"))[:24]
    for name, source_type in SPEAKING.items():
        (tmp_path / name).mkdir()
        for work in works:
            data = work.read_bytes()
            signed = studio.sign(data, "image/jpeg", source_type) if source_type else data
            (tmp_path / name / work.name).write_bytes(signed)
        order = Order((tmp_path / name,), tmp_path / f"out {name}", str(tiny_model))
        found[name] = store.rows(carry_out(order, store).audit_id)
    said = {name: {row.evidence_says for row in rows} for name, rows in found.items()}
    assert said == {"silent": {None}, "of a generator": {"ai"}, "of a camera": {"human"}}
    judged = [[(row.p_ai, row.verdict) for row in rows] for rows in found.values()]
    assert judged[0] == judged[1] == judged[2]
    assert {verdict for _, verdict in judged[0]} >= {"human", "ai"}
