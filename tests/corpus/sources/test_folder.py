import hashlib
import os
import unicodedata
from pathlib import Path

import pytest

from core.corpus import manifest
from core.corpus.sources.collect import collect
from core.corpus.sources.folder import Folder
from core.errors import SourceError
from tests.corpus.conftest import draw
from tests.corpus.sources.conftest import read_csv, stored

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF")


def put(root, path, data):
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return place


def run(root, out, **options):
    return collect(Folder(root, **options), out, workers=4)


def rejected(out):
    return {row["path"]: row["reason"] for row in read_csv(out / "rejected.csv")}


def rows(out):
    return {row["source_path"]: row for row in read_csv(out / "manifest.csv")}


def test_three_hundred_untidy_files_become_a_manifest_and_a_list_of_reasons(tmp_path):
    root = tmp_path / "Bilder äöü"
    good, bad = {}, {}
    stems = ["", ".jpg", ".dat", ".PNG", ".tar.gz", " copy"]
    for number in range(220):
        label = "human" if number % 2 else ("ai/flux" if number % 4 else "ai/Ünïcode-модель")
        path = f"{label}/ordner {number % 7}/{'画' * (number % 3)}ю{number}{stems[number % 6]}"
        image_format = FORMATS[number % 6]
        good[path] = draw(number, (32 + number % 9, 40), image_format)
    for number in range(0, 60, 4):
        bad[f"human/broken/{number}.jpg"] = (draw(300 + number, (64, 64), "JPEG")[:200], "truncated")
        bad[f"ai/flux/{number} notes.txt"] = (b"to do: paint more\n", "text, not a picture")
        bad[f"ai/empty/{number}"] = (b"", "empty")
        bad[f"elsewhere/{number}.png"] = (draw(400 + number), "neither in human/ nor in ai/")
    bad |= {
        f"human/deep/a/b/c/d/{number}.png": (draw(500 + number, (20, 20)), "too few") for number in range(10)
    }
    bad |= {f"ai/x/{n}.psd": (b"8BPS\0\1" + b"\0" * 40, "a Photoshop document") for n in range(5)}
    bad |= {
        "loose.png": (draw(600), "neither in human/ nor in ai/"),
        "ai/z.svg": (b"<svg/>", "text, not a pic"),
    }
    bad |= {f"human/Thumbs{n}.db": (b"\xd0\xcf\x11\xe0" + b"\0" * 20, "unknown kind") for n in range(3)}
    for path, data in (good | {path: data for path, (data, _) in bad.items()}).items():
        put(root, path, data)
    assert len(good) + len(bad) == 300

    out = tmp_path / "out"
    report = run(root, out)

    found = rows(out)
    assert {path: row["sha256"] for path, row in found.items()} == {
        path: hashlib.sha256(data).hexdigest() for path, data in good.items()
    }
    reasons = rejected(out)
    assert reasons.keys() == bad.keys()
    assert {path: expected for path, (_, expected) in bad.items() if expected not in reasons[path]} == {}
    assert report.complete
    assert {row["label"] for path, row in found.items() if path.startswith("human/")} == {"human"}
    assert {row["generator"] for row in found.values()} == {"", "flux", "Ünïcode-модель"}
    images, others = stored(out)
    assert images.keys() == {row["sha256"] for row in found.values()}
    assert others == []
    assert len(manifest.read(out / "manifest.csv", unsplit=True).frame) == 220


def test_names_that_are_not_utf8_are_spelt_out(tmp_path):
    root = tmp_path / "in"
    (root / "human").mkdir(parents=True)
    Path(os.fsdecode(bytes(root / "human") + b"/caf\xe9.png")).write_bytes(draw(1))
    run(root, tmp_path / "out")
    assert list(rows(tmp_path / "out")) == ["human/caf\\xe9.png"]


def test_an_ai_work_outside_a_generator_folder_has_an_unknown_generator(tmp_path):
    put(tmp_path / "in", "AI/x.png", draw(1))
    put(tmp_path / "in", "Human/x.png", draw(2))
    run(tmp_path / "in", tmp_path / "out")
    assert rows(tmp_path / "out")["AI/x.png"]["generator"] == "unknown"
    assert rows(tmp_path / "out")["Human/x.png"]["label"] == "human"


def test_equal_files_are_kept_once_and_contradictory_ones_not_at_all(tmp_path):
    root = tmp_path / "in"
    for path in ("human/a.png", "human/b/copy.png", "human/both.png", "ai/flux/both.png"):
        put(root, path, draw("both" in path))
    run(root, tmp_path / "out")
    assert list(rows(tmp_path / "out") if (tmp_path / "out" / "manifest.csv").exists() else []) == [
        "human/a.png"
    ]
    reasons = rejected(tmp_path / "out")
    assert reasons["human/b/copy.png"] == "The same image as human/a.png, which is kept."
    assert reasons["human/both.png"] == reasons["ai/flux/both.png"]
    assert "labelled human and ai" in reasons["human/both.png"]


def test_links_are_not_followed_out_of_the_folder(tmp_path):
    root = tmp_path / "in"
    put(root, "human/own.png", draw(1))
    put(tmp_path, "private/secret.png", draw(2))
    (root / "human" / "file link.png").symlink_to(tmp_path / "private" / "secret.png")
    (root / "human" / "folder link").symlink_to(tmp_path / "private")
    (root / "human" / "broken link.png").symlink_to(root / "nothing.png")
    (root / "human" / "loop").symlink_to(root)
    run(root, tmp_path / "out")
    assert list(rows(tmp_path / "out")) == ["human/own.png"]
    reasons = rejected(tmp_path / "out")
    assert "leads out of the folder" in reasons["human/file link.png"]
    assert "link to a folder" in reasons["human/folder link"]
    assert "does not exist" in reasons["human/broken link.png"]
    assert "link to a folder" in reasons["human/loop"]


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    put(tmp_path / "in", "human/own.png", draw(1))
    os.mkfifo(tmp_path / "in" / "human" / "pipe.png")
    run(tmp_path / "in", tmp_path / "out")
    assert "device or pipe" in rejected(tmp_path / "out")["human/pipe.png"]


def test_running_again_takes_what_is_new_or_changed_and_forgets_what_is_gone(tmp_path):
    root, out = tmp_path / "in", tmp_path / "out"
    for name in ("stays", "changes", "goes"):
        put(root, f"human/{name}.png", draw(len(name)))
    run(root, out)
    put(root, "human/changes.png", draw(50, (70, 70)))
    put(root, "human/comes.png", draw(51))
    (root / "human" / "goes.png").unlink()
    second = run(root, out)
    assert (second.tally.already, second.tally.had) == (1, 2)
    assert rows(out).keys() == {"human/stays.png", "human/changes.png", "human/comes.png"}
    assert rows(out)["human/changes.png"]["width"] == "70"


def test_a_folder_without_labels_says_how_to_give_them(tmp_path):
    put(tmp_path / "in", "monet/x.png", draw(1))
    with pytest.raises(SourceError, match=r"no folder human and no folder ai \(found: monet\).*CSV"):
        run(tmp_path / "in", tmp_path / "out")
    with pytest.raises(SourceError, match="is not a folder"):
        Folder(tmp_path / "none")


LABELS = """Path,Label,Generator,medium,source,remark
one.png,human,,oil,book of 1910,fine
sub\\two.png,AI,flux.1,,,
./three.png,ai,,,,
gone.png,human,,,,
four.png,robot,,,,
five.png,human,flux,,,
six.png,human,,,,
six.png,ai,,,,
../secret.png,human,,,,
"""


def test_a_csv_file_can_label_files_wherever_they_lie(tmp_path):
    root, out = tmp_path / "in", tmp_path / "out"
    names = ("one.png", "sub/two.png", "three.png", "four.png", "five.png", "six.png", "unlisted.png")
    for number, name in enumerate(names):
        put(root, name, draw(number))
    put(tmp_path, "secret.png", draw(90))
    labels = put(root, "labels.csv", LABELS.encode())
    run(root, out, labels=labels, source="my book")
    found = rows(out)
    assert found.keys() == {"one.png", "sub/two.png", "three.png"}
    assert (found["one.png"]["source"], found["one.png"]["medium"]) == ("book of 1910", "oil")
    assert (
        found["sub/two.png"] | {"label": "ai", "generator": "flux.1", "family": "flux.1"}
        == found["sub/two.png"]
    )
    assert (found["three.png"]["generator"], found["three.png"]["source"]) == ("unknown", "my book")
    expected = {
        "gone.png": "does not exist",
        "four.png": "Line 6 of the CSV file: expected human or ai, found 'robot'",
        "five.png": "for its generator, expected nothing for a human image",
        "six.png": "Lines 8, 9 of the CSV file label it differently",
        "unlisted.png": "The CSV file does not list it",
        "../secret.png": "leads out of the folder",
    }
    reasons = rejected(out)
    assert reasons.keys() == expected.keys()
    assert {path for path, reason in expected.items() if reason not in reasons[path]} == set()


def test_accents_may_be_composed_in_the_csv_file_and_not_on_disk(tmp_path):
    composed, apart = (unicodedata.normalize(form, "café.png") for form in ("NFC", "NFD"))
    put(tmp_path / "in", apart, draw(1))
    labels = put(tmp_path, "labels.csv", f"path,label\n{composed},human\n".encode())
    run(tmp_path / "in", tmp_path / "out", labels=labels)
    assert list(rows(tmp_path / "out")) == [apart]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"file,label\nx.png,ai\n", "no column path"),
        (b"", "no column path and no column label"),
        (b"path,label\n\xff.png,ai\n", "not CSV in UTF-8"),
    ],
)
def test_a_csv_file_that_cannot_be_used_is_refused(tmp_path, text, message):
    put(tmp_path / "in", "x.png", draw(1))
    with pytest.raises(SourceError, match=message):
        run(tmp_path / "in", tmp_path / "out", labels=put(tmp_path, "labels.csv", text))


def test_a_corrected_label_is_taken_over(tmp_path):
    put(tmp_path / "in", "x.png", draw(1))
    for label in ("human", "ai"):
        labels = put(tmp_path, "labels.csv", f"path,label\nx.png,{label}\n".encode())
        run(tmp_path / "in", tmp_path / "out", labels=labels)
        assert rows(tmp_path / "out")["x.png"]["label"] == label


def test_uniform_copies_of_own_files(tmp_path):
    put(tmp_path / "in", "human/large.png", draw(1, (500, 400)))
    put(tmp_path / "in", "human/small.png", draw(2, (100, 100)))
    run(tmp_path / "in", tmp_path / "out", as_uniform=True)
    assert rows(tmp_path / "out")["human/large.png"]["height"] == "352"
    assert "at least 224 px" in rejected(tmp_path / "out")["human/small.png"]
