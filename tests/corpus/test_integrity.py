import pytest

from core.corpus import integrity
from core.corpus.cache import ImageCache
from tests.corpus.conftest import draw


def verify(listed, **options):
    root = listed.path.parent
    return integrity.verify(listed, ImageCache(home=root, roots=(root,)), **options)


def path_of(listed, index):
    return next(listed.path.parent.rglob(f"{listed.frame['sha256'][index]}.*"))


@pytest.fixture
def listed(write_images):
    return write_images([(draw(n), {"source_path": f"{n}.png"}) for n in range(12)])


def only(report, kind):
    assert [finding.kind for finding in report.findings] == [kind]
    return report.findings[0]


def test_an_untouched_corpus_is_clean_and_silent(listed):
    report = verify(listed)
    assert report.clean
    assert report.checked == 12
    assert report.findings == ()


def test_progress_reaches_the_end(listed):
    told = []
    verify(listed, progress=lambda done, total: told.append((done, total)))
    assert told == [(n, 12) for n in range(1, 13)]


@pytest.mark.parametrize("place", [10, 60, -5])
def test_one_flipped_byte_is_named(listed, place):
    path = path_of(listed, 4)
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    finding = only(verify(listed), "altered")
    assert (finding.row, finding.sha256) == (6, listed.frame["sha256"][4])
    assert str(path) in finding.message


def test_a_missing_file_is_named_with_where_it_was_looked_for(listed):
    path_of(listed, 0).unlink()
    finding = only(verify(listed), "missing")
    assert (finding.row, finding.sha256) == (2, listed.frame["sha256"][0])
    assert str(listed.path.parent / "images") in finding.message


def test_a_file_that_is_no_picture_is_named(write_images):
    report = verify(write_images([(draw(1), {}), (draw(2)[:-30], {"source_path": "b"})]))
    assert "damaged" in only(report, "undecodable").message


def test_a_wrong_size_is_named_with_both_sizes(write_images):
    report = verify(write_images([(draw(1, (64, 48)), {"width": 48, "height": 64})]))
    assert only(report, "wrong size").message == "expected 48 x 64 pixels as recorded, found 64 x 48."


def test_every_problem_is_found_not_only_the_first(listed):
    path_of(listed, 1).unlink()
    path_of(listed, 7).write_bytes(b"other")
    assert [(one.kind, one.row) for one in verify(listed).problems] == [("missing", 3), ("altered", 9)]


@pytest.mark.parametrize(("column", "value"), [("split", "test"), ("label", "ai")])
def test_a_look_alike_on_the_other_side_is_a_warning(write_images, column, value):
    listed = write_images(
        [
            (draw(1, (128, 96)), {"width": 128, "height": 96}),
            (draw(1, (64, 48)), {column: value}),
        ]
    )
    report = verify(listed)
    finding = only(report, "look-alike")
    assert report.clean
    assert report.warnings == (finding,)
    named, other = listed.frame.iloc[finding.row - 2], listed.frame.iloc[3 - finding.row]
    assert finding.sha256 == named["sha256"]
    assert other["sha256"] in finding.message
    assert f"whose {column} is {other[column]}, not {named[column]}." in finding.message


def test_a_look_alike_on_the_same_side_is_no_finding(write_images):
    listed = write_images(
        [(draw(1, (128, 96)), {"width": 128, "height": 96}), (draw(1), {"source_path": "1"})]
    )
    assert verify(listed).findings == ()


def test_two_tiles_of_one_original_in_two_splits_are_a_warning(write_images):
    original = "c" * 64
    listed = write_images(
        [
            (draw(1), {"original_sha256": original, "crop": "0 0 64 48"}),
            (draw(2), {"original_sha256": original, "crop": "64 0 128 48", "split": "val"}),
        ]
    )
    finding = only(verify(listed), "same original")
    assert finding.severity == "warning"
    assert listed.frame["sha256"][0 if finding.row == 3 else 1] in finding.message
