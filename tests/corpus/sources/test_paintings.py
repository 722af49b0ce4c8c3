import hashlib

import pytest

from core.corpus import manifest
from core.corpus.sources.collect import collect
from core.corpus.sources.paintings import Paintings, addresses
from core.errors import SourceError
from tests.corpus.conftest import draw
from tests.corpus.sources.conftest import read_csv, stored
from tests.corpus.sources.server import file, html, redirect, slow, status, truncated

VGG = (
    "Image URL,Web page URL,Subset,Labels\n"
    "http://a.org/w800/one.jpg,http://a.org/paintings/one,'train','dog'\n"
    "http://a.org/w800/two.jpg,http://a.org/paintings/two,'test','cat'\n"
)


def listing(tmp_path, text, name="list.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    "text",
    [
        "http://a.org/1.jpg\nhttp://a.org/2.jpg\n",
        "url\nhttp://a.org/1.jpg\nhttp://a.org/2.jpg\n",
        "\ufeffurl\r\nhttp://a.org/1.jpg\r\n\r\nhttp://a.org/2.jpg\r\n",
        "id;url\n1;http://a.org/1.jpg\n2;http://a.org/2.jpg\n",
        "1\thttp://a.org/1.jpg\n2\thttp://a.org/2.jpg",
        '"http://a.org/1.jpg",\n http://a.org/2.jpg ,x\n',
    ],
)
def test_the_addresses_are_found_with_or_without_a_header(tmp_path, text):
    assert addresses(listing(tmp_path, text)) == ["http://a.org/1.jpg", "http://a.org/2.jpg"]


def test_commas_in_the_addresses_of_a_plain_list_divide_nothing(tmp_path):
    text = "http://a.org/1.jpg\nhttp://a.org/w,800/2.jpg\n"
    assert addresses(listing(tmp_path, text)) == text.split()


def test_the_images_are_preferred_to_the_pages_about_them(tmp_path):
    assert addresses(listing(tmp_path, VGG)) == ["http://a.org/w800/one.jpg", "http://a.org/w800/two.jpg"]


@pytest.mark.parametrize("column", ["Web page URL", "2"])
def test_a_column_can_be_chosen(tmp_path, column):
    expected = ["http://a.org/paintings/one", "http://a.org/paintings/two"]
    assert addresses(listing(tmp_path, VGG), column) == expected


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", None, "is empty"),
        ("a,b\n1,2\n", None, "no column with http or https addresses"),
        ("a,b\nhttp://a.org/1,http://b.org/1\n", None, "several columns of addresses .'a', 'b'.* --column"),
        (VGG, "Url", "no column 'Url': expected one of 'Image URL', .* number from 1 to 4"),
        (VGG, "5", "no column '5'"),
    ],
)
def test_an_unclear_list_is_refused_with_what_to_do(tmp_path, text, column, message):
    with pytest.raises(SourceError, match=message):
        addresses(listing(tmp_path, text), column)


def test_a_list_that_is_missing_or_no_text_is_refused(tmp_path):
    with pytest.raises(SourceError, match="cannot be read"):
        addresses(tmp_path / "none.csv")
    with pytest.raises(SourceError, match="not UTF-8"):
        addresses(listing(tmp_path, VGG.replace("dog", "é"), encoding="utf-16"))


def run(tmp_path, downloader, lines, **options):
    path = listing(tmp_path, "\n".join(lines))
    source = Paintings(path, downloader, source="a list", attestation="as the list says", **options)
    return collect(source, tmp_path / "out", workers=4)


def test_failures_are_recorded_and_do_not_stop_the_others(tmp_path, site, downloader):
    good = {f"/good/{number}.jpg": draw(number) for number in range(6)}
    site.routes |= {path: [file(data)] for path, data in good.items()}
    site.routes |= {
        "/busy.jpg": [status(429, {"Retry-After": "0"}), file(draw(20))],
        "/shaky.jpg": [status(500), file(draw(21))],
        "/gone.jpg": [status(404)],
        "/down.jpg": [status(500)],
        "/page.jpg": [html()],
        "/loop.jpg": [redirect("/loop.jpg")],
        "/short.jpg": [truncated(draw(22))],
        "/slow.jpg": [slow(1.0, file(draw(23)))],
        "/again.jpg": [file(good["/good/0.jpg"])],
    }
    lines = [site.url + path for path in site.routes] + ["not an address", site.url + "/good/1.jpg"]
    report = run(tmp_path, downloader, lines)

    rows = read_csv(tmp_path / "out" / "manifest.csv")
    kept = {row["sha256"] for row in rows}
    assert kept == {hashlib.sha256(data).hexdigest() for data in (*good.values(), draw(20), draw(21))}
    assert {row["label"] for row in rows} == {"human"}
    assert {row["medium"] for row in rows} == {"oil"}
    assert {row["source_url"] for row in rows} <= set(lines)
    images, others = stored(tmp_path / "out")
    assert (images.keys() - {hashlib.sha256(draw(0)).hexdigest()}) <= kept
    assert others == []

    failures = {row["address"]: row for row in read_csv(tmp_path / "out" / "failures.csv")}
    assert set(failures) == {
        *(site.url + path for path in ("/gone.jpg", "/down.jpg", "/page.jpg", "/loop.jpg", "/short.jpg")),
        *(site.url + path for path in ("/slow.jpg", "/again.jpg")),
        "not an address",
    }
    assert "404" in failures[site.url + "/gone.jpg"]["reason"]
    assert (
        failures[site.url + "/down.jpg"] | {"attempts": "3", "final": "no"}
        == failures[site.url + "/down.jpg"]
    )
    assert f"The same image as {site.url}/good/0.jpg" in failures[site.url + "/again.jpg"]["reason"]
    assert not report.complete
    manifest.read(tmp_path / "out" / "manifest.csv", unsplit=True)


def test_running_again_asks_only_for_what_is_missing(tmp_path, site, downloader):
    site.routes |= {f"/{number}.jpg": [file(draw(number))] for number in range(3)}
    site.routes |= {"/late.jpg": [status(503)] * 3 + [file(draw(9))], "/gone.jpg": [status(404)]}
    lines = [site.url + path for path in site.routes]
    first = run(tmp_path, downloader, lines)
    assert (first.tally.had, first.tally.refused, first.complete) == (3, 2, False)
    site.log.clear()
    site.routes["/late.jpg"] = [file(draw(9))]
    second = run(tmp_path, downloader, lines)
    assert site.asked() == ["/late.jpg"]
    assert (second.tally.already, second.tally.had, second.complete) == (3, 1, True)
    assert len(second.manifest.frame) == 4


def test_refused_for_good_is_asked_again_only_on_request(tmp_path, site, downloader):
    site.routes |= {"/1.jpg": [file(draw(1))], "/gone.jpg": [status(404), file(draw(2))]}
    path = listing(tmp_path, "\n".join(site.url + path for path in site.routes))
    source = Paintings(path, downloader, source="a list", attestation="as the list says")
    collect(source, tmp_path / "out", workers=2)
    assert len(collect(source, tmp_path / "out", workers=2).manifest.frame) == 1
    assert len(collect(source, tmp_path / "out", workers=2, retry_refused=True).manifest.frame) == 2


def test_a_damaged_file_is_brought_again(tmp_path, site, downloader):
    site.routes["/1.jpg"] = [file(draw(1))]
    run(tmp_path, downloader, [site.url + "/1.jpg"])
    ((_, path),) = stored(tmp_path / "out")[0].items()
    path.write_bytes(path.read_bytes()[:-5])
    run(tmp_path, downloader, [site.url + "/1.jpg"])
    assert path.read_bytes() == draw(1)
    assert site.count("/1.jpg") == 2


def test_uniform_copies_keep_what_is_known_of_the_original(tmp_path, site, downloader):
    site.routes |= {"/1.jpg": [file(draw(1, (600, 500)))], "/small.jpg": [file(draw(2, (300, 200)))]}
    report = run(tmp_path, downloader, [site.url + path for path in site.routes], as_uniform=True)
    (row,) = read_csv(report.manifest.path)
    assert (row["width"], row["height"], row["original_format"]) == ("422", "352", "PNG")
    assert row["original_sha256"] == hashlib.sha256(draw(1, (600, 500))).hexdigest()
    assert row["sha256"] != row["original_sha256"]
    assert "at least 224 px" in report.refusals[0].reason


def test_a_folder_of_another_kind_is_not_mixed_into(tmp_path, site, downloader):
    site.routes["/1.jpg"] = [file(draw(1))]
    run(tmp_path, downloader, [site.url + "/1.jpg"])
    with pytest.raises(SourceError, match=r"holds images of paintings .*oil.* not of paintings .*print"):
        run(tmp_path, downloader, [site.url + "/1.jpg"], medium="print")
