"""The workbook where a text is longer than a cell."""

import csv

import openpyxl

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
