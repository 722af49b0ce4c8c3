"""Archives: read member by member, and refused with a sentence where they are made to do harm."""

import errno
import stat
import struct
import zipfile

import pytest

from core.archives import Archive, ArchiveLimits
from core.errors import (
    ArchiveError,
    CorruptImageError,
    ImageError,
    ImageTooLargeError,
    UnreadableFileError,
    UnsupportedImageError,
)
from tests.archives import damage, displace, encrypt, write_zip


@pytest.fixture
def pack(tmp_path):
    """Writes members into `works.zip`."""

    def write(*members, compression=zipfile.ZIP_DEFLATED):
        return write_zip(tmp_path / "works.zip", *members, compression=compression)

    return write


@pytest.fixture
def picture(drawings):
    return drawings.file(drawings.painting())


def test_a_member_is_opened_as_a_picture(pack, picture):
    with Archive(pack(("in/", b""), ("in/one.png", picture))) as archive:
        folder, one = archive.members
        assert (folder.filename, one.filename) == ("in/", "in/one.png")
        artwork = archive.artwork(one)
        assert (artwork.name, artwork.format, artwork.size_bytes) == ("one.png", "PNG", len(picture))
        assert archive.read(one) == picture


def test_a_bomb_is_refused(pack):
    with pytest.raises(ArchiveError, match="times its own size, over the limit of 100"):
        Archive(pack(("zeros.png", bytes(10_000_000))))


def test_too_many_members_are_refused(pack):
    path = pack(*((f"{number}.png", b"x") for number in range(6)))
    with pytest.raises(ArchiveError, match=r"has 6 members, over the limit of 5: split"):
        Archive(path, ArchiveLimits(max_members=5))


def test_the_default_limit_of_members_holds(pack):
    path = pack(*((f"{number}", b"x") for number in range(20_001)), compression=zipfile.ZIP_STORED)
    with pytest.raises(ArchiveError, match=r"20,001 members, over the limit of 20,000"):
        Archive(path)


def test_too_many_bytes_are_refused(pack, picture):
    with pytest.raises(ArchiveError, match=r"unpacks to .* GB, over the limit"):
        Archive(pack(("one.png", picture)), ArchiveLimits(max_unpacked=1_000))


def test_a_table_of_contents_without_end_is_refused_before_it_is_read(pack):
    path = pack(*(("n" * 1_000 + str(number), b"x") for number in range(20)))
    with pytest.raises(ArchiveError, match="table of contents of more than"):
        Archive(path, ArchiveLimits(max_directory=10_000))


def special(name, kind):
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (kind | 0o777) << 16
    return info


@pytest.mark.parametrize(
    ("kind", "what"),
    [(stat.S_IFLNK, "a link"), (stat.S_IFIFO, "a device or pipe"), (stat.S_IFCHR, "a device or pipe")],
)
def test_links_and_devices_are_refused(pack, kind, what):
    with pytest.raises(ArchiveError, match=rf"works.zip holds {what} \('in/out.png'\)"):
        Archive(pack((special("in/out.png", kind), b"/etc/passwd")))


@pytest.mark.parametrize("name", ["/etc/passwd.png", "C:/windows/x.png", "C:\\x.png", "\\\\server\\x.png"])
def test_absolute_paths_are_refused(pack, name):
    with pytest.raises(ArchiveError, match="holds the absolute path"):
        Archive(pack((name, b"x")))


@pytest.mark.parametrize("name", ["../x.png", "a/../../x.png", "a\\..\\x.png", "a/.."])
def test_parent_paths_are_refused(pack, name):
    with pytest.raises(ArchiveError, match="leads out of the archive"):
        Archive(pack((name, b"x")))


@pytest.mark.parametrize("name", ["inner.zip", "a/inner.TAR.gz", "inner.7z"])
def test_an_archive_in_an_archive_is_refused_and_the_others_are_read(pack, picture, name):
    archive = Archive(pack((name, b"x"), ("one.png", picture)))
    inner, one = archive.members
    assert archive.refusal(inner) == (
        f"'works.zip/{name}' is an archive in an archive, which is not opened: unpack it first."
    )
    with pytest.raises(UnreadableFileError, match="unpack it first"):
        archive.read(inner)
    assert archive.artwork(one).name == "one.png"


def test_an_archive_in_the_clothes_of_a_picture_is_not_unpacked(pack, picture, tmp_path):
    inner = write_zip(tmp_path / "inner.zip", ("one.png", picture)).read_bytes()
    archive = Archive(pack(("innocent.png", inner)))
    with pytest.raises(UnsupportedImageError, match=r"'innocent.png' is a zip archive.*unpack it"):
        archive.artwork(archive.members[0])


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("again", ["a/one.png", "./a//one.png"])
def test_two_files_of_one_name_are_refused(pack, picture, again):
    with pytest.raises(ArchiveError, match=r"works.zip holds 2 files of the name 'a/one.png': pack it anew"):
        Archive(pack(("a/one.png", picture), (again, b"x")))


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x05\x06"])
def test_a_file_that_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "works.zip").write_bytes(content)
    with pytest.raises(ArchiveError, match=r"works\.zip cannot be read as a zip archive"):
        Archive(tmp_path / "works.zip")


def test_an_archive_cut_short_is_refused(pack, picture):
    path = pack(("one.png", picture))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ArchiveError, match="cannot be read as a zip archive"):
        Archive(path)


def test_an_archive_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ArchiveError, match=r"works.zip cannot be read \(No such file"):
        Archive(tmp_path / "works.zip")


def test_a_damaged_member_does_not_stop_the_others(pack, picture):
    path = pack(("one.png", picture), ("two.png", picture), compression=zipfile.ZIP_STORED)
    damage(path, picture)
    archive = Archive(path)
    one, two = archive.members
    with pytest.raises(
        CorruptImageError, match=r"'works.zip/one\.png' is damaged in its archive \(Bad CRC-32"
    ):
        archive.artwork(one)
    assert archive.artwork(two).name == "two.png"


@pytest.mark.parametrize("offset", [2**40, 2**63, 2**64 - 1])
def test_a_member_said_to_start_beyond_the_end_is_refused(pack, picture, offset):
    path = pack(("one.png", picture))
    displace(path, offset)
    archive = Archive(path)
    with pytest.raises(CorruptImageError, match=r"'works.zip/one\.png' is damaged in its archive"):
        archive.artwork(archive.members[0])


def test_a_member_without_a_name_is_refused(pack, picture):
    path = pack(("one.png", picture))
    path.write_bytes(path.read_bytes().replace(b"one.png", b"\0ne.png"))
    with pytest.raises(ArchiveError, match=r"works\.zip holds a member without a name: pack it anew"):
        Archive(path)


def test_a_member_gives_no_more_bytes_than_it_announced(pack):
    """The announced size is what the limits were checked on; a lie about it must not unpack more."""
    path = pack(("zeros.png", bytes(1_000_000)))
    lie = path.read_bytes().replace(struct.pack("<L", 1_000_000), struct.pack("<L", 1_000))
    path.write_bytes(lie)
    archive = Archive(path)
    with pytest.raises(CorruptImageError), archive.stream(archive.members[0]) as stream:
        assert len(stream.read()) <= 1_000


def test_an_encrypted_member_says_so(pack, picture):
    path = pack(("one.png", picture))
    encrypt(path, "one.png")
    archive = Archive(path)
    assert archive.refusal(archive.members[0]).startswith("'works.zip/one.png' is encrypted")
    with pytest.raises(UnreadableFileError, match="pack it anew without a password"):
        archive.artwork(archive.members[0])


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_unpack_without_bound_are_refused(pack, picture, method):
    archive = Archive(pack(("one.png", picture), compression=method))
    assert "other than Deflate" in archive.refusal(archive.members[0])
    with pytest.raises(UnreadableFileError, match="packed by a method other than Deflate"):
        archive.artwork(archive.members[0])


def test_a_member_that_is_no_picture_is_refused_as_such(pack):
    archive = Archive(pack(("notes.png", b"hello")))
    with pytest.raises(UnsupportedImageError, match=r"'notes\.png'"):
        archive.artwork(archive.members[0])


def test_a_picture_over_the_limit_is_refused_unread(pack):
    archive = Archive(pack(("large.png", b"x" * 50_000_001), compression=zipfile.ZIP_STORED))
    with pytest.raises(ImageTooLargeError, match=r"50\.0 MB a file"):
        archive.artwork(archive.members[0])


@pytest.mark.parametrize(
    "error",
    [
        ImageError("of the reader"),
        OSError(errno.ENOSPC, "of the reader"),
        ValueError("of the reader"),
        EOFError("of the reader"),
    ],
)
def test_an_error_of_the_reader_is_not_blamed_on_the_archive(pack, picture, error):
    archive = Archive(pack(("one.png", picture)))
    with pytest.raises(type(error)) as raised, archive.stream(archive.members[0]):
        raise error
    assert raised.value is error


def test_a_member_is_read_piece_by_piece(pack, picture):
    archive = Archive(pack(("one.png", picture)))
    with archive.stream(archive.members[0]) as stream:
        pieces = list(iter(lambda: stream.read(100), b""))
    assert b"".join(pieces) == picture
    assert len(pieces) > 1
