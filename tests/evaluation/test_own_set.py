import zipfile

import numpy as np
import pytest

from core.archives import ArchiveLimits
from core.detectors.store import load_detector
from core.errors import EvaluationError, UnreadableFileError
from core.evaluation.own_set import read_own, score_own
from tests.archives import encrypt


@pytest.fixture
def detector(tiny_model):
    return load_detector(str(tiny_model))


@pytest.fixture
def own(tmp_path, drawings):
    root = tmp_path / "mine"
    for number, inside in enumerate(("human/a.png", "human/me/b.png", "ai/flux/c.png", "ai/d.png")):
        path = root / inside
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(drawings.file(drawings.painting((80, 60), number)))
    (root / "ai" / "notes.txt").write_text("no picture")
    (root / "readme.txt").write_text("lies in neither folder")
    return root


def zipped(root, place):
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(root.rglob("*")):
            archive.write(path, path.relative_to(root).as_posix())
    return place


def test_a_folder_is_judged_and_what_cannot_be_read_is_listed(own, detector):
    told = []
    result = score_own(own, {"light": detector}, lambda done, total: told.append((done, total)))
    images = result.joined.images
    assert images["path"].tolist() == ["ai/d.png", "ai/flux/c.png", "human/a.png", "human/me/b.png"]
    assert images["label"].tolist() == ["ai", "ai", "human", "human"]
    assert images["family"].tolist() == ["unknown", "flux", "", ""]
    assert result.refused["path"].tolist() == ["ai/notes.txt"]
    assert "not a picture" in result.refused["reason"][0]
    assert told[-1] == (5, 5)
    assert result.joined.title == "your images in mine (2 human, 2 AI)"


def test_a_zip_gives_what_the_folder_gives(own, detector, tmp_path):
    from_folder = score_own(own, {"light": detector}).joined
    from_zip = score_own(zipped(own, tmp_path / "mine.zip"), {"light": detector}).joined
    assert from_zip.images.equals(from_folder.images)
    np.testing.assert_allclose(from_zip.p_ai, from_folder.p_ai, atol=1e-5)


def test_what_programs_leave_behind_is_no_image_and_no_folder_around_the_set(own, detector, tmp_path):
    plain = score_own(own, {"light": detector})
    around = tmp_path / "around"
    around.mkdir()
    own.rename(around / "mine")
    for inside in (
        ".cache/x",
        "@eaDir/x",
        "__MACOSX/mine/human/a.png",
        "mine/human/.DS_Store",
        "mine/ai/Thumbs.db",
    ):
        (around / inside).parent.mkdir(parents=True, exist_ok=True)
        (around / inside).write_bytes(b"x")
    for place in (around, zipped(around, tmp_path / "around.zip")):
        result = score_own(place, {"light": detector})
        assert result.joined.images["sha256"].equals(plain.joined.images["sha256"])
        assert result.refused["path"].tolist() == ["mine/ai/notes.txt"]


def test_one_folder_around_human_and_ai_does_not_matter(own, detector, tmp_path):
    plain = score_own(own, {"light": detector}).joined
    wrapper = tmp_path / "wrapper"
    wrapper.mkdir()
    own.rename(wrapper / "mine")
    for place in (wrapper, zipped(wrapper, tmp_path / "wrapped.zip")):
        wrapped = score_own(place, {"light": detector}).joined
        assert wrapped.images.drop(columns="path").equals(plain.images.drop(columns="path"))
        assert all(path.startswith("mine/") for path in wrapped.images["path"])


def test_the_same_file_twice_counts_once_and_a_contradiction_is_refused(own, detector):
    (own / "human" / "again.png").write_bytes((own / "human" / "a.png").read_bytes())
    result = score_own(own, {"light": detector})
    assert len(result.joined.images) == 4
    assert "same file" in result.refused["reason"].str.cat()
    (own / "ai" / "again.png").write_bytes((own / "human" / "a.png").read_bytes())
    with pytest.raises(EvaluationError, match="keep it in one of the two folders"):
        score_own(own, {"light": detector})


def test_a_contradiction_is_told_before_any_image_is_judged(own, detector, monkeypatch):
    (own / "human" / "notes.txt").write_bytes((own / "ai" / "notes.txt").read_bytes())
    assert len(score_own(own, {"light": detector}).joined.images) == 4, "what is no image contradicts nothing"
    (own / "human" / "z.png").write_bytes((own / "ai" / "d.png").read_bytes())
    monkeypatch.setattr(detector, "predict", lambda _: pytest.fail("an image was judged"))
    with pytest.raises(EvaluationError, match=r"human/z.png in mine is the same file as ai/d.png"):
        score_own(own, {"light": detector})


def test_links_are_not_followed(own, detector, tmp_path):
    (tmp_path / "secret.png").write_bytes((own / "human" / "a.png").read_bytes())
    (own / "human" / "link.png").symlink_to(tmp_path / "secret.png")
    assert "links are not followed" in score_own(own, {"light": detector}).refused["reason"].str.cat()


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (ArchiveLimits(max_members=2), "over the limit of 2: split"),
        (ArchiveLimits(max_unpacked=100), r"unpacks to .* GB, over the limit"),
        (ArchiveLimits(max_ratio=0), "times its own size, over the limit"),
    ],
)
def test_a_zip_over_a_limit_is_refused(own, detector, tmp_path, limits, message):
    with pytest.raises(EvaluationError, match=message):
        score_own(zipped(own, tmp_path / "mine.zip"), {"light": detector}, limits=limits)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../human/x.png", "leads out"),
        ("/human/x.png", "absolute path"),
    ],
)
def test_a_zip_with_a_dangerous_member_is_refused(detector, tmp_path, name, message):
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr(name, b"x")
    with pytest.raises(EvaluationError, match=message):
        score_own(tmp_path / "bad.zip", {"light": detector})


def test_a_member_that_cannot_be_unpacked_does_not_stop_the_others(own, detector, tmp_path):
    place = zipped(own, tmp_path / "mine.zip")
    encrypt(place, "ai/d.png")
    result = score_own(place, {"light": detector})
    assert len(result.joined.images) == 3
    refused = dict(result.refused.itertuples(index=False))
    assert "'mine.zip/ai/d.png' is encrypted" in refused["ai/d.png"]
    with pytest.raises(UnreadableFileError, match="is encrypted"):
        read_own(place, "ai/d.png")
    assert read_own(place, "human/a.png") == (own / "human" / "a.png").read_bytes()


def test_an_archive_in_a_zip_does_not_stop_the_others(own, detector, tmp_path):
    (own / "human" / "hidden.png").write_bytes(b"PK\x03\x04 and more")
    (own / "human" / "more.zip").write_bytes(b"PK\x03\x04 and more")
    result = score_own(zipped(own, tmp_path / "mine.zip"), {"light": detector})
    assert len(result.joined.images) == 4
    refused = dict(result.refused.itertuples(index=False))
    assert "is a zip archive" in refused["human/hidden.png"]
    assert "is an archive in an archive" in refused["human/more.zip"]


def test_what_is_no_labelled_set_is_refused(detector, tmp_path):
    with pytest.raises(EvaluationError, match="no files in a folder human or ai"):
        score_own(tmp_path, {"light": detector})
    (tmp_path / "x.zip").write_bytes(b"no zip")
    with pytest.raises(EvaluationError, match=r"x\.zip cannot be read as a zip archive"):
        score_own(tmp_path / "x.zip", {"light": detector})
