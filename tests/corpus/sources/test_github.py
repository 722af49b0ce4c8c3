import hashlib

import pandas as pd
import pytest

from core import images
from core.corpus import manifest, uniform
from core.corpus.cache import ImageCache
from core.corpus.sources.collect import collect
from core.corpus.sources.github import GitHub, spellings
from tests.corpus.conftest import draw, row
from tests.corpus.sources.conftest import read_csv, stored
from tests.corpus.sources.server import file, html, status, truncated

COMMIT = "0123456789" * 4


def pinned(original, path, *, crop="", copy=None, **changes):
    box = tuple(map(int, crop.split())) or None
    made = images.open(copy or uniform.copy(original, box))
    facts = {"source": "owner/name", "commit": COMMIT, "source_path": path, "crop": crop}
    facts |= {"width": made.width, "height": made.height, "original_format": images.open(original).format}
    return row(made.sha256, **facts | {"original_sha256": hashlib.sha256(original).hexdigest()} | changes)


@pytest.fixture
def rebuild(tmp_path, site, downloader):
    def run(*rows, reference=None):
        rows = manifest.write(pd.DataFrame(rows), tmp_path / "published.csv")
        cache = ImageCache(home=tmp_path / "cache", roots=(reference or tmp_path / "cache",))
        source = GitHub(rows, downloader, None, reference=cache, base=site.url)
        return collect(source, tmp_path / "out", workers=4)

    return run


def raw(path):
    return f"/owner/name/{COMMIT}/{path}"


def test_the_published_copies_are_made_again_to_the_byte(tmp_path, site, rebuild):
    plain, grid = draw(1, (600, 500), "WEBP"), draw(2, (1024, 1024))
    site.routes |= {raw("art/a (1).webp"): [file(plain)], raw("b.png"): [status(500), file(grid)]}
    rows = [pinned(plain, "art/a (1).webp"), pinned(grid, "b.png", crop="512 0 1024 512")]
    report = rebuild(*rows)
    assert report.refusals == []
    assert report.notes == {}
    assert stored(tmp_path / "out")[0].keys() == {row["sha256"] for row in rows}
    assert (tmp_path / "out" / "manifest.csv").read_bytes() == (tmp_path / "published.csv").read_bytes()


def test_a_comment_that_the_published_copy_carries_is_restored(tmp_path, site, rebuild):
    original = draw(1, (600, 500), "JPEG", comment=b"Created with GIMP")
    site.routes[raw("a.jpg")] = [file(original)]
    copy = uniform.with_comment(uniform.copy(original), original)
    rebuild(pinned(original, "a.jpg", copy=copy))
    assert [path.read_bytes() for path in stored(tmp_path / "out")[0].values()] == [copy]


@pytest.mark.parametrize(
    ("written", "real"),
    [
        ("a/b/c.png", "a__b__c.png"),
        ("a__b.png", "a/b.png"),
        ("a/b__c.png", "a/b/c.png"),
        ("a/b/c.png", "a/b__c.png"),
    ],
)
def test_a_path_may_be_spelt_with_underscores(site, rebuild, written, real):
    original = draw(1, (300, 300))
    site.routes[raw(real)] = [file(original)]
    assert rebuild(pinned(original, written)).refusals == []


def test_the_spellings_begin_with_the_path_as_written():
    assert next(spellings("a/b__c.png")) == "a/b__c.png"
    assert set(spellings("a/b__c.png")) == {"a/b__c.png", "a/b/c.png", "a__b__c.png"}
    assert list(spellings("plain.png")) == ["plain.png"]


def test_what_is_not_the_published_original_is_refused(tmp_path, site, rebuild):
    good, other = draw(1, (300, 300)), draw(2, (300, 300))
    site.routes |= {
        raw("changed.png"): [file(other)],
        raw("page.png"): [html()],
        raw("cut.png"): [truncated(good)],
    }
    site.routes[raw("good.png")] = [file(draw(5, (300, 300)))]
    rows = [
        pinned(draw(number, (300, 300)), path)
        for number, path in enumerate(("page.png", "cut.png", "gone.png"), 6)
    ]
    report = rebuild(pinned(good, "changed.png"), pinned(draw(5, (300, 300)), "good.png"), *rows)
    reasons = {row["reason"] for row in read_csv(tmp_path / "out" / "failures.csv")}
    assert len(report.manifest.frame) == 1
    for expected in (
        "not the file that the manifest was made from",
        "text/html",
        "broke the connection",
        "404",
    ):
        assert any(expected in reason for reason in reasons)


def test_other_bytes_within_the_tolerance_are_kept_and_said_so(tmp_path, site, rebuild):
    original = draw(1, (600, 500))
    site.routes[raw("a.png")] = [file(original)]
    elsewhere = images.encode_jpeg(images.open(uniform.copy(original)).image, 81)
    reference = ImageCache(home=tmp_path / "ref", roots=())
    reference.add(elsewhere)
    wanted = pinned(original, "a.png", copy=elsewhere)
    report = rebuild(wanted, reference=tmp_path / "ref")
    (note,) = report.notes.values()
    assert "of 255 levels off it" in note
    assert list(report.manifest.frame["sha256"]) == [hashlib.sha256(uniform.copy(original)).hexdigest()]


def test_another_picture_than_the_published_one_is_refused(tmp_path, site, rebuild):
    original = draw(1, (600, 500))
    site.routes[raw("a.png")] = [file(original)]
    elsewhere = uniform.copy(draw(2, (600, 500)))
    ImageCache(home=tmp_path / "ref", roots=()).add(elsewhere)
    report = rebuild(pinned(original, "a.png", copy=elsewhere), reference=tmp_path / "ref")
    assert "levels off the published one, expected at most 2" in report.refusals[0].reason


def test_other_bytes_without_the_published_copy_are_kept_and_said_so(site, rebuild):
    original = draw(1, (600, 500))
    site.routes[raw("a.png")] = [file(original)]
    report = rebuild(pinned(original, "a.png", copy=uniform.copy(draw(2, (600, 500)))))
    assert "not at hand to compare with" in next(iter(report.notes.values()))


def test_every_row_of_the_shared_manifest_can_be_asked_for(shared_data):
    frame = manifest.read(shared_data / "manifest.csv").frame
    pinned_there = frame["source"].str.fullmatch(manifest.GITHUB.pattern) & (frame["commit"] != "")
    packaged = frame["source"].str.fullmatch(manifest.DEBIAN.pattern)
    assert (pinned_there | packaged).all()


def test_a_source_that_is_neither_pinned_nor_packaged_is_named(site, rebuild):
    report = rebuild(pinned(draw(1, (300, 300)), "x.png", source="studio", commit=""))
    assert "studio: x.png is neither pinned on GitHub nor in a Debian package" in report.refusals[0].reason
    assert site.log == []


def test_a_source_in_a_package_asks_for_an_archive(rebuild):
    row = pinned(draw(1, (300, 300)), "/usr/x.png", source="debian:art (bookworm)", commit="")
    report = rebuild(row)
    assert "give the address of an archive that has bookworm as --debian-mirror" in report.refusals[0].reason
    assert not report.complete
