"""The analyst's own images: what is kept of a dropped zip, and when a place is judged anew."""

import errno
import os
import shutil
from functools import partial
from io import BytesIO
from types import SimpleNamespace

import pytest
from streamlit import runtime

from core.errors import EvaluationError, ImageError
from dashboard import own_images
from dashboard.comparison_pictures import named_bytes, small
from dashboard.own_images import Scoring, forget, keep_upload, path_of, scoring
from dashboard.upload_folder import upload_folder
from tests.dashboard.test_compare import corpus, trained  # noqa: F401  (fixtures)

MODELS = ["tiny"]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("mine.zip", "mine.zip"),
        ("画" * 100 + ".zip", "画" * 65 + ".zip"),
        ("../../etc/x.zip", "x.zip"),
        ("C:\\works\\x.zip", "x.zip"),
        ("a\0\nb.zip", "a\ufffd\ufffdb.zip"),
        ("..", "images.zip"),
        ("", "images.zip"),
    ],
)
def test_a_zip_of_any_name_is_kept_once(name, kept):
    place = keep_upload(BytesIO(b"a zip"), name)
    assert keep_upload(BytesIO(b"a zip"), "another.zip") == place
    assert path_of(place).name == kept
    assert path_of(place).read_bytes() == b"a zip"
    assert len(list(path_of(place).parent.iterdir())) == 1


def test_a_zip_that_cannot_be_written_is_a_sentence_and_can_be_dropped_again(monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfileobj", full)
        with pytest.raises(EvaluationError, match=r"No space left on device.*drop it again"):
            keep_upload(BytesIO(b"large"), "large.zip")
    assert list(upload_folder().path.glob("*.part")) == []
    assert path_of(keep_upload(BytesIO(b"large"), "large.zip")).read_bytes() == b"large"


def test_another_session_sees_a_zip_only_when_it_is_whole(monkeypatch):
    place = f"upload:{own_images.hashlib.sha256(b'whole').hexdigest()}"
    copy = shutil.copyfileobj

    def in_the_middle(read, written):
        written.write(b"wh")
        with pytest.raises(EvaluationError, match="drop it again"):
            path_of(place)
        with monkeypatch.context() as patch:
            patch.setattr(shutil, "copyfileobj", copy)
            assert path_of(keep_upload(BytesIO(b"whole"), "whole.zip")).read_bytes() == b"whole"
        written.seek(0)
        copy(read, written)

    monkeypatch.setattr(shutil, "copyfileobj", in_the_middle)
    assert keep_upload(BytesIO(b"whole"), "whole.zip") == place
    assert path_of(place).read_bytes() == b"whole"


@pytest.fixture
def works(tmp_path, drawings, monkeypatch, trained):  # noqa: F811, ARG001
    """A folder of the server with one work by a person."""
    folder = tmp_path / "works"
    (folder / "human").mkdir(parents=True)
    (folder / "human" / "0.png").write_bytes(drawings.file(drawings.painting(seed=0)))
    monkeypatch.setenv("VERSO_AUDIT_ROOTS", str(folder))
    return folder


def judged(folder):
    return scoring(str(folder), MODELS).outcome().joined.images


def test_a_folder_is_judged_once_and_anew_when_a_file_is_added_changed_or_taken_away(works, drawings):
    assert len(judged(works)) == 1
    assert scoring(str(works), MODELS) is scoring(str(works), MODELS)
    (works / "ai" / "flux").mkdir(parents=True)
    (works / "ai" / "flux" / "1.png").write_bytes(drawings.file(drawings.painting(seed=1)))
    before = judged(works)
    assert before["label"].tolist() == ["ai", "human"]
    (works / "human" / "0.png").write_bytes(drawings.file(drawings.painting(seed=2)))
    assert set(judged(works)["sha256"]) - set(before["sha256"])
    (works / "human" / "0.png").unlink()
    assert judged(works)["label"].tolist() == ["ai"]


def test_a_folder_that_could_not_be_judged_is_judged_when_it_is_mended(works):
    picture = (works / "human" / "0.png").read_bytes()
    (works / "human" / "0.png").write_bytes(b"cut")
    with pytest.raises(EvaluationError, match="None of the 1 files"):
        judged(works)
    (works / "human" / "0.png").write_bytes(picture)
    assert len(judged(works)) == 1


def test_a_file_changed_since_it_was_judged_is_not_shown(works, drawings):
    row = judged(works).iloc[0]
    name, data = named_bytes(row["sha256"], str(works), row["path"])
    assert (name, own_images.hashlib.sha256(data).hexdigest()) == ("0.png", row["sha256"])
    (works / "human" / "0.png").write_bytes(drawings.file(drawings.painting(seed=2)))
    for read in (named_bytes, partial(small, max_side=64)):
        with pytest.raises(ImageError, match=r"'human/0\.png' was changed since it was judged"):
            read(row["sha256"], str(works), row["path"])


def test_work_that_is_forgotten_is_done_again(works):
    first = scoring(str(works), MODELS)
    forget(first)
    assert scoring(str(works), MODELS) is not first


@pytest.mark.parametrize("state", [runtime.RuntimeState.STOPPING, runtime.RuntimeState.STOPPED])
def test_work_does_not_outlast_the_server(works, monkeypatch, state):
    with monkeypatch.context() as patch:
        patch.setattr(runtime, "exists", lambda: True)
        patch.setattr(runtime, "get_instance", lambda: SimpleNamespace(state=state))
        with pytest.raises(EvaluationError, match="being stopped"):
            Scoring().run(works, MODELS)
