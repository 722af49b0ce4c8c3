"""Files at addresses, here in the memory of this process; S3 and HTTP: `tests/audit/test_addresses.py`."""

import dataclasses
import pickle

import fsspec
import pytest

from core.audit.inputs.address import Address, input_of
from core.audit.inputs.listing import NO_SIZE, identify
from core.audit.inputs.remote import DEEPEST, RemoteFiles
from core.errors import AuditError, ImageTooLargeError, UnreadableFileError, UnsupportedImageError


@pytest.fixture
def memory():
    files = fsspec.filesystem("memory")
    files.store.clear()
    yield files
    files.store.clear()


@pytest.fixture
def works(memory, drawings):
    for name in ("b.png", "a/2.png", "a/10.png", ".hidden/x.png", "Thumbs.db", "Z.txt"):
        memory.pipe(f"/works/{name}", drawings.file(drawings.painting(seed=len(name))))
    return RemoteFiles(Address("memory://works"))


def test_an_address_is_told_from_a_path(tmp_path):
    assert input_of("s3://bucket/works") == Address("s3://bucket/works")
    assert input_of(str(tmp_path)) == tmp_path
    assert Address("s3://bucket/works/").name == "works"


def test_all_below_an_address_is_listed_but_clutter_sorted(works):
    names = ["Z.txt", "a/10.png", "a/2.png", "b.png"]
    assert [entry.path for entry in works.entries()] == [f"memory:///works/{name}" for name in names]


@pytest.mark.parametrize("deeper", [0, 1])
def test_folders_that_lead_on_for_ever_are_refused(memory, deeper):
    memory.pipe("/round" + "/x" * (DEEPEST + deeper) + "/a.png", b"")
    entries = RemoteFiles(Address("memory://round")).entries()
    if deeper:
        with pytest.raises(AuditError, match="memory://round has more than 100 folders inside each other"):
            list(entries)
    else:
        assert len(list(entries)) == 1


@pytest.mark.usefixtures("works")
def test_an_address_can_be_one_file(memory):
    (entry,) = RemoteFiles(Address("memory://works/b.png")).entries()
    assert (entry.path, entry.size) == ("memory:///works/b.png", memory.size("/works/b.png"))


def test_a_file_is_opened_as_a_picture_and_hashed_alike(works):
    entry = list(works.entries())[-1]
    artwork = works.artwork(entry)
    assert (artwork.name, artwork.format) == ("b.png", "PNG")
    assert identify(works, entry).sha256 == artwork.sha256


def test_another_process_opens_the_same_files(works):
    again = pickle.loads(pickle.dumps(works))  # noqa: S301
    assert list(again.entries()) == list(works.entries())


def test_a_file_can_be_read_in_any_order(works, memory):
    entry = list(works.entries())[-1]
    data = memory.cat("/works/b.png")
    with works.seekable(entry) as file:
        assert file.read() == data
        file.seek(-3, 2)
        assert file.read() == data[-3:]


def test_a_file_that_changes_changes_its_stamp(works, memory, drawings):
    before = list(works.entries())[-1]
    assert list(works.entries())[-1] == before
    memory.pipe("/works/b.png", drawings.file(drawings.painting(seed=99)))
    assert list(works.entries())[-1].stamp != before.stamp


def test_a_file_over_the_limit_is_refused_before_it_is_read(works, monkeypatch):
    large = dataclasses.replace(list(works.entries())[-1], size=50_000_001)
    monkeypatch.setattr(works, "stream", None)
    with pytest.raises(ImageTooLargeError, match=r"'b\.png' has 50\.0 MB"):
        works.artwork(large)


def test_a_file_of_unknown_size_is_not_read_beyond_the_limit(works, memory):
    memory.pipe("/works/b.png", bytes(50_000_002))
    entry = dataclasses.replace(list(works.entries())[-1], size=-1)
    with pytest.raises(ImageTooLargeError, match=r"'b\.png'"):
        works.artwork(entry)
    assert identify(works, entry) is None


@pytest.mark.parametrize("size", [2**63, -7])
@pytest.mark.usefixtures("works")
def test_a_size_that_no_file_can_have_is_not_believed(monkeypatch, size):
    info = {"name": "/works/b.png", "type": "file", "size": size}
    files = RemoteFiles(Address("memory://works/b.png"))
    monkeypatch.setattr(files._files, "info", lambda _: info)
    (entry,) = files.entries()
    assert entry.size == NO_SIZE


def test_what_is_no_picture_gets_the_sentence_of_the_door(works, memory):
    memory.pipe("/works/Z.txt", b"hello")
    with pytest.raises(UnsupportedImageError, match=r"'Z\.txt' is .*text"):
        works.artwork(next(works.entries()))


def test_a_file_that_is_gone_is_one_error_of_its_own(works, memory):
    entry = list(works.entries())[-1]
    memory.rm("/works/b.png")
    with pytest.raises(UnreadableFileError, match=r"b\.png' cannot be read .*still there"):
        works.artwork(entry)
    assert identify(works, entry) is None


def test_a_place_that_does_not_answer_stops_the_audit_which_can_go_on(works, monkeypatch):
    def cut_off(*_):
        raise TimeoutError("no answer")

    entry = next(works.entries())
    monkeypatch.setattr(works._files, "open", cut_off)
    with pytest.raises(AuditError, match=r"no answer.*network.*--resume"):
        works.artwork(entry)


@pytest.mark.parametrize("address", ["memory://nothing/here", "memory://nothing/here.png"])
@pytest.mark.usefixtures("memory")
def test_an_address_where_nothing_lies_is_refused(address):
    with pytest.raises(AuditError, match=r"nothing/here.* cannot be read"):
        list(RemoteFiles(Address(address)).entries())


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("nowhere://bucket/works", "no address that can be read"),
        ("gs://bucket/works", "needs a library .*gcsfs.*pip install -r requirements-addresses.txt"),
        ("file:///etc", "lies on this computer: name its path"),
        ("zip://*.png::s3://bucket/works.zip", "is an archive"),
        ("s3://bucket/works.ZIP", "is an archive"),
        ("ftp://[host/works", "is no address"),
    ],
)
def test_addresses_that_are_not_read_say_why(address, why):
    with pytest.raises(AuditError, match=why):
        RemoteFiles(Address(address))


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("sftp://me:hidden@host/works", "leave out what stands before the '@'"),
        ("https://hidden@host/works/", "leave out what stands before the '@'"),
        ("https://:hidden@host/works/", "leave out what stands before the '@'"),
        ("abfs://box:hidden@account.dfs.core.windows.net/works", "leave out what stands before the '@'"),
        ("https://host/a.png?X-Amz-Date=1&X-Amz-Signature=hidden", "with 'X-Amz-Signature' in it"),
        ("https://host/a.png?x-goog-signature=hidden", "with 'x-goog-signature' in it"),
        ("https://host/a.png?Expires=1;Signature=hidden", "with 'Signature' in it"),
        ("https://host/box/a.png?sv=2022&sp=r&sig=hidden", "with 'sig' in it"),
        ("https://host/works/?token=hidden", "with 'token' in it"),
        ("https://host/works/?accessToken=hidden", "with 'accessToken' in it"),
        ("https://host/works/?%74oken=hidden", "with 'token' in it"),
        ("https://host/works/?api_key=hidden", "with 'api_key' in it"),
        ("https://host/a.png?key=hidden", "with 'key' in it"),
        ("https://host/a.png?dl=1&rlkey=hidden", "with 'rlkey' in it"),
        ("https://host/a.png?code=hidden", "with 'code' in it"),
        ("https://host/a.png?AWSAccessKeyId=hidden", "with 'AWSAccessKeyId' in it"),
        ("https://host/a.png?Policy=hidden&Key-Pair-Id=hidden", "with 'Policy' in it"),
        ("https://host/a.png?Key-Pair-Id=hidden", "with 'Key-Pair-Id' in it"),
    ],
)
def test_a_secret_is_not_taken_in_an_address_and_not_repeated(address, why):
    with pytest.raises(AuditError, match=why) as raised:
        RemoteFiles(Address(address))
    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize(
    "address",
    [
        "https://host/a@b/signature.png",
        "https://host/show?work=17&size=full&tokens=2&sortkey=3&zipcode=4",
        "https://host/works/?C=N;O=D",
        "s3://bucket/sig/token",
    ],
)
def test_an_address_without_a_secret_is_taken(address):
    assert RemoteFiles(Address(address)).address.text == address


def test_the_container_in_an_address_of_azure_is_not_taken_for_a_user():
    with pytest.raises(AuditError, match="adlfs"):
        RemoteFiles(Address("abfs://box@account.dfs.core.windows.net/works"))
