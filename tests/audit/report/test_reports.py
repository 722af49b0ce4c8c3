"""The reports of an audit as a reader finds them, where names are hostile."""

import base64
import csv
import errno
import hashlib
import html
import io
import os
import re
import shutil
import subprocess
import sys
import zipfile
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter
from fsspec.implementations.memory import MemoryFileSystem
from PIL import Image, ImageChops
from pyarrow import parquet
from pypdf import PdfReader
from xlsxwriter.exceptions import FileCreateError

from core import images
from core.audit.inputs.address import Address
from core.audit.inputs.files import Files
from core.audit.lifecycle import Order, are_up_to_date, carry_out, write_again
from core.audit.queue import Queue
from core.audit.report import content, document, facts, reports, thumbnails
from core.audit.shots import RULE
from core.audit.store import audits
from core.audit.store.pages import Wanted
from core.audit.store.records import Choice, State
from core.audit.worker import Worker
from core.detectors.card import Group, Interval
from core.errors import AuditError, OutputError
from core.provenance.trust import VARIABLE
from core.verdict import Label
from tests.audit.conftest import film
from tests.cards import split_figures
from tests.provenance.signing import Studio


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
    monkeypatch.setattr("core.pdf.font_with", lambda _: None)
    audit_id = audit(*sorted(p.relative_to(folder) for p in folder.glob("[!0-9]*.jpg"))).audit_id
    store.rule(audit_id, 0, Choice.OVERRIDE, name="@eve", note="seen the sketch")
    out = tmp_path / "out"
    write_again(out, store)
    page = (out / "report.html").read_text("utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;" in page
    assert "\u202e" not in page
    assert "\u6f22\U0001f3a8.jpg" in page
    assert " UTC, by @eve</td>" in page
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


def test_text_is_told_apart_from_damaged_pictures_in_folders_and_archives(audit, folder, tmp_path):
    (folder / "sub" / "again.txt").write_bytes((folder / "sub" / "notes.txt").read_bytes())
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", folder)
    for name, given in (("of a folder", folder), ("of a zip", Path(archive))):
        outcome = audit(given, name=name)
        assert (outcome.counts.unreadable, outcome.counts.no_picture, outcome.unreadable) == (1, 2, 3)
        page = (tmp_path / name / "report.html").read_text("utf-8")
        assert said_of(page, "Not readable, duplicates included") == "1"
        assert said_of(page, "Not a picture: text or a document, duplicates included") == "2"
        assert page.count(">no picture</td>") == 2
        assert page.count(">not readable</td>") == 1


def test_who_signed_is_told_as_it_was_found_and_by_which_list(audit, drawings, tmp_path, monkeypatch):
    studio = Studio("Known studio")
    works = tmp_path / "signed"
    works.mkdir()
    picture = drawings.file(drawings.painting(), "JPEG")
    (works / "a.jpg").write_bytes(studio.sign(picture, "image/jpeg", "digitalCapture"))
    audit(works, name="without")
    page = (tmp_path / "without" / "report.html").read_text("utf-8")
    assert "given no list of trusted signers, so by whom is not verified" in page
    assert said_of(page, "sha256 of the list of trusted signers") == "no list was given"
    (tmp_path / "list.pem").write_bytes(studio.root)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "list.pem"))
    audit(works, name="with")
    page = (tmp_path / "with" / "report.html").read_text("utf-8")
    assert ", signer listed" in page
    assert "not verified" not in page
    digest = hashlib.sha256(studio.root).hexdigest()
    assert said_of(page, "sha256 of the list of trusted signers") == digest


def test_uploads_are_called_as_they_were_uploaded(store, stub, folder, tmp_path):  # noqa: ARG001
    queue = Queue(tmp_path / "queue")
    draft = queue.draft()
    queue.spool(draft, "one.jpg", io.BytesIO((folder / "01.jpg").read_bytes()))
    archive = Path(shutil.make_archive(str(tmp_path / "entries"), "zip", folder))
    queue.spool(draft, "entries.zip", io.BytesIO(archive.read_bytes()))
    asked = queue.ask(tuple(queue.uploads(draft)), "stub", draft)
    Worker(queue, store).run(queue.find(asked))
    page = (queue.folder(asked) / "report.html").read_text("utf-8")
    assert (said_of(page, "Input 1"), said_of(page, "Input 2")) == (
        "files uploaded one by one",
        "entries.zip, uploaded",
    )
    assert str(tmp_path) not in page


def test_the_workbook_can_be_filtered_and_its_times_are_dates(audit, store, folder, tmp_path):
    audit_id = audit(folder).audit_id
    store.rule(audit_id, 0, Choice.AGREE, name="Ada")
    write_again(tmp_path / "out", store)
    sheet = openpyxl.load_workbook(tmp_path / "out" / "results.xlsx")["results"]
    assert sheet.auto_filter.ref == "A1:O45"
    assert sheet.freeze_panes == "B2"
    assert sheet.column_dimensions["A"].width > sheet.column_dimensions["C"].width
    (ruled,) = (row for row in store.rows(audit_id) if row.ruling)
    moment = datetime.fromisoformat(ruled.ruled_at).replace(tzinfo=None)
    cell = next(cell for cell in sheet[2] if sheet.cell(1, cell.column).value == "ruled_at")
    assert (cell.value, cell.is_date) == (moment, True)


def test_the_arithmetic_is_told_in_words():
    said = content.arithmetic_of("cpu bfloat16")
    assert said == "on the computer's processor, in numbers of 16 bits (cpu bfloat16)"
    said = content.arithmetic_of("cpu bfloat16 int8")
    assert "in numbers of 16 bits, of 8 bits where a network has such weights (cpu bfloat16 int8)" in said
    assert content.arithmetic_of("cpu bfloat16 int8 tiles").endswith(
        "of 16 bits in an encoder all the same (cpu bfloat16 int8 tiles)"
    )
    assert content.arithmetic_of("none") == "none"


def test_a_video_whose_shots_disagree_says_so(audit, folder, tmp_path):
    film(folder / "clip.mp4", ((5, 5, 5), (250, 250, 250)))
    shutil.copy(folder / "clip.mp4", folder / "copy.mp4")
    film(folder / "dark.mp4", ((5, 5, 5), (60, 0, 0)))
    audit(folder)
    out = tmp_path / "out"
    page = (out / "report.html").read_text("utf-8")
    assert said_of(page, "Videos whose shots disagree") == "1"
    assert RULE in html.unescape(page)
    assert page.count("; shots disagree: 1 ai, 1 human</td>") == 2  # the video and its copy, not the shots
    printed = text_of(out / "report.pdf").replace("\n", " ")
    assert "shots disagree" in printed
    audit(folder / "00.jpg", name="no video")
    assert RULE not in html.unescape((tmp_path / "no video" / "report.html").read_text("utf-8"))


def cancelled(audit, store, folder):
    """Carry an audit out that is cancelled after its first chunk."""

    def cancel(progress):
        if progress.counts and progress.counts.done and store.all()[0].state is State.RUNNING:
            store.ask(store.all()[0].id, State.CANCELLING)

    return audit(folder, watcher=cancel, workers=1)


def test_a_cancelled_audit_gives_what_was_judged_as_partial(audit, store, folder, tmp_path):
    outcome = cancelled(audit, store, folder)
    assert outcome.state is State.CANCELLED
    out = tmp_path / "out"
    write_again(out, store)
    title = f"Partial report ({outcome.counts.done} of 43 different files examined) of an audit"
    page = (out / "report.html").read_text("utf-8")
    assert f"<h1>{title}</h1>" in page
    assert said_of(page, "Images judged") == str(outcome.counts.judged)
    assert said_of(page, "Not judged") == str(outcome.counts.waiting)
    assert "no random sample" in page
    assert page.count(">not judged</td>") == outcome.counts.waiting
    assert title in text_of(out / "report.pdf")
    book = openpyxl.load_workbook(out / "results.xlsx", read_only=True)
    assert next(book["report"].iter_rows(values_only=True))[0] == title
    with (out / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 44
    waiting = [Path(row["path"]).name for row in rows if not row["verdict"] and not row["error"]]
    assert len(waiting) == outcome.counts.waiting
    table = text_of(out / "report.pdf").partition("In this order:")[2]
    listed = re.findall("|".join(re.escape(Path(row["path"]).name) for row in rows), table)
    assert list(dict.fromkeys(listed))[-len(waiting) :] == waiting


def test_a_whole_audit_is_not_called_partial(audit, folder, tmp_path):
    audit(folder)
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "<h1>Report of an audit</h1>" in page
    assert "Not judged" not in page


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
    assert said_of(page, "Estimated share of AI works among the images judged") == f"{100 * share:.1f} %"
    assert said_of(page, "Works by people among those called ai").startswith(f"{accused:.1f} (")
    rates = "human called ai 10.0 % (5.0 % to 15.0 %); AI called human 10.0 % (5.0 % to 15.0 %)"
    unseen = "Works of generators and sources it never saw (split ood): 40 human, 60 AI works"
    assert said_of(page, unseen) == rates
    printed = text_of(tmp_path / "out" / "report.pdf").replace("\n", " ")
    assert rates in printed
    for told in (page, printed):
        assert "33 % of one of 3 : 2, 50 % of one of 2 : 1, 80 % of one of 5 : 1." in told


def test_no_heading_of_the_pdf_stands_alone_at_the_foot_of_a_page(audit, folder, tmp_path):
    audit(folder)
    for page in PdfReader(tmp_path / "out" / "report.pdf").pages:
        *_, last, footer = page.extract_text().splitlines()
        assert footer.startswith("Page ")
        assert last not in {"Limits", "Every image", "To reproduce it", "Verdicts"}


def test_reports_are_written_without_loading_torch():
    program = "import sys, core.audit.report.reports; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def pictures_of(page):
    """The small pictures of a report.html, by the path beside them."""
    found = re.findall(r'<img src="data:image/jpeg;base64,([^"]+)" alt="">([^<]+)</td>', page)
    return {path: images.open(base64.b64decode(data)) for data, path in found}


def test_small_pictures_of_what_can_still_be_read_stand_in_page_and_pdf(audit, store, folder, tmp_path):
    Image.effect_noise((400, 200), 80).convert("RGB").save(folder / "wide.jpg")
    audit(folder)
    out = tmp_path / "out"
    shown = pictures_of((out / "report.html").read_text("utf-8"))
    assert len(shown) == 42  # one of the 43 that were judged is an exact duplicate
    assert (shown[f"{folder}/wide.jpg"].width, shown[f"{folder}/wide.jpg"].height) == (96, 48)
    assert sum(len(page.images) for page in PdfReader(out / "report.pdf").pages) == 42
    (folder / "wide.jpg").write_bytes((folder / "01.jpg").read_bytes())
    (folder / "02.jpg").unlink()
    write_again(out, store)
    left = pictures_of((out / "report.html").read_text("utf-8"))
    assert set(shown) - set(left) == {f"{folder}/wide.jpg", f"{folder}/02.jpg"}


def test_pictures_are_few_and_of_what_matters_most(audit, store, folder, drawings, tmp_path, monkeypatch):
    for number in range(3):
        dark = drawings.painting((64, 48), number).point(lambda level: level // 4)
        (folder / f"dark {number}.png").write_bytes(drawings.file(dark))
        (folder / f"light {number}.png").write_bytes(drawings.file(ImageChops.invert(dark)))
    audit_id = audit(folder).audit_id
    pages = store.results(store.find(audit_id))
    human = pages.page(Wanted((Label.HUMAN,)), 0, 1)[0]
    called_ai = {row.path for row in pages.page(Wanted((Label.AI,)), 0, 50)}
    assert len(called_ai) == 3
    store.rule(audit_id, human.position, Choice.UNSURE, name="Ada")
    monkeypatch.setattr(thumbnails, "MOST", len(called_ai) + 1)
    write_again(tmp_path / "out", store)
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert set(pictures_of(page)) == {human.path, *called_ai}


def test_a_report_is_written_when_the_inputs_are_gone(audit, store, folder, tmp_path):
    audit(folder)
    folder.rename(tmp_path / "elsewhere")
    write_again(tmp_path / "out", store)
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert pictures_of(page) == {}
    assert "moved since have none" in page


def test_a_report_is_written_when_the_place_of_an_input_does_not_answer(
    audit, store, folder, tmp_path, monkeypatch
):
    asked = []

    def no_answer(_, path, *__, **___):
        asked.append(path)
        raise TimeoutError("no answer")

    monkeypatch.setattr(MemoryFileSystem, "store", {})
    MemoryFileSystem().put(str(folder), "/works", recursive=True)
    audit(folder / "38.jpg", Address("memory://works"))
    page = tmp_path / "out" / "report.html"
    assert len(pictures_of(page.read_text("utf-8"))) == 41
    monkeypatch.setattr(MemoryFileSystem, "open", no_answer)
    write_again(tmp_path / "out", store)
    assert set(pictures_of(page.read_text("utf-8"))) == {f"{folder}/38.jpg"}
    assert 1 <= len(asked) <= (os.cpu_count() or 1)  # once by each thread, not once for each picture


def test_a_picture_on_a_failing_disk_is_left_out_of_the_report(audit, store, folder, tmp_path, monkeypatch):
    @contextmanager
    def failing(*_):
        raise OSError(errno.EIO, "Input/output error")
        yield

    audit(folder / "38.jpg")
    monkeypatch.setattr(Files, "stream", failing)
    write_again(tmp_path / "out", store)
    assert pictures_of((tmp_path / "out" / "report.html").read_text("utf-8")) == {}


def test_the_report_of_two_stages_says_how_many_each_judged(audit, folder, tmp_path):
    audit(folder, model="pair")
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    counts = [int(said_of(page, f"Judged by {stage}")) for stage in ("quick", "slow")]
    assert str(sum(counts)) == said_of(page, "Images judged")
    assert said_of(page, "Model") == "pair"
    assert len(re.findall(r">(?:ai|human|inconclusive) \((?:quick|slow)\)</td>", page)) == sum(counts) + 1


def test_the_report_says_when_the_newest_ruling_was_made(audit, store, folder, tmp_path, monkeypatch):
    audit_id = audit(folder).audit_id
    out = tmp_path / "out"
    assert said_of((out / "report.html").read_text("utf-8"), "Newest ruling") == "none yet"
    for position, moment in ((2, "2026-03-01T10:00:00+00:00"), (0, "2026-03-01T12:30:00+00:00")):
        with monkeypatch.context() as patch:
            patch.setattr(audits, "now", lambda moment=moment: moment)
            store.rule(audit_id, position, Choice.UNSURE, name="Ada")
    write_again(out, store)
    assert said_of((out / "report.html").read_text("utf-8"), "Newest ruling") == "2026-03-01 12:30:00 UTC"


@pytest.fixture
def graded(tmp_path, drawings, monkeypatch):
    """Two works of each verdict and two that cannot be read, in the order from the least grave."""
    made = tmp_path / "graded"
    made.mkdir()
    monkeypatch.chdir(tmp_path)
    for number, level in enumerate((20, 30, None, None, 120, 130, 220, 230)):
        data = b"cut" if level is None else drawings.file(Image.new("RGB", (64, 48), (level,) * 3))
        (made / f"{number}.png").write_bytes(data)
    return Path("graded")


def listed(folder):
    """The files in the table of a report.pdf, in its order."""
    table = text_of(folder / "report.pdf").partition("In this order:")[2]
    return list(dict.fromkeys(re.findall(r"graded/(\d)\.png", table)))  # an error names its file once more


def test_the_pdf_begins_with_the_gravest_and_leaves_out_the_others(
    audit, store, graded, tmp_path, monkeypatch
):
    audit(graded)
    out = tmp_path / "out"
    with (out / "results.csv").open(newline="") as file:
        verdicts = [row["verdict"] for row in csv.DictReader(file)]
    assert verdicts == ["human"] * 2 + [""] * 2 + ["inconclusive"] * 2 + ["ai"] * 2
    assert listed(out) == list("67452301")
    monkeypatch.setattr(reports, "MOST_ROWS", 3)
    monkeypatch.setattr(document, "MOST_ROWS", 3)
    write_again(out, store)
    assert listed(out) == list("674")
    assert "3 of 8 rows" in text_of(out / "report.pdf")


def test_the_reports_carry_the_name_of_the_audit(stub, store, folder, tmp_path):
    out = tmp_path / "out"
    named = Order((folder,), out, stub.card.name, name="<b>Spring</b>\u202e\n competition")
    audit_id = carry_out(named, store).audit_id
    assert store.find(audit_id).name == "<b>Spring</b>\N{REPLACEMENT CHARACTER} competition"
    page = (out / "report.html").read_text("utf-8")
    assert (
        "<h1>Report of the audit &lt;b&gt;Spring&lt;/b&gt;\N{REPLACEMENT CHARACTER} competition</h1>" in page
    )
    before = (out / "results.csv").read_bytes()
    store.rename(audit_id, "Autumn")
    assert not are_up_to_date(store, store.find(audit_id), out)
    write_again(out, store)
    assert are_up_to_date(store, store.find(audit_id), out)
    assert "Report of the audit Autumn" in text_of(out / "report.pdf")
    assert openpyxl.load_workbook(out / "results.xlsx")["report"]["A1"].value == "Report of the audit Autumn"
    assert (out / "results.csv").read_bytes() == before


def test_a_name_from_right_to_left_does_not_turn_the_moment_of_a_ruling(audit, store, folder, tmp_path):
    audit_id = audit(folder / "00.jpg").audit_id
    store.rule(audit_id, 0, Choice.UNSURE, name="\u0633\u0627\u0631\u0629")
    out = tmp_path / "out"
    write_again(out, store)
    ruled_at = store.rows(audit_id)[0].ruled_at
    day, hour = ruled_at[:10], ruled_at[11:19]
    assert f"{day} {hour} UTC, by \u0633" in (out / "report.html").read_text("utf-8")
    printed = " ".join(text_of(out / "report.pdf").split())
    assert f"{day} {hour}" in printed


def test_a_ruling_made_while_the_files_are_written_is_in_none_of_them(
    audit, store, folder, tmp_path, monkeypatch
):
    audit_id = audit(folder / "00.jpg").audit_id
    store.rule(audit_id, 0, Choice.UNSURE, name="Ada")
    write = reports.write_reports

    def rule_first(*arguments):
        store.rule(audit_id, 0, Choice.OVERRIDE, name="Ben")
        write(*arguments)

    monkeypatch.setattr(reports, "write_reports", rule_first)
    out = tmp_path / "out"
    write_again(out, store)
    book = openpyxl.load_workbook(out / "results.xlsx")
    told = [str(cell.value) for sheet in book for row in sheet.iter_rows() for cell in row]
    files = [
        (out / "results.csv").read_text("utf-8"),
        str(parquet.read_table(out / "results.parquet").to_pylist()),
        (out / "report.html").read_text("utf-8"),
        text_of(out / "report.pdf"),
        " ".join(told),
    ]
    assert all("Ada" in text and "Ben" not in text for text in files)
    assert not are_up_to_date(store, store.find(audit_id), out)


def test_an_archive_that_was_changed_since_only_takes_the_small_pictures(audit, store, folder, tmp_path):
    given = tmp_path / "works.zip"
    for count in (5, 1):
        with zipfile.ZipFile(given, "w") as archive:
            for path in sorted(folder.glob("*.jpg"))[5 - count : 5]:
                archive.write(path, path.name)
        if count == 5:
            audit(given)
    write_again(tmp_path / "out", store)
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert page.count("<tr><td") == 5
    assert page.count("data:image/jpeg") == 0
    given.unlink()
    given.mkdir()
    write_again(tmp_path / "out", store)


def test_videos_have_no_part_in_the_false_accusations_to_expect(audit, stub, folder, tmp_path, monkeypatch):
    measured = split_figures(0.1, Group(label="ai", name="dall-e-3", images=60, wrong=0.1, inconclusive=0.1))
    known = stub.card.model_copy(update={"splits": {"ood": measured}})
    monkeypatch.setattr(content, "load_card", lambda _: known)
    film(tmp_path / "clip.mp4", ((250, 250, 250),))
    audit(tmp_path / "clip.mp4", name="film")
    page = html.unescape((tmp_path / "film" / "report.html").read_text("utf-8"))
    assert said_of(page, "Images and videos judged") == said_of(page, "Of these, videos") == "1"
    assert "This cannot be estimated. No image was judged." in page
    audit(folder, name="pictures")
    audit(folder, tmp_path / "clip.mp4", name="both")
    alone, together = (
        html.unescape((tmp_path / name / "report.html").read_text("utf-8")) for name in ("pictures", "both")
    )
    name = "Works by people among those called ai"
    assert said_of(alone, name) == said_of(together, name)
    assert "Videos are left out here" in together
    assert "Videos are left out here" not in alone


def test_a_full_disk_under_the_workbook_is_a_sentence(audit, store, folder, tmp_path, monkeypatch):
    audit(folder / "00.jpg")

    def full(*_):
        raise FileCreateError(OSError(errno.ENOSPC, "No space left on device"))

    monkeypatch.setattr(xlsxwriter.Workbook, "close", full)
    with pytest.raises(OutputError, match="No space left on device"):
        write_again(tmp_path / "out", store)


def test_rulings_that_differ_are_all_told(audit, store, graded, tmp_path):
    audit_id = audit(graded).audit_id
    out = tmp_path / "out"
    assert "Rulings that differ" not in (out / "report.html").read_text("utf-8")
    row = next(row for row in store.all_rows(audit_id) if row.verdict == "ai")
    store.rule(audit_id, row.position, Choice.AGREE, name="Ada")
    store.rule(audit_id, row.position, Choice.OVERRIDE, name="Ben", note="seen the sketch")
    write_again(out, store)
    page = html.unescape((out / "report.html").read_text("utf-8"))
    assert "Rulings that differ" in page
    assert re.search(
        r"override: human-made, [0-9: -]+ UTC, by Ben: seen the sketch; before that, agree: generated, ", page
    )
    assert " UTC, by Ada<" in page
    assert "Rulings that differ" in text_of(out / "report.pdf")


def test_no_error_among_the_works_measured_is_no_rate_of_zero():
    assert facts._interval(Interval(value=0, low=0, high=0), 380) == "0.0 % (0.0 % to 1.0 %, Wilson)"
    assert facts._interval(Interval(value=0.02, low=0.01, high=0.03), 380) == "2.0 % (1.0 % to 3.0 %)"
