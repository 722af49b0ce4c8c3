import hashlib
import io
import lzma
import tarfile

import pandas as pd
import pytest

from core import images
from core.corpus import manifest, uniform
from core.corpus.cache import ImageCache
from core.corpus.sources.collect import collect
from core.corpus.sources.debian import Packages
from core.corpus.sources.github import GitHub
from core.errors import ItemRefusedError, SourceError
from tests.corpus.conftest import draw, row
from tests.corpus.sources.server import file

POOL = "/debian/pool/main/a/art/art_1_all.deb"
INDEX = "/debian/dists/bookworm/main/binary-amd64/Packages.xz"


def package(files):
    """A Debian package as dpkg-deb lays it out."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:xz") as archive:
        for path, data in files.items():
            member = tarfile.TarInfo("." + path)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        link = tarfile.TarInfo("./usr/share/link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(link)
    members = {"debian-binary": b"2.0\n", "control.tar.xz": b"odd", "data.tar.xz": content.getvalue()}
    out = b"!<arch>\n"
    for name, data in members.items():
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode()
        out += data + b"\n" * (len(data) % 2)
    return out


def serve(site, deb, sha256=None):
    index = (
        "Package: other\nFilename: pool/o.deb\nSHA256: 00\nDescription: words\n more: words\n\n"
        f"Package: art\nVersion: 1\nFilename: pool/main/a/art/art_1_all.deb\n"
        f"SHA256: {sha256 or hashlib.sha256(deb).hexdigest()}\n"
    )
    site.routes |= {POOL: [file(deb, "application/x-debian-package")]}
    site.routes |= {INDEX: [file(lzma.compress(index.encode()), "application/x-xz")]}


def test_files_are_taken_out_of_a_package_downloaded_once(site, downloader):
    files = {"/usr/share/a.png": draw(1), "/usr/share/b.png": draw(2), "/usr/share/c.txt": b"no"}
    serve(site, package(files))
    packages = Packages(downloader, site.url + "/debian/")
    wanted = ["/usr/share/a.png", "/usr/share/b.png", "/usr/share/link.png", "/usr/share/none.png"]
    found = packages.files("bookworm", "art", wanted)
    assert found == {path: files[path] for path in ("/usr/share/a.png", "/usr/share/b.png")}
    assert packages.files("bookworm", "art", wanted) == found
    assert (site.count(POOL), site.count(INDEX)) == (1, 1)


def test_a_package_that_is_not_there_or_not_itself_is_refused(site, downloader):
    serve(site, package({}), sha256="1" * 64)
    packages = Packages(downloader, site.url + "/debian")
    with pytest.raises(ItemRefusedError, match=r"has no package wesnoth in bookworm: .* --debian-mirror"):
        packages.files("bookworm", "wesnoth", [])
    with pytest.raises(ItemRefusedError, match="differs from what the index"):
        packages.files("bookworm", "art", [])


@pytest.mark.parametrize("deb", [b"", b"not an archive", package({})[:150], package({})[:-40]])
def test_a_broken_package_is_refused(site, downloader, deb):
    serve(site, deb)
    with pytest.raises(ItemRefusedError, match="unpacked"):
        Packages(downloader, site.url + "/debian").files("bookworm", "art", ["/usr/share/link.png"])


def test_an_index_that_is_none_is_refused(site, downloader):
    site.routes[INDEX] = [file(b"<html>", "text/html")]
    with pytest.raises(SourceError, match="is not a package index"):
        Packages(downloader, site.url + "/debian").files("bookworm", "art", [])


def test_the_published_copies_from_a_package_are_made_again(tmp_path, site, downloader):
    originals = {f"/usr/share/art/{number}.png": draw(number, (300, 260)) for number in range(4)}
    serve(site, package(dict(list(originals.items())[:3])))
    rows = []
    for path, original in originals.items():
        made = images.open(uniform.copy(original))
        facts = {
            "width": made.width,
            "height": made.height,
            "original_sha256": hashlib.sha256(original).hexdigest(),
        }
        facts |= {"source": "debian:art (bookworm)", "source_path": path, "commit": ""}
        rows.append(row(made.sha256, **facts))
    published = manifest.write(pd.DataFrame(rows), tmp_path / "published.csv")
    cache = ImageCache(home=tmp_path / "cache", roots=())
    packages = Packages(downloader, site.url + "/debian")
    source = GitHub(published, downloader, packages, reference=cache, base=site.url)
    report = collect(source, tmp_path / "out", workers=4)
    assert list(report.manifest.frame["source_path"]) == list(originals)[:3]
    assert report.notes == {}
    assert "/usr/share/art/3.png is not in the package" in report.refusals[0].reason
    assert site.count(POOL) == 1
