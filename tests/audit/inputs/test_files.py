"""Folders and single files."""

import errno
import os
import sys
from pathlib import Path

import pytest

from core.audit.inputs.files import Files, Folder
from core.audit.inputs.listing import identify
from core.errors import AuditError, UnreadableFileError


@pytest.fixture
def works(tmp_path, drawings):
    for name in ("b.png", "a/2.png", "a/10.png", ".hidden/x.png", "Thumbs.db", "Z.txt"):
        path = tmp_path / "works" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(drawings.file(drawings.painting(seed=len(name))))
    return tmp_path / "works"


def test_a_folder_lists_everything_but_clutter_sorted(works):
    paths = [entry.path.removeprefix(f"{works}/") for entry in Folder(works).entries()]
    assert paths == ["Z.txt", "a/10.png", "a/2.png", "b.png"]


def test_a_folder_may_be_deeper_than_python_calls_itself(tmp_path, monkeypatch):
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    depth = sys.getrecursionlimit() + 100
    for _ in range(depth):
        Path("d").mkdir()
        os.chdir("d")
    Path("x.png").touch()
    (entry,) = Folder(tmp_path / "deep").entries()
    Path("x.png").unlink()
    for _ in range(depth):  # Python cannot remove what is so deep
        os.chdir("..")
        Path("d").rmdir()
    assert entry.path.removeprefix(str(tmp_path / "deep")) == "/d" * depth + "/x.png"


def test_links_are_listed_and_not_followed(works):
    (works / "link.png").symlink_to(works / "b.png")
    (works / "round").symlink_to(works)
    links = [entry for entry in Folder(works).entries() if entry.refused]
    assert [entry.path.removeprefix(f"{works}/") for entry in links] == ["link.png", "round"]
    assert identify(Folder(works), links[0]) is None


@pytest.fixture
def shut(monkeypatch):
    """Makes listing a folder fail."""
    scandir = os.scandir

    def fail(folder, number):
        def listed(path):
            if path == folder:
                raise OSError(number, os.strerror(number))
            return scandir(path)

        monkeypatch.setattr(os, "scandir", listed)

    return fail


def test_a_folder_inside_that_forbids_to_be_listed_is_one_entry(works, shut):
    shut(works / "a", errno.EACCES)
    entries = list(Folder(works).entries())
    assert [entry.path.removeprefix(f"{works}/") for entry in entries] == ["Z.txt", "a", "b.png"]
    assert [bool(entry.refused) for entry in entries] == [False, True, False]
    assert f"The folder {works}/a cannot be listed (Permission denied)" in entries[1].refused


@pytest.mark.parametrize(("inside", "number"), [("", errno.EACCES), ("a", errno.EIO)])
def test_an_input_that_forbids_to_be_listed_and_a_failing_disk_end_the_listing(works, shut, inside, number):
    shut(works / inside, number)
    with pytest.raises(AuditError, match="cannot be listed"):
        list(Folder(works).entries())


def test_a_pipe_is_refused_without_waiting_for_it(works):
    os.mkfifo(works / "pipe.png")
    folder = Folder(works)
    pipe = next(entry for entry in folder.entries() if entry.path.endswith("pipe.png"))
    assert identify(folder, pipe) is None
    with pytest.raises(UnreadableFileError, match="not a regular file"):
        folder.artwork(pipe)


def test_a_name_that_is_no_text_is_shown_and_still_found(tmp_path, drawings):
    raw = os.fsencode(tmp_path) + b"/caf\xe9\n.png"
    with open(raw, "wb") as file:  # noqa: PTH123 - a name in bytes
        file.write(drawings.file(drawings.painting()))
    (entry,) = Folder(tmp_path).entries()
    assert entry.path == f"{tmp_path}/caf\ufffd\ufffd.png"
    assert Folder(tmp_path).artwork(entry).format == "PNG"


def test_a_time_after_2262_still_tells_whether_a_file_changed(works):
    kept, stamps = [], []
    for time in (2**63 - 1, 2**63, 2**63 + 10**9):
        os.utime(works / "b.png", ns=(time, time))
        kept.append((works / "b.png").stat().st_mtime_ns)  # not every file system goes so far
        stamps.append(next(Files(works / "b.png").entries()).stamp)
    assert len(set(stamps)) == len(set(kept))
    assert all(-(2**63) <= stamp < 2**63 for stamp in stamps)


def test_a_missing_file_gets_the_sentence_of_the_door(tmp_path):
    files = Files(tmp_path / "gone.png")
    (entry,) = files.entries()
    assert identify(files, entry) is None
    with pytest.raises(UnreadableFileError, match=r"'gone\.png' does not exist"):
        files.artwork(entry)
