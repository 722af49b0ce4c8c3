import os

import pytest

from core import atomic


def test_bytes_are_written_and_missing_folders_made(tmp_path):
    path = tmp_path / "a" / "b" / "file.bin"
    atomic.write(path, b"new")
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in path.parent.iterdir()] == ["file.bin"]


def test_a_write_that_dies_before_its_end_leaves_the_old_file_whole(tmp_path, monkeypatch):
    path = tmp_path / "file.bin"
    atomic.write(path, b"old")

    def die(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", die)
        with pytest.raises(KeyboardInterrupt):
            atomic.write(path, b"new and longer")
    assert path.read_bytes() == b"old"
    atomic.write(path, b"newer")
    assert path.read_bytes() == b"newer"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.bin"]
