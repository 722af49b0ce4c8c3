"""The workbook where a text is longer than a cell."""

import csv

import openpyxl
import pytest

from core.audit.lifecycle import write_again
from core.audit.report.workbook import CUT, LONGEST
from core.audit.store.records import Choice


def test_a_text_longer_than_a_cell_is_cut_says_so_and_is_whole_in_the_csv(audit, store, folder, tmp_path):
    audit_id = audit(folder / "00.jpg", folder / "01.jpg").audit_id
    fits, long = "f" * LONGEST, "".join(f"{number} " for number in range(10_000))
    for position, note in enumerate((fits, long)):
        store.rule(audit_id, position, Choice.UNSURE, name="Ada", note=note)
    write_again(tmp_path / "out", store)
    book = openpyxl.load_workbook(tmp_path / "out" / "results.xlsx", read_only=True)
    heading, *rows = book["results"].iter_rows(values_only=True)
    shown = [row[heading.index("note")] for row in rows]
    assert shown == [fits, long[: LONGEST - len(CUT)] + CUT]
    with (tmp_path / "out" / "results.csv").open(newline="") as file:
        assert [row["note"] for row in csv.DictReader(file)] == [fits, long]


@pytest.mark.parametrize(
    "note", ["<r>5 & 6</r>", "<r><t>x</t></r></is></c><c r='Z2'><f>1+1</f></c><c><is><r></r>"]
)
def test_text_that_looks_like_the_librarys_own_xml_is_text(audit, store, folder, tmp_path, note):
    audit_id = audit(folder / "00.jpg").audit_id
    store.rule(audit_id, 0, Choice.UNSURE, name="Ada", note=note)
    write_again(tmp_path / "out", store)
    book = openpyxl.load_workbook(tmp_path / "out" / "results.xlsx")
    heading, row = book["results"].iter_rows(values_only=True)
    assert row[heading.index("note")] == f"'{note}"
    assert len(row) == len(heading)


def test_a_long_text_of_letters_that_take_two_places_says_that_it_is_cut(audit, store, folder, tmp_path):
    audit_id = audit(folder / "00.jpg").audit_id
    store.rule(audit_id, 0, Choice.UNSURE, name="Ada", note="\N{FRAME WITH PICTURE}" * 20_000)
    write_again(tmp_path / "out", store)
    heading, row = openpyxl.load_workbook(tmp_path / "out" / "results.xlsx")["results"].iter_rows(
        values_only=True
    )
    assert row[heading.index("note")].endswith(CUT)
