import csv
import hashlib
from pathlib import Path

import pytest

from core.corpus import manifest
from core.errors import ManifestError
from tests.corpus.conftest import frame, name, row


def spoil(path: Path, line: int, old: str, new: str) -> None:
    lines = path.read_text().splitlines()
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def stored(tmp_path):
    rows = [
        row(name(n), split=split, label=label)
        for n, (split, label) in enumerate(
            (split, label) for split in manifest.SPLITS for label in manifest.LABELS for _ in range(3)
        )
    ]
    return manifest.write(frame(*rows), tmp_path / "manifest.csv")


def test_what_is_written_is_read_back(stored):
    again = manifest.read(stored.path)
    assert again.frame.equals(stored.frame)
    assert again.version == stored.version
    assert len(again.frame) == 24
    assert again.frame["width"].dtype == "int64"
    assert set(again.frame["split"]) == set(manifest.SPLITS)


def test_the_version_is_the_sha256_of_the_file(stored):
    assert stored.version == hashlib.sha256(stored.path.read_bytes()).hexdigest()


def test_the_same_rows_in_any_order_give_the_same_bytes(stored, tmp_path):
    shuffled = stored.frame.sample(frac=1, random_state=3)[list(stored.frame)[::-1]]
    assert manifest.write(shuffled, tmp_path / "other.csv").version == stored.version


def test_empty_fields_are_empty_text_and_never_missing(stored):
    human = stored.frame[stored.frame["label"] == "human"]
    assert (human["generator"] == "").all()
    assert not stored.frame.isna().any().any()


def test_optional_columns_are_read_as_empty_and_written_only_when_used(stored, tmp_path):
    assert (stored.frame["source_url"] == "").all()
    assert "source_url" not in stored.path.read_text()
    used = manifest.write(stored.frame.assign(source_url="https://example.org/a"), tmp_path / "used.csv")
    assert "source_url" in used.path.read_text()


def test_awkward_text_survives(tmp_path):
    path = 'dir/“quoted”, "comma"\nnew line/画.png'
    written = manifest.write(frame(row(name(1), source_path=path)), tmp_path / "manifest.csv")
    assert manifest.read(written.path).frame["source_path"].tolist() == [path]


def test_a_byte_order_mark_and_windows_line_ends_are_accepted(stored, tmp_path):
    windows = tmp_path / "windows.csv"
    windows.write_bytes(b"\xef\xbb\xbf" + stored.path.read_bytes().replace(b"\n", b"\r\n"))
    assert manifest.read(windows).frame.equals(stored.frame)


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("sha256", "A" * 64, "64 lower-case hexadecimal digits"),
        ("split", "valid", "one of train, val, test, ood"),
        ("split", "", "one of train, val, test, ood"),
        ("label", "AI", "human or ai"),
        ("width", "wide", "a whole number above 0"),
        ("width", "352.5", "a whole number above 0"),
        ("height", "0", "a whole number above 0"),
        ("crop", "0 0 10", "x0 y0 x1 y1"),
        ("crop", "10 0 10 20", "x0 y0 x1 y1"),
        ("commit", "main", "40 hexadecimal digits"),
        ("attestation", "", "why the label is believed"),
        ("license", "nan", "the licence of the image"),
        ("generator", "painter-1", "nothing for a human image"),
        ("original_sha256", "b" * 63, "64 lower-case hexadecimal digits"),
    ],
)
def test_a_wrong_value_is_named_by_line_column_expected_and_found(stored, column, value, expected):
    with stored.path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    line = next(n for n, fields in enumerate(rows) if fields["label"] == "human" and fields["split"] == "val")
    rows[line][column] = value
    with stored.path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(ManifestError) as caught:
        manifest.read(stored.path)
    message = str(caught.value)
    assert f"line {line + 2}, column {column}: expected " in message
    assert expected in message
    assert f"found {value!r}" in message
    assert "(1 problem)" in message


def test_an_ai_image_needs_a_generator(tmp_path):
    with pytest.raises(ManifestError, match=r"line 2, column generator: expected a name for an ai image"):
        manifest.write(frame(row(name(1), label="ai", generator="")), tmp_path / "manifest.csv")


def test_a_github_source_needs_its_commit(tmp_path):
    with pytest.raises(
        ManifestError, match=r"column commit: expected the commit at which owner/name is pinned"
    ):
        manifest.write(frame(row(name(1), source="owner/name")), tmp_path / "manifest.csv")


def test_a_missing_value_in_a_frame_is_refused_not_written_as_nan(tmp_path):
    path = tmp_path / "manifest.csv"
    with pytest.raises(ManifestError, match=r"line 2, column license: .* found nan"):
        manifest.write(frame(row(name(1), license=float("nan"))), path)
    assert not path.exists()


def test_a_failed_write_keeps_the_file_that_was_there(stored):
    before = stored.path.read_bytes()
    with pytest.raises(ManifestError):
        manifest.write(stored.frame.assign(label="robot"), stored.path)
    assert stored.path.read_bytes() == before
    assert [path.name for path in stored.path.parent.iterdir()] == ["manifest.csv"]


def test_a_repeated_image_is_named_with_both_lines_and_splits(stored):
    lines = stored.path.read_text().splitlines()
    twin = next(line for line in lines if ",val," in line)
    stored.path.write_text("\n".join([*lines, twin.replace(",val,", ",test,")]) + "\n")
    with pytest.raises(ManifestError) as caught:
        manifest.read(stored.path)
    message = str(caught.value)
    assert f"line {len(lines) + 1}, column sha256: expected each image once" in message
    assert f"in split 'test' and, on line {lines.index(twin) + 1}, in split 'val'" in message
    assert twin.split(",")[0] in message


def test_all_problems_are_counted_and_the_first_ten_shown(stored):
    stored.path.write_text(stored.path.read_text().replace(",human,", ",robot,"))
    with pytest.raises(ManifestError) as caught:
        manifest.read(stored.path)
    message = str(caught.value)
    assert "(12 problems)" in message
    assert message.count("column label") == 10
    assert "and 2 more" in message


def test_a_row_with_a_field_too_few_is_named_by_its_line(stored):
    spoil(stored.path, 5, ",CC0-1.0", "")
    with pytest.raises(ManifestError, match="line 5, column \\(all\\): expected 16 fields, found 15"):
        manifest.read(stored.path)


def test_lines_are_counted_in_the_file_not_in_records(tmp_path):
    written = manifest.write(
        frame(row(name(1), source_path="a\nb"), row(name(2), source_path="z")), tmp_path / "manifest.csv"
    )
    spoil(written.path, 4, "human", "robot")
    with pytest.raises(ManifestError, match="line 4, column label"):
        manifest.read(written.path)


def test_a_missing_and_a_misspelt_column_are_both_named(stored):
    spoil(stored.path, 1, "license", "licence")
    with pytest.raises(ManifestError, match="no column license, the unknown column 'licence'"):
        manifest.read(stored.path)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "no column sha256"),
        (",".join(manifest.REQUIRED).encode(), "lists no images"),
        (
            ",".join(manifest.REQUIRED).encode() + b"\n\xff\xfe",
            "line 2: expected UTF-8 text, found byte 0xff",
        ),
        (",".join(manifest.REQUIRED).encode() + b'\n"open', "expected CSV, found a broken row"),
        ((",".join(manifest.REQUIRED) + ",label").encode(), "expected each column once, found label twice"),
    ],
)
def test_a_file_that_is_no_manifest_is_refused(tmp_path, data, complaint):
    path = tmp_path / "manifest.csv"
    path.write_bytes(data)
    with pytest.raises(ManifestError, match=complaint):
        manifest.read(path)


@pytest.mark.parametrize("path", ["nowhere.csv", "."])
def test_a_path_that_cannot_be_read_is_a_manifest_error(tmp_path, path):
    with pytest.raises(ManifestError, match="cannot be read"):
        manifest.read(tmp_path / path)


def test_rows_without_a_split_are_read_only_when_asked(tmp_path):
    path = tmp_path / "manifest.csv"
    manifest.write(frame(row(name(1), split="")), path, unsplit=True)
    assert manifest.read(path, unsplit=True).frame["split"].tolist() == [""]
    with pytest.raises(ManifestError, match="line 2, column split"):
        manifest.read(path)


def test_source_addresses():
    commit = "0123456789" * 4
    assert (
        manifest.source_url("owner/name", commit, "art/a picture?.png")
        == f"https://github.com/owner/name/raw/{commit}/art/a%20picture%3F.png"
    )
    assert (
        manifest.source_url("debian:game-data (bookworm)", "", "/usr/share/game/a b.png")
        == "pkg:deb/debian/game-data?distro=bookworm#usr/share/game/a%20b.png"
    )
    assert manifest.source_url("folder:studio", "", "a.png") == ""


def test_the_shared_manifest_is_read(shared_data):
    shared = manifest.read(shared_data / "manifest.csv")
    assert len(shared.frame) == 4900
    assert set(shared.frame["label"]) == set(manifest.LABELS)
