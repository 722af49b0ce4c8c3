"""The reports of an audit as a reader finds them, where names are hostile."""

import csv
import re
import subprocess
import sys

import openpyxl
import pytest
from pypdf import PdfReader

from core.audit.lifecycle import write_again
from core.audit.report import content
from core.audit.store.records import Choice
from core.detectors.card import Group
from core.errors import AuditError
from tests.cards import split_figures


def text_of(path):
    return "".join(page.extract_text() for page in PdfReader(path).pages)


def verdicts_of(folder):
    """The verdicts of a results.csv, exact duplicates aside."""
    with (folder / "results.csv").open(newline="") as file:
        return [row["verdict"] for row in csv.DictReader(file) if not row["duplicate_of"] and row["verdict"]]


def said_of(page, name):
    """What a report.html says of a fact."""
    found = re.search(rf'<th scope="row">{re.escape(name)}</th><td>(.*?)</td>', page)
    assert found is not None, name
    return found[1]


def test_hostile_names_are_shown_and_never_run(audit, store, folder, tmp_path, monkeypatch):
    data = (folder / "01.jpg").read_bytes()
    names = ("=cmd()", "<script>alert(1)<", "\u202egpj.exe", "\u6f22\U0001f3a8")
    for number, name in enumerate(names):
        (folder / f"{name}.jpg").write_bytes(data + bytes([number]))
    monkeypatch.chdir(folder)
    audit_id = audit(*sorted(p.relative_to(folder) for p in folder.glob("[!0-9]*.jpg"))).audit_id
    store.rule(audit_id, 0, Choice.OVERRIDE, name="@eve", note="seen the sketch")
    out = tmp_path / "out"
    write_again(out, store)
    page = (out / "report.html").read_text("utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;" in page
    assert "\u202e" not in page
    assert "\u6f22\U0001f3a8.jpg" in page
    assert "override by @eve" in page
    book = openpyxl.load_workbook(out / "results.xlsx")
    cells = [cell for row in book["results"].iter_rows() for cell in row]
    assert "'=cmd().jpg" in [cell.value for cell in cells]
    assert not [cell for cell in cells if cell.data_type == "f"]
    printed = "".join(text_of(out / "report.pdf").split())
    assert "=cmd().jpg" in printed
    assert "\\u6f22" in printed


def test_counts_agree_with_the_results_and_the_page_is_the_same_again(audit, store, folder, tmp_path):
    audit(folder)
    out = tmp_path / "out"
    before = (out / "report.html").read_bytes()
    with (out / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    book = openpyxl.load_workbook(out / "results.xlsx", read_only=True)
    said = {row[0]: row[1] for row in book["report"].iter_rows(values_only=True) if len(row) > 1}
    for verdict in ("ai", "human", "inconclusive"):
        count = sum(row["verdict"] == verdict and not row["duplicate_of"] for row in rows)
        assert said[verdict].startswith(f"{count} (")
    assert book["results"].max_row == len(rows) + 1
    assert "cannot be estimated" in before.decode()
    write_again(out, store)
    assert (out / "report.html").read_bytes() == before
    assert "sub/cut.jpg" in text_of(out / "report.pdf").replace("\n", "")


def test_an_audit_of_errors_only_says_that_nothing_was_judged(audit, folder, tmp_path):
    audit(folder / "sub" / "cut.jpg")
    assert "No image was judged." in (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "No image was judged." in text_of(tmp_path / "out" / "report.pdf")


def test_a_folder_without_an_audit_is_refused(store, tmp_path):
    with pytest.raises(AuditError, match="holds no audit"):
        write_again(tmp_path, store)


def test_the_card_gives_error_rates_and_the_false_accusations_to_expect(
    audit, stub, folder, tmp_path, monkeypatch
):
    measured = split_figures(0.1, Group(label="ai", name="dall-e-3", images=60, wrong=0.1, inconclusive=0.1))
    known = stub.card.model_copy(update={"splits": {"ood": measured}})
    monkeypatch.setattr(content, "load_card", lambda _: known)
    audit(folder)
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    verdicts = verdicts_of(tmp_path / "out")
    assert said_of(page, "Images judged") == str(len(verdicts))
    for verdict in ("human", "ai", "inconclusive"):
        assert said_of(page, verdict).startswith(f"{verdicts.count(verdict)} (")
    # human works called ai 0.1, AI works called ai 1 - 0.1 - 0.1 = 0.8
    share = min(1, max(0, (verdicts.count("ai") / len(verdicts) - 0.1) / 0.7))
    accused = min(verdicts.count("ai"), len(verdicts) * (1 - share) * 0.1)
    assert said_of(page, "Estimated share of AI works among the images judged") == f"{share:.1%}"
    assert said_of(page, "Works by people among those called ai").startswith(f"{accused:.1f} (")
    rates = "human called ai 10.0% (5.0% to 15.0%); AI called human 10.0% (5.0% to 15.0%)"
    assert said_of(page, "Split ood: 40 human, 60 AI works") == rates
    assert rates in text_of(tmp_path / "out" / "report.pdf").replace("\n", " ")


def test_no_heading_of_the_pdf_stands_alone_at_the_foot_of_a_page(audit, folder, tmp_path):
    audit(folder)
    for page in PdfReader(tmp_path / "out" / "report.pdf").pages:
        *_, last, footer = page.extract_text().splitlines()
        assert footer.startswith("Page ")
        assert last not in {"Limits", "Every image", "To reproduce it", "Verdicts"}


def test_reports_are_written_without_loading_torch():
    program = "import sys, core.audit.report.reports; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
