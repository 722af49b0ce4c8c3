"""The files of results, where names and rulings are hostile."""

import csv
import hashlib
import io

import pytest

from core.audit.results import write_results
from core.audit.store.pages import Wanted
from core.audit.store.records import Choice
from core.errors import AuditError, OutputError, RulingError
from core.review.rulings import Rulings, Subject
from core.verdict import Thresholds, decide


def test_names_and_notes_are_neutralised_in_csv(audit, store, folder, tmp_path, monkeypatch):
    (folder / "=cmd|' !A0.jpg").write_bytes((folder / "01.jpg").read_bytes() + b"\0")
    monkeypatch.chdir(folder)
    audit_id = audit(*sorted(path.relative_to(folder) for path in folder.glob("=*"))).audit_id
    store.rule(audit_id, 0, Choice.OVERRIDE, name="@eve", note='+1 "quoted", and\nmore')
    write_results(store, store.find(audit_id), tmp_path / "out")
    with (tmp_path / "out" / "results.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["path"] == "'=cmd|' !A0.jpg"
    assert (row["ruling"], row["ruled_by"], row["note"]) == ("override", "'@eve", '\'+1 "quoted", and\nmore')
    assert row["ruled_at"].endswith("+00:00")


def test_no_cell_runs_where_semicolons_end_cells(audit, store, folder, tmp_path):
    named = folder / "x;=HYPERLINK(A1).png"
    named.write_bytes(b"no picture")  # its name stands in the sentence of its error too
    audit_id = audit(named).audit_id
    store.rule(audit_id, 0, Choice.UNSURE, name="eve;@SUM(A1)", note="see\n=1+1")
    write_results(store, store.find(audit_id), tmp_path / "out")
    with (tmp_path / "out" / "results.csv").open(newline="") as file:
        text = file.read()
    begun = [cell.lstrip() for row in csv.reader(io.StringIO(text), delimiter=";") for cell in row]
    assert len(begun) > 4
    assert not [cell for cell in begun if cell.startswith(tuple("=+-@"))]
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["path"] == str(named).replace(";", ";'")


def test_the_latest_ruling_counts_for_every_copy_and_none_is_lost(audit, store, folder):
    audit_id = audit(folder).audit_id
    rows = store.rows(audit_id)
    copy = next(row for row in rows if row.duplicate_of)
    original = next(row for row in rows if row.path == copy.duplicate_of)
    store.rule(audit_id, original.position, Choice.UNSURE, name="Ann")
    store.rule(audit_id, copy.position, Choice.AGREE, name="Bo", note="seen the sketch")
    again = {row.path: row for row in store.rows(audit_id) if row.ruling}
    assert set(again) == {original.path, copy.path}
    assert {(row.ruling, row.ruled_by, row.note) for row in again.values()} == {
        ("agree", "Bo", "seen the sketch")
    }


def test_rulings_made_in_audits_stand_beside_those_made_in_reviews(audit, store, folder):
    data = (folder / "03.jpg").read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    found = audit(folder)
    copy = next(row for row in store.all_rows(found.audit_id) if row.duplicate_of)
    store.rule(found.audit_id, copy.position, Choice.UNSURE, name="Cy", note="a copy")
    rulings = Rulings(store._engine)
    band = Thresholds(0.3, 0.9)
    reviewed = Subject(sha256, "heron.png", decide(0.91, band, "verso"), "cd" * 32, "")
    rulings.add(reviewed, Choice.AGREE, name="Ann")
    assert {(each.ruled_by, each.ruling) for each in rulings.of(sha256)} == {
        ("Cy", "unsure"),
        ("Ann", "agree"),
    }
    (of_audit,) = (each for each in rulings.of(sha256) if each.ruled_by == "Cy")
    assert (of_audit.verdict, of_audit.model, of_audit.note) == (copy.verdict, "stub", "a copy")
    assert [each.ruled_by for each in rulings.all()] == ["Ann"]
    assert not rulings.of("00" * 32)


def test_rulings_need_a_name_and_a_file(audit, store, folder):
    audit_id = audit(folder).audit_id
    for nobody in ("  ", "\0"):
        with pytest.raises(RulingError, match="needs the name"):
            store.rule(audit_id, 0, Choice.AGREE, name=nobody)
    with pytest.raises(AuditError, match="no file 999"):
        store.rule(audit_id, 999, Choice.AGREE, name="Ann")


def test_results_that_cannot_be_written_say_where(audit, store, folder, tmp_path):
    audit_id = audit(folder).audit_id
    with pytest.raises(OutputError, match="cannot be written to"):
        write_results(store, store.find(audit_id), tmp_path / "gone")


def test_each_row_names_the_stage_that_judged_and_can_be_chosen_by_it(audit, store, folder, tmp_path):
    audit_id = audit(folder, model="pair").audit_id
    with (tmp_path / "out" / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["model"] for row in rows if row["verdict"]} == {"quick", "slow"}
    assert {row["model"] for row in rows if row["error"]} == {"pair"}
    by_path = {row["path"]: row for row in rows}
    (copy,) = (row for row in rows if row["duplicate_of"])
    assert copy["model"] == by_path[copy["duplicate_of"]]["model"]
    pages = store.results(store.find(audit_id))
    listed = [row["path"] for row in rows if row["verdict"] and row["model"] == "slow"]
    assert [row.path for row in pages.page(Wanted(models=("slow",)), 0, 100)] == listed
    counted = {
        name: sum(r["model"] == name and not r["duplicate_of"] for r in rows) for name in ("quick", "slow")
    }
    assert pages.judges() == counted
