from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard.review_desk import CAPACITY, KEY, Refused, Reviewed

APP = Path(__file__).resolve().parents[2] / "dashboard" / "app.py"


@pytest.fixture
def app(tiny_model, monkeypatch):
    monkeypatch.setenv("VERSO_MODELS", str(tiny_model.parent))
    monkeypatch.setattr("core.detectors.store.DEFAULT_MODEL", "tiny")
    st.cache_resource.clear()
    yield AppTest.from_file(str(APP), default_timeout=60).run()
    st.cache_resource.clear()


def drop(app: AppTest, *files: tuple[str, bytes]) -> AppTest:
    app.file_uploader[0].set_value([(name, data, "image/png") for name, data in files]).run()
    return app


def text_of(app: AppTest) -> str:
    return " ".join(each.value for each in [*app.markdown, *app.subheader, *app.error, *app.warning])


def test_the_empty_desk_says_what_will_happen(app):
    assert not app.exception
    assert "You decide" in text_of(app)


def test_good_files_are_judged_and_a_bad_one_says_why(app, drawings):
    picture = drawings.file(drawings.painting((80, 60), 1))
    other = drawings.file(drawings.painting((64, 64), 2), "JPEG")
    drop(app, ("one.png", picture), ("cut.jpg", other[:300]), ("two.jpg", other))
    assert not app.exception
    items = app.session_state[KEY].items
    assert [type(item) for item in items] == [Reviewed, Refused, Reviewed]
    assert [item.name for item in items] == ["two.jpg", "cut.jpg", "one.png"]
    assert len(app.error) == 1
    assert "truncated" in app.error[0].value
    assert len(app.segmented_control) == len(app.slider) == 2


def test_no_upload_stays_in_memory_once_judged(app, drawings):
    drop(app, ("one.png", drawings.file(drawings.painting((80, 60), 1))))
    desk = app.session_state[KEY]
    assert desk.waiting == []
    assert not app.file_uploader[0].value
    kept = [value for value in vars(desk.items[0]).values() if isinstance(value, bytes)]
    assert kept == []


def test_the_same_file_lies_on_the_desk_once(app, drawings):
    data = drawings.file(drawings.painting((80, 60), 1))
    drop(app, ("one.png", data))
    drop(app, ("again.png", data))
    assert [item.name for item in app.session_state[KEY].items] == ["again.png"]


def test_an_item_can_be_taken_off(app, drawings):
    drop(app, ("one.png", drawings.file(drawings.painting((80, 60), 1))))
    app.button[0].click().run()
    assert app.session_state[KEY].items == []
    assert "You decide" in text_of(app)


def test_more_files_than_fit_are_counted_not_lost_in_silence(app):
    bad = [(f"{number}.png", b"no picture %d" % number) for number in range(CAPACITY + 3)]
    drop(app, *bad)
    assert len(app.session_state[KEY].items) == CAPACITY
    assert "3 of the files were left out" in text_of(app)


def test_a_name_cannot_smuggle_markup_into_the_page(app, drawings):
    drop(app, ("<b>*x*</b>[y](z).png", drawings.file(drawings.painting((80, 60), 1))))
    assert app.subheader[0].value == r"\<b\>\*x\*\<\/b\>\[y\]\(z\)\.png"


def test_switching_the_class_changes_the_caption(app, drawings):
    drop(app, ("one.png", drawings.file(drawings.painting((80, 60), 1))))
    control = app.segmented_control[0]
    other = "human" if control.value == "ai" else "ai"
    control.set_value(other).run()
    assert not app.exception
    assert app.session_state[f"target-{app.session_state[KEY].items[0].id}"] == other


def test_a_missing_model_is_a_sentence(app, monkeypatch, tmp_path):
    monkeypatch.setenv("VERSO_MODELS", str(tmp_path))
    st.cache_resource.clear()
    app.run()
    assert not app.exception
    assert "There is no model" in app.error[0].value.replace("\\", "")
