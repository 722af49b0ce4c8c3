"""Audits of files at addresses: from a server that speaks the protocol of S3, and from a web server."""

import csv
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from time import sleep

import boto3
import pytest
from moto.server import ThreadedMotoServer

from core.audit.inputs.address import Address
from core.audit.inputs.remote import RemoteFiles
from core.audit.store.records import State
from core.errors import AuditError, UnreadableFileError
from tests.audit.conftest import film
from tests.audit.test_lifecycle import CrashError, crash_after
from tests.commands import invoke


@pytest.fixture
def s3(monkeypatch):
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    yield boto3.client("s3")
    server.stop()


@pytest.fixture
def bucket(s3, folder):
    s3.create_bucket(Bucket="verso")
    for path in folder.rglob("*.*"):
        s3.put_object(Bucket="verso", Key=f"works/{path.relative_to(folder)}", Body=path.read_bytes())
    return s3


@pytest.fixture
def answers():
    """What the web server answers to a method and the name of a file, or the path of a folder: a status instead of it."""
    return {}


@pytest.fixture
def web(folder, answers):
    class Server(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            """Say nothing."""

        def send_head(self):
            if status := answers.get((self.command, self.path.rsplit("/", 1)[-1] or self.path)):
                return self.send_error(status)
            return super().send_head()

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Server, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def rows(output, prefix):
    with (output / "results.csv").open(newline="") as file:
        return [
            {name: value.replace(prefix, "works:") for name, value in row.items()}
            for row in csv.DictReader(file)
        ]


@pytest.mark.usefixtures("bucket")
def test_files_in_s3_get_the_results_of_the_same_files_on_disk(audit, folder, tmp_path):
    assert audit(folder, name="disk").state is State.FINISHED
    assert audit(Address("s3://verso/works"), name="s3").state is State.FINISHED
    found = rows(tmp_path / "s3", "s3://verso/works/")
    assert found == rows(tmp_path / "disk", f"{folder}/")
    assert len(found) == 44


def test_files_of_a_web_server_get_the_results_of_the_same_files_on_disk(audit, folder, web, tmp_path):
    audit(folder, name="disk")
    audit(Address(web), name="web")
    assert rows(tmp_path / "web", web) == rows(tmp_path / "disk", f"{folder}/")


def test_files_that_a_web_server_sends_piece_by_piece_get_the_results_of_the_same_files_on_disk(
    audit, drawings, tmp_path
):
    """Such a server says neither how long a file is nor that a part of it can be asked for."""

    class Streaming(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            """Say nothing."""

        def send_header(self, keyword, value):
            if keyword == "Content-Length":
                keyword, value = "Transfer-Encoding", "chunked"
            super().send_header(keyword, value)

        def copyfile(self, source, outputfile):
            while piece := source.read(100):
                outputfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                outputfile.flush()
                sleep(0.0005)
            outputfile.write(b"0\r\n\r\n")

    works = tmp_path / "few"
    works.mkdir()
    (works / "large.png").write_bytes(drawings.file(drawings.painting((256, 256))))
    film(works / "film.mp4")
    audit(works, name="disk")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Streaming, directory=works)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        web = f"http://127.0.0.1:{server.server_port}/"
        audit(Address(web), name="web")
        server.shutdown()
    assert rows(tmp_path / "web", web) == rows(tmp_path / "disk", f"{works}/")


@pytest.mark.parametrize("methods", [("GET",), ("HEAD", "GET")])
@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
def test_a_busy_web_server_says_nothing_of_the_file(web, answers, status, methods):
    files = RemoteFiles(Address(f"{web}00.jpg"))
    (entry,) = files.entries()
    answers.update({(method, "00.jpg"): status for method in methods})
    with pytest.raises(AuditError, match=rf"00\.jpg cannot be read .*{status}.*--resume"):
        files.artwork(entry)


@pytest.mark.parametrize("methods", [("GET",), ("HEAD", "GET")])
@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_file_that_a_web_server_refuses_is_one_error_of_its_own(web, answers, status, methods):
    files = RemoteFiles(Address(f"{web}00.jpg"))
    (entry,) = files.entries()
    answers.update({(method, "00.jpg"): status for method in methods})
    with pytest.raises(UnreadableFileError, match=r"00\.jpg' cannot be read .*still there"):
        files.artwork(entry)


def test_an_audit_of_a_web_server_that_was_busy_goes_on_to_the_same_results(
    audit, folder, web, answers, tmp_path
):
    audit(folder, name="disk")

    def busy(progress):
        if progress.counts:
            answers.update({(method, "39.jpg"): 429 for method in ("HEAD", "GET")})

    with pytest.raises(AuditError, match="Too Many Requests"):
        audit(Address(web), name="web", watcher=busy)
    answers.clear()
    assert audit(Address(web), name="web", resume=True).state is State.FINISHED
    assert rows(tmp_path / "web", web) == rows(tmp_path / "disk", f"{folder}/")


def test_a_folder_that_a_web_server_refuses_is_one_error_and_its_neighbours_are_judged(
    audit, folder, web, answers, tmp_path
):
    audit(folder, name="disk")
    answers["GET", "/sub/"] = 403
    assert audit(Address(web), name="web").state is State.FINISHED
    on_disk, found = (
        {row["path"]: row for row in rows(tmp_path / name, prefix)}
        for name, prefix in (("disk", f"{folder}/"), ("web", web))
    )
    refused = found.pop("works:sub/")
    assert not refused["verdict"]
    assert "Nothing in this folder was judged" in refused["error"]
    assert "Forbidden" in refused["error"]
    assert found.keys() == {path for path in on_disk if not path.startswith("works:sub/")}


def test_a_folder_of_a_busy_web_server_stops_the_audit_which_can_go_on(audit, web, answers):
    answers["GET", "/sub/"] = 503
    with pytest.raises(AuditError, match=r"sub/ cannot be read .*503.*--resume"):
        audit(Address(web))
    answers.clear()
    assert audit(Address(web), resume=True).state is State.FINISHED


def test_links_that_sort_a_web_folder_are_no_files(folder, web):
    links = [
        "?C=N;O=D",
        "?C=M;O=A",
        "/?C=S;O=A",
        "./?sort=size&order=asc",
        "/",
        "00.jpg",
        "01.jpg?C=N",
        "sub/",
    ]
    (folder / "index.html").write_text("".join(f'<a href="{link}">link</a>' for link in links))
    (folder / "sub" / "index.html").write_text(
        '<a href="?C=N;O=D">Name</a> <a href="/">Up</a> <a href="again.jpg">x</a>'
    )
    found = [entry.path.removeprefix(web) for entry in RemoteFiles(Address(web)).entries()]
    assert found == ["00.jpg", "01.jpg?C=N", "sub/again.jpg"]


def test_a_name_that_starts_with_a_question_mark_is_a_file_in_s3(s3):
    s3.create_bucket(Bucket="odd")
    s3.put_object(Bucket="odd", Key="?.jpg", Body=b"x")
    assert [entry.path for entry in RemoteFiles(Address("s3://odd")).entries()] == ["s3://odd/?.jpg"]


def test_a_changed_bucket_is_refused_and_an_unchanged_one_goes_on(audit, bucket, folder):
    works = Address("s3://verso/works")
    with pytest.raises(CrashError):
        audit(works, watcher=crash_after(2))
    same = (folder / "07.jpg").read_bytes()
    bucket.put_object(Bucket="verso", Key="works/07.jpg", Body=(folder / "08.jpg").read_bytes())
    with pytest.raises(AuditError, match=r"'s3://verso/works/07\.jpg' has other bytes"):
        audit(works, resume=True)
    bucket.put_object(Bucket="verso", Key="works/07.jpg", Body=same)
    assert audit(works, resume=True).state is State.FINISHED


@pytest.mark.usefixtures("s3")
def test_a_bucket_that_is_not_there_leaves_nothing_to_resume(audit, folder):
    with pytest.raises(AuditError, match="s3://nobody/works cannot be read"):
        audit(Address("s3://nobody/works"))
    assert audit(folder).state is State.FINISHED


def test_the_store_keeps_addresses_and_paths(audit, store, folder, web):
    address = Address(f"{web}00.jpg")
    audit_id = audit(address, folder / "01.jpg").audit_id
    assert store.find(audit_id).inputs == (address, folder / "01.jpg")


@pytest.mark.usefixtures("stub")
def test_the_command_line_takes_addresses(web, tmp_path, monkeypatch):
    monkeypatch.setenv("VERSO_DATABASE_URL", f"sqlite:///{tmp_path}/audits.db")
    result = invoke("audit", f"{web}00.jpg", "--output", str(tmp_path / "out"))
    assert result.exit_code == 0
    assert [row["path"] for row in rows(tmp_path / "out", web)] == ["works:00.jpg"]
