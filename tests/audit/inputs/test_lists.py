"""Lists of files."""

import tracemalloc

import pytest

from core.audit.inputs.lists import LONGEST, LONGEST_ROW, ListOfFiles
from core.audit.inputs.roots import Roots
from core.errors import ListError


def listed(path, text, encoding="utf-8"):
    path.write_text(text, encoding=encoding)
    return [entry.path for entry in ListOfFiles(path).entries()]


def test_a_text_file_names_a_path_on_each_line(tmp_path):
    found = listed(tmp_path / "list.txt", "a, b.png\r\n\r\n/abs/c.png\nd.png", "utf-8-sig")
    assert found == [f"{tmp_path}/a, b.png", "/abs/c.png", f"{tmp_path}/d.png"]


def test_a_csv_has_a_column_path(tmp_path):
    assert listed(tmp_path / "list.csv", 'id,path\n1,"a, b.png"\n2,\n3,c.png\n') == [
        f"{tmp_path}/a, b.png",
        f"{tmp_path}/c.png",
    ]
    assert listed(tmp_path / "list.tsv", "path\tid\nx.png\t1\n") == [f"{tmp_path}/x.png"]


def test_a_csv_without_the_column_says_what_it_has(tmp_path):
    with pytest.raises(ListError, match="needs a column 'path', found: file, id"):
        listed(tmp_path / "list.csv", "file,id\na.png,1\n")


def test_a_list_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "list.txt").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(ListError, match="save it as UTF-8"):
        list(ListOfFiles(tmp_path / "list.txt").entries())


def test_files_outside_the_roots_are_refused_one_by_one(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link.png").symlink_to("/etc/hostname")
    (tmp_path / "list.txt").write_text("in/a.png\n/etc/hostname\nin/../b.png\nin/link.png\nin/\0.png\n")
    entries = list(ListOfFiles(tmp_path / "list.txt", Roots([tmp_path / "in"])).entries())
    assert [bool(entry.refused) for entry in entries] == [False, True, True, True, True]
    assert "outside the folders that may be read here" in entries[1].refused


def test_an_address_in_a_list_is_refused_by_itself_and_its_secrets_are_not_repeated(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("https://me:hidden@host/a@b.png?token=hidden\na.png\n")
    address, picture = ListOfFiles(path).entries()
    assert address.path == "https://host/a@b.png"
    assert "name it as an input of its own" in address.refused
    assert "hidden" not in repr(address)
    assert (picture.path, picture.refused) == (f"{tmp_path}/a.png", "")


def test_a_line_longer_than_any_path_is_refused(tmp_path):
    with pytest.raises(ListError, match=r"list\.txt has a line of 32,768 characters or more"):
        listed(tmp_path / "list.txt", f"a.png\n{'b' * LONGEST}\n")
    assert len(listed(tmp_path / "list.txt", f"a.png\n{'b' * (LONGEST - 2)}\n")) == 2


@pytest.mark.parametrize("start", ["", "path\na.png\n"])
def test_a_csv_with_a_line_without_end_is_refused_before_it_is_in_memory(tmp_path, start):
    line = "b," * (8 * LONGEST_ROW)
    (tmp_path / "list.csv").write_text(f"{start}{line}\n")
    tracemalloc.start()
    try:
        with pytest.raises(ListError, match=r"list\.csv has a line of 1,000,000 characters or more"):
            list(ListOfFiles(tmp_path / "list.csv").entries())
        assert tracemalloc.get_traced_memory()[1] < len(line) / 2
    finally:
        tracemalloc.stop()


def test_a_row_of_lines_without_end_is_refused_before_it_is_in_memory(tmp_path):
    """Each line ends inside quotes, so that the next one belongs to the row as well."""
    text = "path\na.png\n" + '"' + 'b\n","' * (2 * LONGEST_ROW)
    (tmp_path / "list.csv").write_text(text)
    tracemalloc.start()
    try:
        with pytest.raises(ListError, match=r"list\.csv has a row of 1,000,000 characters or more"):
            list(ListOfFiles(tmp_path / "list.csv").entries())
        assert tracemalloc.get_traced_memory()[1] < 40 * LONGEST_ROW
    finally:
        tracemalloc.stop()


def test_rows_of_a_csv_may_have_more_characters_together_than_one(tmp_path):
    text = "path,note\n" + f"a.png,{'c' * (LONGEST_ROW // 10)}\n" * 11
    assert len(listed(tmp_path / "list.csv", text)) == 11


def test_a_row_of_a_csv_may_have_columns_longer_than_any_path_and_of_several_lines(tmp_path):
    text = f'id,path,note\r\n1,a.png,"two\r\nlines"\r\n2,b.png,{"c" * 2 * LONGEST}\r\n'
    assert listed(tmp_path / "list.csv", text) == [f"{tmp_path}/a.png", f"{tmp_path}/b.png"]
