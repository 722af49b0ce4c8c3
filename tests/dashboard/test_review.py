import io
import re
import shutil
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import streamlit as st
from PIL.PngImagePlugin import PngInfo
from pypdf import PdfReader
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from streamlit.testing.v1 import AppTest

from core.audit.store.database import open_database
from core.audit.store.records import Choice
from core.detectors import encoder as encoder_module
from core.detectors import store
from core.detectors.card import Interval, Weights, read_card, write_card
from core.detectors.classical import save_pipeline
from core.detectors.encoder_weights import read_weights
from core.detectors.preprocessing import Preprocessing
from core.errors import StoreError
from core.evaluation.base_rate import worth
from core.provenance.evidence import Evidence, Kind, Says, Trust
from core.review.maps import shows
from core.review.rulings import Rulings
from core.wording import written
from dashboard import review_desk
from dashboard.parts import review_ruling
from dashboard.parts.model_choice import KEY as MODEL
from dashboard.parts.review_ruling import ALL
from dashboard.parts.ruling_panel import NAME
from dashboard.parts.saliency_view import Chosen
from dashboard.parts.share_choice import PARAMETER as GENERATED
from dashboard.review_desk import CAPACITY, KEY, Refused, Reviewed, told_of_map
from dashboard.review_rulings import report_of, rule_unless_another_did
from tests.cards import head_card, split_figures
from tests.encoders import SIDE, SIZE
from tests.provenance.test_generators import A1111

APP = Path(__file__).resolve().parents[2] / "dashboard" / "app.py"


@pytest.fixture
def app(tiny_model, monkeypatch):
    monkeypatch.setenv("VERSO_MODELS", str(tiny_model.parent))
    monkeypatch.setattr("core.detectors.store.DEFAULT_MODEL", "tiny")
    monkeypatch.setattr(review_ruling, "LOOK", 0.0)
    st.cache_resource.clear()
    yield AppTest.from_file(str(APP), default_timeout=60).run()
    st.cache_resource.clear()


def drop(app: AppTest, *files: tuple[str, bytes]) -> AppTest:
    app.file_uploader[0].set_value([(name, data, "image/png") for name, data in files]).run()
    return app


def text_of(app: AppTest) -> str:
    return " ".join(
        each.value for each in [*app.markdown, *app.subheader, *app.error, *app.warning, *app.info]
    )


def test_the_places_modules_are_looked_for_in_do_not_grow_with_every_run(app):
    before = list(sys.path)
    app.run()
    assert sys.path == before


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
    assert len(app.segmented_control) == 2 * len(app.slider) == 4


def test_what_a_file_says_of_itself_stands_beside_the_verdict(app, drawings):
    words = PngInfo()
    words.add_text("parameters", A1111.replace("a heron", "<b>a heron"))
    drop(app, ("made.png", drawings.file(drawings.painting((80, 60), 1), pnginfo=words)))
    (shown,) = (each.proto.body for each in app.get("html") if "evidence" in each.proto.body)
    assert "Settings as AUTOMATIC1111 writes them" in shown
    assert "&lt;b&gt;a heron" in shown
    told = " ".join(each.value for each in app.caption)
    assert "does not take it into account" in told
    assert "it is a claim that anyone can write" in told
    assert "strong hint" not in told


@pytest.mark.parametrize(
    ("trust", "strong"), [(Trust.INTACT, True), (Trust.BROKEN, False), (Trust.CLAIM, False)]
)
def test_only_a_signature_that_fits_makes_a_strong_hint(app, drawings, monkeypatch, trust, strong):
    claim = Evidence(Kind.GENERATOR, "PNG, chunk parameters", "Made by a generator.", "generator", Says.AI)
    signed = Evidence(Kind.CREDENTIALS, "C2PA", "Made by a generator.", "generator", Says.AI, trust)
    monkeypatch.setattr(review_desk, "evidence_of", lambda *_: (claim, signed))
    drop(app, ("made.png", drawings.file(drawings.painting((80, 60), 1))))
    assert ("strong hint" in " ".join(each.value for each in app.caption)) is strong


def test_a_file_that_says_nothing_is_no_finding(app, drawings):
    drop(app, ("plain.png", drawings.file(drawings.painting((80, 60), 1))))
    assert "That means nothing" in " ".join(each.value for each in app.caption)


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
    assert r"again\.png** has the same bytes as **one\.png" in text_of(app)


def test_what_a_verdict_is_worth_follows_the_share_of_generated_works_expected(app, drawings):
    drop(app, ("one.png", drawings.file(drawings.painting((80, 60), 1))))
    verdict = app.session_state[KEY].items[0].verdict
    assert "Where 50 % of all works are generated" in text_of(app)
    assert worth(verdict, app.session_state[KEY].items[0].card, 0.5) in text_of(app)
    app.select_slider(GENERATED).set_value(5).run()
    said = worth(verdict, app.session_state[KEY].items[0].card, 0.05)
    assert f"Where 5 % of all works are generated:** {said}" in text_of(app)
    assert app.session_state[KEY].items[0].verdict == verdict


def test_no_upload_is_lost_where_a_click_starts_the_page_anew(tiny_model, drawings, monkeypatch):
    """Streamlit lets the run before go on for a while: both examine the file that waits first."""
    together, judge = threading.Barrier(2), review_desk.judge

    def judged(*given):
        together.wait(timeout=30)
        return judge(*given)

    detector = store.load_detector(str(tiny_model))
    laid = review_desk.Desk()
    laid.receive((f"{seed}.png", drawings.file(drawings.painting((80, 60), seed))) for seed in (1, 2, 3))
    monkeypatch.setattr(review_desk, "judge", judged)
    with ThreadPoolExecutor(2) as pool:
        for run in [pool.submit(laid.examine_next, "tiny", detector) for _ in range(2)]:
            run.result()
    assert [item.name for item in laid.items] == ["1.png"]
    assert [name for name, _ in laid.waiting] == ["2.png", "3.png"]


def test_a_ruling_that_cannot_be_kept_is_told_beside_its_picture(app, drawings, monkeypatch):
    drop(app, *((f"{seed}.png", drawings.file(drawings.painting((80, 60), seed))) for seed in (1, 2)))

    def fails(*_, **__):
        raise StoreError("The database is full.")

    monkeypatch.setattr(Rulings, "add", fails)
    app.text_input(NAME).set_value("Ann").run()
    for item in app.session_state[KEY].items:
        next(each for each in app.button if (each.key or "").startswith(f"review-U-{item.id}")).click().run()
        assert [error.value for error in app.error] == [r"The database is full\."]


def labelled(app: AppTest, label: str):
    return next(button for button in app.button if button.label == label)


def test_a_ruling_needs_a_name_is_kept_and_stands_beside_the_picture_again(app, drawings):
    data = drawings.file(drawings.painting((80, 60), 1))
    drop(app, ("one.png", data))
    assert labelled(app, "Override").disabled
    app.text_input(NAME).set_value("Ann").run()
    item = app.session_state[KEY].items[0]
    app.text_input(f"review-note-{item.id}").set_value("seen the *sketch*").run()
    labelled(app, "Override").click().run()
    assert not app.exception
    assert re.search(r"\*\*Override: generated\*\*, [0-9: -]+ UTC, by Ann", text_of(app))
    assert app.text_input(f"review-note-{item.id}").value == ""
    later = AppTest.from_file(str(APP), default_timeout=60).run()
    drop(later, ("renamed.png", data))
    assert r"seen the \*sketch\*" in text_of(later)
    (listed,) = (each for each in later.expander if each.label == "All rulings made here")
    later.session_state[ALL] = True
    later.run()
    assert "1 ruling" in [each.value for each in later.caption]
    assert later.dataframe[0].proto.alt == "One row a ruling made in Review, the newest first"
    (row,) = later.dataframe[0].value.to_dict("records")
    assert (row["ruling"], row["ruled by"], row["picture"]) == ("override", "Ann", "one.png")
    assert re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}", row["ruled at (UTC)"])
    assert not [heading for heading in row if "_" in heading]
    Rulings(open_database()).add(item.subject, Choice.UNSURE, name="Bob")
    (longer,) = (each for each in later.run().expander if each.label == listed.label)
    assert longer.proto.id == listed.proto.id, "it stays open when a ruling is added"


def test_a_note_not_ruled_with_is_there_after_another_page(app, drawings):
    drop(app, ("one.png", drawings.file(drawings.painting((80, 60), 1))))
    app.text_input(NAME).set_value("Ann").run()
    note = f"review-note-{app.session_state[KEY].items[0].id}"
    app.text_input(note).set_value("seen the sketch").run()
    app.switch_page("app_pages/models.py").run()
    app.switch_page("app_pages/review.py").run()
    assert app.text_input(note).value == "seen the sketch"
    labelled(app, "Unsure").click().run()
    assert not app.exception
    assert app.text_input(note).value == ""
    assert "seen the sketch" in text_of(app)
    app.switch_page("app_pages/models.py").run()
    app.switch_page("app_pages/review.py").run()
    assert app.text_input(note).value == ""


def test_a_double_click_rules_once(app, drawings, monkeypatch):
    drop(app, ("one.png", drawings.file(drawings.painting((80, 60), 1))))
    app.text_input(NAME).set_value("Ann").run()
    item = app.session_state[KEY].items[0]
    labelled(app, "Unsure").click().run()
    monkeypatch.setattr(review_ruling, "LOOK", 3600.0)
    labelled(app, "Unsure").click().run()
    assert "before the verdict and the rulings that stand here could be read" in app.error[0].value
    assert len(Rulings(open_database()).of(item.id)) == 1
    monkeypatch.setattr(review_ruling, "LOOK", 0.0)
    labelled(app, "Unsure").click().run()
    assert not app.error
    assert len(Rulings(open_database()).of(item.id)) == 2


def test_a_ruling_made_meanwhile_is_shown_before_another_is_added(app, drawings):
    drop(app, ("one.png", drawings.file(drawings.painting((80, 60), 1))))
    app.text_input(NAME).set_value("Ann").run()
    item, kept = app.session_state[KEY].items[0], Rulings(open_database())
    kept.add(item.subject, Choice.UNSURE, name="Bob")
    labelled(app, "Override").click().run()
    assert "another ruling on this picture came first" in app.error[0].value
    assert "by Bob" in text_of(app)
    labelled(app, "Override").click().run()
    assert [each.ruled_by for each in kept.of(item.id)] == ["Bob", "Ann"]


def test_of_two_rulings_at_one_time_one_is_kept(app, drawings, monkeypatch):
    drop(app, ("one.png", drawings.file(drawings.painting((80, 60), 1))))
    (item,) = app.session_state[KEY].items
    found = Rulings.of

    def slowly(*given):
        known = found(*given)
        time.sleep(0.3)
        return known

    def rule(_):
        return rule_unless_another_did(item.subject, Choice.UNSURE, name="Ann", note="", earlier=0)

    with monkeypatch.context() as patched, ThreadPoolExecutor(2) as pool:
        patched.setattr(Rulings, "of", slowly)
        assert sorted(pool.map(rule, range(2))) == [False, True]
    assert len(Rulings(open_database()).of(item.id)) == 1


def test_where_rulings_cannot_be_kept_the_picture_is_still_judged(app, drawings, tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    monkeypatch.setenv("VERSO_DATABASE_URL", f"sqlite:///{tmp_path / 'folder'}")
    st.cache_resource.clear()
    drop(app, ("one.png", drawings.file(drawings.painting((80, 60), 1))))
    assert isinstance(app.session_state[KEY].items[0], Reviewed)
    assert "database of audits" in app.error[0].value


def printed(report: bytes) -> str:
    return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(report)).pages).split())


def test_the_report_holds_the_rulings_made_until_it_is_asked_for(app, drawings):
    drop(app, ("one.png", drawings.file(drawings.painting((80, 60), 1))))
    item = app.session_state[KEY].items[0]
    Rulings(open_database()).add(item.subject, Choice.UNSURE, name="Bob", note="odd light")
    text = printed(report_of(item, Chosen("grad-cam", item.leaning), 0.5))
    assert "one.png" in text
    assert "odd light" in text


def test_why_a_report_could_not_be_made_stands_beside_its_picture(app, drawings, monkeypatch):
    made = []
    monkeypatch.setattr(
        "streamlit.runtime.media_file_manager.MediaFileManager.add_deferred",
        lambda _, make, *__, **___: made.append(make) or "file",
    )
    drop(app, ("one.png", drawings.file(drawings.painting((80, 60), 1))))
    with monkeypatch.context() as patched:
        patched.setattr(Rulings, "of", lambda *_: (_ for _ in ()).throw(StoreError("It is locked.")))
        with pytest.raises(StoreError):
            made[-1]()
    assert [each.value for each in app.run().error] == [r"The report was not made\. It is locked\."]
    assert made[-1]().startswith(b"%PDF")
    assert not app.run().error


def test_several_pictures_stand_in_a_table_and_can_be_cleared(app, drawings):
    picture = drawings.file(drawings.painting((80, 60), 1))
    drop(app, ("one.png", picture))
    assert not app.dataframe
    drop(app, ("two.png", drawings.file(drawings.painting((80, 60), 2))), ("cut.png", picture[:90]))
    rows = app.dataframe[0].value
    assert rows["picture"].tolist() == ["cut.png", "two.png", "one.png"]
    assert rows["verdict"].tolist()[0] == "not readable"
    assert rows["probability of AI"].isna().tolist() == [True, False, False]
    shown = pa.ipc.open_stream(app.dataframe[0].proto.arrow_data.styler.display_values).read_all().to_pandas()
    verdicts = [item.verdict for item in app.session_state[KEY].items[1:]]
    assert shown["probability of AI"].tolist()[1:] == [written(verdict).p_ai for verdict in verdicts]
    assert rows["probability of AI"].tolist()[1:] == [verdict.p_ai for verdict in verdicts]
    labelled(app, "Clear the desk").click().run()
    assert app.session_state[KEY].items == []
    assert "You decide" in text_of(app)
    labelled(app, "Put them back").click().run()
    assert [item.name for item in app.session_state[KEY].items] == ["cut.png", "two.png", "one.png"]


def test_what_was_cleared_is_let_go_of_when_review_is_left(app, drawings):
    drop(app, *((f"{seed}.png", drawings.file(drawings.painting((80, 60), seed))) for seed in (1, 2)))
    labelled(app, "Clear the desk").click().run()
    assert len(app.session_state[KEY].cleared) == 2
    app.switch_page("app_pages/about.py").run()
    assert "can be put back until you drop another file or leave Review" in text_of(app)
    assert app.session_state[KEY].cleared == []
    app.switch_page("app_pages/review.py").run()
    assert "Put them back" not in [each.label for each in app.button]


def test_facts_say_what_was_done_to_the_picture(app, drawings):
    frames = [drawings.painting((80, 60), 2)]
    moving = drawings.file(drawings.painting((80, 60), 1), "GIF", save_all=True, append_images=frames)
    drop(app, ("moving.gif", moving))
    assert app.session_state[KEY].items[0].facts["Pictures in it"] == "several; only the first is judged"


def test_an_item_can_be_taken_off(app, drawings):
    drop(app, ("one.png", drawings.file(drawings.painting((80, 60), 1))))
    app.button[0].click().run()
    assert app.session_state[KEY].items == []
    assert "You decide" in text_of(app)


def test_an_item_that_is_judged_again_meanwhile_can_be_taken_off(app, drawings):
    drop(app, *((f"{seed}.png", drawings.file(drawings.painting((80, 60), seed))) for seed in (1, 2)))
    desk = app.session_state[KEY]
    drawn, other = desk.items
    desk.items, desk.stale = [replace(drawn), other], [drawn, other]
    desk.remove(drawn)
    assert (desk.items, desk.stale) == ([other], [other])


@pytest.mark.parametrize(
    ("more", "told"), [(1, "1 of the files was left out"), (3, "3 of the files were left out")]
)
def test_more_files_than_fit_are_counted_not_lost_in_silence(app, more, told):
    bad = [(f"{number}.png", b"no picture %d" % number) for number in range(CAPACITY + more)]
    drop(app, *bad)
    assert len(app.session_state[KEY].items) == CAPACITY
    assert told in text_of(app)


def test_a_name_cannot_smuggle_markup_into_the_page(app, drawings):
    drop(app, ("<b>*x*</b>[y](z).png", drawings.file(drawings.painting((80, 60), 1))))
    assert app.subheader[0].value == r"\<b\>\*x\*\<\/b\>\[y\]\(z\)\.png"


def test_a_part_that_was_not_looked_at_stands_beside_the_verdict(app, drawings):
    drop(app, ("square.png", drawings.file(drawings.painting((80, 80), 1))))
    assert "Not looked at" not in text_of(app)
    drop(app, ("strip.png", drawings.file(drawings.painting((400, 80), 1))))
    assert "**Not looked at:** 56 % of the picture" in text_of(app)


def test_about_says_what_the_model_leaves_out(app):
    app.switch_page(str(APP.parent / "app_pages" / "about.py")).run()
    assert not app.exception
    assert "does not look at the rest: 56 % of one of 5 : 1. Review tells it" in text_of(app)


def test_about_promises_no_more_ranges_than_there_are(app):
    app.switch_page(str(APP.parent / "app_pages" / "about.py")).run()
    assert "every figure" not in text_of(app)
    assert "states the error rates of a model with their 95 % ranges" in text_of(app)
    assert re.search(r"of human works AI\*\*.* In brackets 95 % ranges\.", text_of(app))


def test_switching_the_class_changes_the_caption(app, drawings):
    drop(app, ("one.png", drawings.file(drawings.painting((80, 60), 1))))
    (item,) = app.session_state[KEY].items
    control = app.segmented_control[1]
    other = "human" if control.value == "ai" else "ai"
    mine, others = (told_of_map(item, "grad-cam", item.saliency[target]) for target in (control.value, other))
    assert mine != others
    assert mine in captions(app)
    control.set_value(other).run()
    assert not app.exception
    assert others in captions(app)
    assert mine not in captions(app)


def test_a_missing_model_is_a_sentence(app, monkeypatch, tmp_path):
    monkeypatch.setenv("VERSO_MODELS", str(tmp_path))
    st.cache_resource.clear()
    app.run()
    assert not app.exception
    assert "No model can judge" in app.error[0].value


def write_head(folder, encoder_file, family, judge):
    """Write a model that judges embeddings of the tiny encoder, fitted on random numbers."""
    chance = np.random.default_rng(0)
    pipeline = Pipeline([("standardise", StandardScaler()), ("judge", judge)])
    pipeline.fit(chance.normal(size=(40, SIZE)).astype(np.float32), np.arange(40) % 2)
    folder.mkdir()
    card = head_card(
        folder.name,
        family=family,
        encoder=read_weights(encoder_file, pinned=False)[1],
        preprocessing=Preprocessing(uniform_side=48, short_side=SIDE, window=SIDE),
        weights=Weights(file="pipeline.skops", sha256=save_pipeline(pipeline, folder)),
    )
    write_card(card, folder)


@pytest.fixture
def shelf(tiny_model, encoder_file, tmp_path, monkeypatch):
    """A ResNet-18 (the default), a logistic regression and a tree on embeddings, and a head without weights."""
    models = tmp_path / "models"
    shutil.copytree(tiny_model, models / "tiny")
    write_head(models / "linear", encoder_file, "logistic-regression", LogisticRegression())
    write_head(models / "tree", encoder_file, "decision-tree", DecisionTreeClassifier())
    write_card(head_card("absent"), tmp_path)
    (models / "absent").mkdir()
    shutil.move(tmp_path / "card.toml", models / "absent")
    monkeypatch.setenv("VERSO_MODELS", str(models))
    monkeypatch.setenv("VERSO_ENCODER", str(encoder_file))
    monkeypatch.setattr("core.detectors.store.DEFAULT_MODEL", "tiny")
    monkeypatch.setattr(encoder_module, "REFERENCE_COSINE", -1)  # the tiny encoder is not the reference
    encoder_module._shared.cache_clear()
    st.cache_resource.clear()
    yield models
    st.cache_resource.clear()


def opened(**address: str) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=60)
    for name, value in address.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def said(app: AppTest) -> str:
    return " ".join(each.value for each in [*app.warning, *app.info, *app.error, *app.markdown]).replace(
        "\\", ""
    )


@pytest.mark.usefixtures("shelf")
def test_the_default_model_is_chosen_and_those_that_cannot_judge_say_why():
    app = opened()
    assert app.selectbox(MODEL).value == "tiny"
    assert [option.split(" ")[0] for option in app.selectbox(MODEL).options] == ["tiny", "linear", "tree"]
    assert "absent: its weights pipeline.skops are not shipped" in said(app).replace("*", "")
    folder = store.models_folder() / "absent"
    shown = " ".join(each.value for each in app.markdown)
    assert f"`python -m core train embedding-svm --corpus MANIFEST --output {folder}`" in shown
    assert not app.warning


def with_figures(folder, auc, coverage):
    """Write figures on ood into a model's card."""
    card = read_card(folder)
    figures = split_figures(0.0).figures | {
        "auc": Interval(value=auc, low=auc, high=auc),
        "coverage": Interval(value=coverage, low=coverage, high=coverage),
    }
    unseen = split_figures().model_copy(update={"figures": figures})
    write_card(card.model_copy(update={"splits": {"ood": unseen}}), folder)


def test_models_stand_by_what_was_measured_and_one_that_decides_nothing_says_so(shelf):
    with_figures(shelf / "tree", 0.9, 0.0)
    with_figures(shelf / "linear", 0.8, 0.5)
    app = opened(model="tree")
    first, *others = app.selectbox(MODEL).options
    assert first.startswith("tiny · default")
    assert others == [
        "tree · decision-tree · decides nothing · ood AUC 0.900",
        "linear · logistic-regression · ood AUC 0.800",
    ]
    assert "tree decides nothing" in said(app).replace("*", "")
    app.selectbox(MODEL).set_value("linear").run()
    assert not app.warning


@pytest.mark.usefixtures("shelf")
def test_another_model_judges_what_is_dropped_from_then_on(drawings):
    app = opened()
    drop(app, ("one.png", drawings.file(drawings.painting((80, 60), 1))))
    app.selectbox(MODEL).set_value("linear").run()
    assert app.query_params["model"] in ("linear", ["linear"])
    drop(app, ("two.png", drawings.file(drawings.painting((80, 60), 2))))
    assert not app.exception
    items = app.session_state[KEY].items
    assert [(item.verdict.model, item.card.name) for item in items] == [
        ("linear", "linear"),
        ("tiny", "tiny"),
    ]
    assert all(set(item.saliency) == {"human", "ai"} for item in items)
    assert len(app.info) == 0


@pytest.mark.parametrize("decoded_side", [None, 48])
def test_the_desk_is_judged_again_by_another_model_when_asked(shelf, drawings, decoded_side):
    card = read_card(shelf / "tiny")
    fed = card.preprocessing.model_copy(update={"decoded_side": decoded_side})
    write_card(card.model_copy(update={"preprocessing": fed}), shelf / "tiny")
    app = opened()
    small, large = (
        drawings.file(drawings.painting((80, 60), 1)),
        drawings.file(drawings.painting((400, 300), 2)),
    )
    drop(app, ("small.png", small), ("large.png", large))
    app.selectbox(MODEL).set_value("linear").run()
    assert {item.verdict.model for item in app.session_state[KEY].items} == {"tiny"}
    labelled(app, "Judge again with linear").click().run()
    assert not app.exception
    again = {item.name: item for item in app.session_state[KEY].items}
    assert "Judge again with linear" not in [each.label for each in app.button]
    fresh = opened(model="linear")
    drop(fresh, ("small.png", small), ("large.png", large))
    for item in fresh.session_state[KEY].items:
        assert again[item.name].verdict.model == again[item.name].card.name == "linear"
        assert again[item.name].verdict.p_ai == pytest.approx(item.verdict.p_ai, abs=0.02)
    assert again["small.png"].verdict.p_ai == pytest.approx(
        next(item.verdict.p_ai for item in fresh.session_state[KEY].items if item.name == "small.png")
    )
    assert "Judged from" not in again["small.png"].facts
    assert again["large.png"].facts["Judged from"].startswith("a copy of 128 × 96 px")


def ruling_buttons(app: AppTest, image: str) -> set[str]:
    """The keys of the buttons that rule on a picture."""
    return {key for each in app.button if re.match(f"review-[A-Z]-{image}", key := each.key or "")}


def test_a_model_trained_anew_judges_what_is_dropped_next(shelf, drawings):
    app = opened()
    drop(app, ("one.png", drawings.file(drawings.painting((80, 60), 1))))
    before = read_card(shelf / "tiny")
    turned = before.calibration.model_copy(update={"slope": -before.calibration.slope})
    write_card(before.model_copy(update={"calibration": turned}), shelf / "tiny")
    drop(app, ("two.png", drawings.file(drawings.painting((80, 60), 2))))
    two, one = app.session_state[KEY].items
    assert (one.card.calibration, two.card.calibration) == (before.calibration, turned)
    buttons = ruling_buttons(app, one.id)
    labelled(app, "Judge again with tiny").click().run()
    assert [item.card.calibration for item in app.session_state[KEY].items] == [turned, turned]
    assert buttons
    assert not buttons & ruling_buttons(app, one.id), (
        "a click meant for the verdict before would rule on the new one"
    )


def test_the_map_takes_the_side_of_the_verdict_it_stands_beside(shelf, drawings):
    app, before = opened(), read_card(shelf / "tiny")
    for intercept, side in ((99.0, "ai"), (-99.0, "human")):
        moved = before.calibration.model_copy(update={"intercept": intercept})
        write_card(before.model_copy(update={"calibration": moved}), shelf / "tiny")
        if side == "ai":
            drop(app, ("one.png", drawings.file(drawings.painting((80, 60), 1))))
        else:
            labelled(app.run(), "Judge again with tiny").click().run()
        (item,) = app.session_state[KEY].items
        assert item.leaning == app.segmented_control[1].value == side


def test_a_picture_that_breaks_a_model_keeps_no_other_waiting(shelf, drawings, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError

    app = opened()
    with monkeypatch.context() as patched:
        patched.setattr("dashboard.review_desk.grad_cam", broken)
        app.file_uploader[0].set_value(
            [("one.png", drawings.file(drawings.painting((80, 60), 1)), "image/png")]
        ).run()
    assert app.exception
    app.run()
    assert not app.exception
    assert shelf.is_dir()
    drop(app, ("two.png", drawings.file(drawings.painting((80, 60), 2))))
    assert [item.name for item in app.session_state[KEY].items] == ["two.png"]


@pytest.mark.usefixtures("shelf")
def test_a_verdict_without_a_map_is_shown_with_the_reason(drawings):
    app = opened(model="tree")
    drop(app, ("one.png", drawings.file(drawings.painting((80, 60), 1))))
    assert not app.exception
    (item,) = app.session_state[KEY].items
    assert item.verdict.model == "tree"
    assert item.saliency == {}
    assert len(app.info) == 1
    assert "cannot show where it looked by Grad-CAM: it judges by a decision tree" in said(app)
    assert not app.error
    assert "verso-verdict" in "".join(str(each.proto) for each in app.get("html"))


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize("model", ["tiny", "tree"])
def test_occlusion_is_made_when_it_is_asked_for_whatever_the_model(drawings, model):
    app = opened(model=model)
    drop(app, ("one.png", drawings.file(drawings.painting((80, 60), 1))))
    (item,) = app.session_state[KEY].items
    assert item.hidden == {}
    app.segmented_control(f"method-{item.id}").set_value("occlusion").run()
    assert not app.exception
    assert not app.info
    made = app.session_state[KEY].items[0].hidden[item.leaning]
    app.slider[0].set_value(0.3).run()
    assert app.session_state[KEY].items[0].hidden == {item.leaning: made}
    assert shows("occlusion", made) in printed(report_of(item, Chosen("occlusion", item.leaning), 0.5))


@pytest.mark.usefixtures("shelf")
def test_occlusion_says_where_it_judged_a_smaller_copy(drawings):
    app = opened()
    drop(app, *((f"{width}.png", drawings.file(drawings.painting((width, 400), 1))) for width in (800, 500)))
    copied = {"800.png": True, "500.png": False}
    for item in app.session_state[KEY].items:
        assert "smaller copy" not in captions(app)
        app.segmented_control(f"method-{item.id}").set_value("occlusion").run()
        copy = "Made from a smaller copy of 768 × 384 px, not from the file."
        assert (copy in captions(app)) is copied[item.name]
        report = printed(report_of(item, Chosen("occlusion", item.leaning), 0.5))
        assert (copy in report) is copied[item.name]


def captions(app: AppTest) -> str:
    """What stands under the pictures of the page."""
    return " ".join(each.caption for image in app.get("image") for each in image.proto.imgs)


@pytest.mark.usefixtures("shelf")
def test_the_report_on_the_page_holds_the_map_that_was_chosen(drawings, monkeypatch):
    prepared = []
    monkeypatch.setattr("dashboard.parts.review_ruling.partial", lambda *call: prepared.append(call) or b"")
    app = opened()
    drop(app, ("one.png", drawings.file(drawings.painting((80, 60), 1))))
    (item,) = app.session_state[KEY].items
    app.segmented_control(f"method-{item.id}").set_value("occlusion").run()
    app.segmented_control(f"target-{item.id}-{item.leaning}").set_value("human").run()
    app.slider(f"opacity-{item.id}").set_value(0.25).run()
    assert not app.exception
    report, (shown, chosen, share) = prepared[-1][0], prepared[-1][1:]
    assert (shown.id, chosen, share) == (item.id, Chosen("occlusion", "human", 0.25), 0.5)
    assert "spoke more for human" in printed(report(shown, chosen, share))


def test_the_map_in_the_report_is_laid_over_as_on_the_page(app, drawings):
    drop(app, ("one.png", drawings.file(drawings.painting((80, 60), 1))))
    (item,) = app.session_state[KEY].items
    target = next(target for target, saliency in item.saliency.items() if not saliency.flat)

    def printed_map(opacity):
        report = report_of(item, Chosen("grad-cam", target, opacity), 0.5)
        assert f"Laid over with an opacity of {opacity * 100:.0f} %." in printed(report)
        picture, laid_over = PdfReader(io.BytesIO(report)).pages[0].images
        return np.abs(np.asarray(picture.image, float) - np.asarray(laid_over.image, float)).mean()

    assert printed_map(0.9) > 1.5 * printed_map(0.3) > 0


@pytest.mark.usefixtures("shelf")
def test_what_was_measured_of_the_maps_stands_under_their_choice(drawings):
    app = opened()
    drop(app, ("one.png", drawings.file(drawings.painting((80, 60), 1))))
    assert "was not measured" in " ".join(each.value for each in app.caption)


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize(
    ("asked", "reason"), [("absent", "are not shipped"), ("nobody", "there is no model of that name")]
)
def test_a_model_that_cannot_judge_is_replaced_and_named(asked, reason):
    app = opened(model=asked)
    assert app.selectbox(MODEL).value == "tiny"
    assert len(app.warning) == 1
    assert reason in said(app)
    assert "tiny judges instead" in said(app).replace("*", "")


@pytest.mark.usefixtures("shelf")
def test_without_the_encoder_the_network_judges_and_the_page_says_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("VERSO_ENCODER", str(tmp_path / "nothing.safetensors"))
    monkeypatch.setattr("core.detectors.store.DEFAULT_MODEL", "linear")
    app = opened()
    assert app.selectbox(MODEL).value == "tiny"
    assert "linear cannot judge on this computer: the encoder's weights nothing.safetensors" in said(
        app
    ).replace("*", "")
    assert "python -m core encoder fetch" in said(app)
    assert "tree: the encoder's weights" in said(app).replace("*", "")


@pytest.mark.usefixtures("shelf")
def test_a_damaged_model_is_a_sentence_and_another_can_be_chosen(shelf):
    (shelf / "linear" / "pipeline.skops").write_bytes(b"damaged")
    app = opened(model="linear")
    assert "does not belong to its card" in said(app)
    app.selectbox(MODEL).set_value("tiny").run()
    assert not app.exception
    assert not app.error
