"""A zip archive as an input of an audit; the archive's own rules are tested in `tests/test_archives.py`."""

import zipfile

import pytest

from core.audit.inputs.archives import ArchivedFiles
from core.audit.inputs.listing import identify
from core.errors import CorruptImageError
from tests.archives import damage, encrypt, write_zip


@pytest.fixture
def place(tmp_path):
    return tmp_path / "works.zip"


@pytest.fixture
def picture(drawings):
    return drawings.file(drawings.painting())


def test_members_are_listed_in_order_without_folders_and_clutter(place, picture):
    write_zip(
        place,
        ("b/", b""),
        ("b/two.png", picture),
        ("./one.png", picture),
        ("__MACOSX/b/._two.png", b"x"),
        (".DS_Store", b"x"),
    )
    listed = [entry.path for entry in ArchivedFiles(place).entries()]
    assert listed == [f"{place}/b/two.png", f"{place}/./one.png"]


def test_a_member_is_opened_as_a_picture(place, picture):
    files = ArchivedFiles(write_zip(place, ("one.png", picture)))
    (entry,) = files.entries()
    artwork = files.artwork(entry)
    assert (artwork.name, artwork.format) == ("one.png", "PNG")
    assert identify(files, entry).sha256 == artwork.sha256


def test_an_archive_in_the_archive_is_refused_in_the_listing(place, picture):
    files = ArchivedFiles(write_zip(place, ("more.zip", b"PK\x03\x04rest"), ("one.png", picture)))
    more, one = files.entries()
    assert "more.zip' is an archive in an archive" in more.refused
    assert identify(files, more) is None
    assert not one.refused


def test_a_damaged_member_is_not_hashed_and_says_what_is_wrong(place, picture):
    write_zip(place, ("one.png", picture), ("two.png", picture), compression=zipfile.ZIP_STORED)
    damage(place, picture)
    files = ArchivedFiles(place)
    one, two = files.entries()
    assert identify(files, one) is None
    with pytest.raises(CorruptImageError, match=r"one\.png' is damaged in its archive"):
        files.artwork(one)
    assert identify(files, two) is not None


def test_an_encrypted_member_is_refused_in_the_listing(place, picture):
    write_zip(place, ("one.png", picture), ("two.png", picture))
    encrypt(place, "two.png")
    one, two = ArchivedFiles(place).entries()
    assert not one.refused
    assert "is encrypted" in two.refused


def test_a_member_can_be_read_in_any_order(place, picture):
    files = ArchivedFiles(write_zip(place, ("one.png", picture)))
    (entry,) = files.entries()
    with files.seekable(entry) as file:
        assert file.read() == picture
        file.seek(-3, 2)
        assert file.read() == picture[-3:]
