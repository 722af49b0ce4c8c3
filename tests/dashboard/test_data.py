import hashlib
import json
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core import images
from core.corpus import cache, leak_findings, leakage, manifest
from core.corpus.charts import CHARTS
from core.corpus.leak_findings import LeakFindings
from dashboard import corpus_shelf
from dashboard.corpus_shelf import matching
from dashboard.parts.leak_view import STAGES
from dashboard.parts.thumbnail_grid import HOW_TO_FETCH, PER_PAGE
from tests.commands import invoke
from tests.corpus.conftest import draw, frame, name, row

APP = Path(__file__).resolve().parents[2] / "dashboard" / "app.py"
FACTS_OF = (
    # split, label, columns, how many
    ("train", "human", {"medium": "oil", "source": "folder:studio", "license": "CC0-1.0"}, 20),
    ("val", "human", {"medium": "print", "source": "folder:press", "license": ""}, 5),
    (
        "train",
        "ai",
        {"family": "flux", "generator": "flux.1-dev", "source": "owner/flux", "commit": "a" * 40},
        14,
    ),
    (
        "test",
        "ai",
        {"family": "flux", "generator": "flux.1-dev", "source": "owner/flux", "commit": "a" * 40},
        3,
    ),
    ("ood", "ai", {"family": "gpt-image", "generator": "gpt-image-1", "source": "folder:new"}, 4),
)


def report(seen, value, low, high):
    auc = leakage.Auc(value, low, high, 673)
    models = ("one model", "another") if seen == leakage.FED else ()
    return leakage.LeakReport(seen, {"val": auc, "test": auc}, "val", {"aspect": value, "width": 0.5}, models)


REPORTS = [
    report("the originals", 0.85, 0.68, 0.96),
    report("the files as they are", 0.98, 0.96, 0.99),
    report("what the detector is fed", 0.54, 0.49, 0.58),
]


class Corpus:
    """A drawn corpus in a folder that the page takes for the repository's `data`."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.images = folder / "images of the corpus"
        rows, self.files = [], {}
        for split, label, columns, count in FACTS_OF:
            for _ in range(count):
                file = draw(len(rows))
                sha256 = hashlib.sha256(file).hexdigest()
                self.files[sha256] = file
                rows.append(row(sha256, split=split, label=label, **columns))
        self.manifest = manifest.write(frame(*rows), self.data / "manifest.csv")
        self.found(REPORTS)
        (self.data / "DATASHEET.md").write_text("# Datasheet of the corpus\n\n## Motivation\n\nTo measure.\n")

    def found(self, reports, corpus=None):
        findings = LeakFindings(corpus or self.manifest.version, reports)
        leak_findings.write(findings, self.data / "leaks.json")

    def path(self, sha256: str) -> Path:
        return self.images / "images" / sha256[:2] / f"{sha256}.png"

    def fetch(self) -> None:
        for sha256, file in self.files.items():
            self.path(sha256).parent.mkdir(parents=True, exist_ok=True)
            self.path(sha256).write_bytes(file)

    def of(self, *splits: str) -> set[str]:
        rows = self.manifest.frame
        return set(rows["sha256"][rows["split"].isin(splits)])


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    """The drawn corpus on a computer that has no other."""
    made = Corpus(tmp_path)
    monkeypatch.setattr(corpus_shelf, "DATA", made.data)
    monkeypatch.setenv(cache.VARIABLE, str(made.images))
    monkeypatch.setattr(cache, "SHARED", tmp_path / "shared")
    monkeypatch.setattr(cache.platformdirs, "user_cache_dir", lambda app: str(tmp_path / "user" / app))
    st.cache_data.clear()
    st.cache_resource.clear()
    yield made
    st.cache_data.clear()
    st.cache_resource.clear()


def opened(tab: str = "Images") -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    app.query_params["corpus-tab"] = tab
    app.switch_page("app_pages/data.py").run()
    assert not app.exception
    return app


def choose(app: AppTest, **chosen: list[str]) -> AppTest:
    for column, values in chosen.items():
        app.multiselect(key=f"corpus-{column}").set_value(values)
    app.run()
    assert not app.exception
    return app


def show(app: AppTest, view: str) -> AppTest:
    app.segmented_control(key="corpus-view").set_value(view).run()
    assert not app.exception
    return app


def text_of(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.info, *app.warning, *app.error, *app.subheader]
    return "\n".join(each.value for each in parts) + "\n".join(each.proto.body for each in app.get("html"))


def pictures(app: AppTest) -> int:
    return len(app.image)


@pytest.fixture
def looked_at(monkeypatch):
    """The files of the corpus that are opened from now on."""
    seen = []

    def watching(source, **options):
        seen.append(source.stem)
        return images_open(source, **options)

    images_open = images.open
    monkeypatch.setattr(images, "open", watching)
    return seen


def test_the_whole_corpus_is_shown_first(corpus):
    app = opened()
    text = text_of(app)
    assert "25 artworks by people" in text
    assert "21 by generators** of 2 families" in text
    assert corpus.manifest.version[:12] in text
    assert "46 of 46 images** match: 25 human, 21 AI, from 4 sources" in text
    assert len(app.get("plotly_chart")) == len(CHARTS)
    assert not app.warning
    assert not app.error


@pytest.mark.usefixtures("corpus")
@pytest.mark.parametrize(
    ("chosen", "count"),
    [
        ({"split": ["val", "test"]}, 8),
        ({"label": ["human"]}, 25),
        ({"family": ["gpt-image"]}, 4),
        ({"medium": ["oil"]}, 20),
        ({"source": ["owner/flux"]}, 17),
        ({"license": [""]}, 5),
        ({"family": ["flux"], "split": ["test"]}, 3),
        ({"family": ["gpt-image"], "medium": ["print"]}, 9),
    ],
    ids=str,
)
def test_every_filter_acts_on_count_figures_and_table(chosen, count):
    app = choose(opened(), **chosen)
    assert f"{count} of 46 images** match" in text_of(app)
    sizes = next(
        data
        for chart in app.get("plotly_chart")
        if (data := json.loads(chart.proto.spec)["data"])[0]["type"] == "scattergl"
    )
    hovered = [text for trace in sizes for text in trace["text"]]
    assert len(hovered) == count
    show(app, "Table")
    assert len(app.dataframe[0].value) == count


def test_a_family_and_a_medium_ask_for_both_and_never_for_nothing():
    rows = frame(
        row(name(1), medium="oil"),
        row(name(2), medium="print"),
        row(name(3), label="ai", family="flux", generator="flux"),
        row(name(4), label="ai", family="other", generator="other", medium="oil"),
    )
    assert list(matching(rows, {"family": ["flux"], "medium": ["oil"]}).index) == [0, 2]
    assert list(matching(rows, {"medium": ["oil"]}).index) == [0]
    assert list(matching(rows, {}).index) == [0, 1, 2, 3]


@pytest.mark.usefixtures("corpus")
def test_filters_that_leave_nothing_say_so_and_can_be_cleared():
    app = choose(opened(), split=["ood"], label=["human"])
    assert "No image fits all of these filters" in app.info[0].value
    assert not app.get("plotly_chart")
    next(button for button in app.button if button.label == "Clear the filters").click().run()
    assert "46 of 46 images** match" in text_of(app)


@pytest.mark.usefixtures("corpus")
def test_figures_of_a_label_that_is_filtered_out_are_left_out():
    app = choose(opened(), label=["human"])
    text = text_of(app)
    assert "Human images by medium" in text
    assert "AI images by generator family" not in text


def test_pictures_come_in_pages_that_cover_train_and_val_once(corpus, looked_at):
    corpus.fetch()
    app = show(opened(), "Pictures")
    assert "1 to 24 of 39 pictures" in text_of(app)
    assert pictures(app) == PER_PAGE == len(looked_at)
    app.pagination[0].select(2).run()
    assert "25 to 39 of 39 pictures" in text_of(app)
    assert pictures(app) == 15
    assert len(looked_at) == 39
    assert set(looked_at) == corpus.of("train", "val")


def test_pictures_of_test_and_ood_are_never_opened(corpus, looked_at):
    corpus.fetch()
    app = choose(show(opened(), "Pictures"), split=["test", "ood"])
    assert "never shown here" in text_of(app)
    assert "All matching images are of test and ood" in app.info[0].value
    assert pictures(app) == 0
    choose(app, split=[], family=["flux"])
    assert pictures(app) == 14
    assert not set(looked_at) & corpus.of("test", "ood")


def test_another_choice_starts_on_its_first_page(corpus):
    corpus.fetch()
    app = show(opened(), "Pictures")
    app.pagination[0].select(2).run()
    choose(app, split=["train"])
    assert "1 to 24 of 34 pictures" in text_of(app)


def test_a_picture_is_opened_once_for_all_its_visits(corpus, looked_at):
    corpus.fetch()
    app = choose(show(opened(), "Pictures"), split=["val"])
    before = len(looked_at)
    show(show(app, "Table"), "Pictures")
    assert pictures(app) == 5
    assert len(looked_at) == before


@pytest.mark.usefixtures("corpus")
def test_without_images_the_page_says_how_to_get_them():
    app = show(opened(), "Pictures")
    assert pictures(app) == 0
    assert HOW_TO_FETCH in app.info[0].value
    assert "python -m core corpus fetch github" in HOW_TO_FETCH
    assert invoke("corpus", "fetch", "github", "--help").exit_code == 0


def test_a_missing_and_a_damaged_image_do_not_hide_the_others(corpus):
    corpus.fetch()
    missing, damaged = sorted(corpus.of("val"))[:2]
    corpus.path(missing).unlink()
    corpus.path(damaged).write_bytes(corpus.files[damaged][:200])
    app = choose(show(opened(), "Pictures"), split=["val"])
    assert pictures(app) == 3
    assert "1 of these 5 images are not on this computer" in app.info[0].value
    text = text_of(app)
    assert ">not on this computer<" in text
    assert "truncated, damaged" in text


def test_the_facts_of_one_image_can_be_seen(corpus):
    corpus.fetch()
    app = choose(show(opened(), "Pictures"), family=["flux"])
    chosen = min(corpus.of("train") & set(corpus.manifest.frame.query("family == 'flux'")["sha256"]))
    app.button(key=f"facts-{chosen}").click().run()
    assert not app.exception
    text = text_of(app)
    for fact in (chosen, "drawn for a test", "flux.1-dev", "64 × 48 px", "a" * 40):
        assert fact in text
    assert app.get("link_button")[0].proto.url == f"https://github.com/owner/flux/tree/{'a' * 40}"


def test_names_from_the_manifest_cannot_smuggle_markup_into_the_grid(corpus):
    rows = corpus.manifest.frame
    rows.loc[rows["split"] == "val", "source"] = "<script>x</script>"
    manifest.write(rows, corpus.data / "manifest.csv")
    corpus.fetch()
    text = text_of(choose(show(opened(), "Pictures"), split=["val"]))
    assert "&lt;script&gt;x" in text
    assert "<script>" not in text


@pytest.mark.usefixtures("corpus")
def test_the_alarm_s_findings_are_those_of_its_file():
    app = opened("Leak alarm")
    text = text_of(app)
    assert "54 times in 100** (95 % interval 49 to 58; 50 is guessing; 673 images of *val*)" in text
    assert "98 times in 100" in text
    assert "one model, another" in text
    assert [heading.value.split(" :")[0] for heading in app.subheader] == [
        "Fed to one model and 1 more",
        "The copies as files",
        "The originals",
    ]
    assert ["silent" in heading.value for heading in app.subheader] == [True, False, False]
    assert not app.warning
    assert not app.error


def test_every_place_the_alarm_listens_at_is_explained():
    written = leak_findings.read(APP.parents[1] / "data" / "leaks.json")
    assert {one.seen for one in written.reports} == set(STAGES) == {one.seen for one in REPORTS}


def test_an_alarm_that_rings_on_what_the_model_is_fed_is_seen_on_every_tab(corpus):
    corpus.found([*REPORTS[:2], report("what the detector is fed", 0.9, 0.8, 0.95)])
    assert "rings on what one model, another are fed" in opened().error[0].value
    assert "must not be trusted" in text_of(opened("Leak alarm"))


def test_findings_of_another_corpus_say_so(corpus):
    corpus.found(REPORTS, corpus="f" * 64)
    assert "another version" in opened().warning[0].value
    warned = opened("Leak alarm").warning[-1].value
    assert "ffffffffffff" in warned
    assert corpus.manifest.version[:12] in warned


def test_without_findings_the_page_says_how_to_make_them(corpus):
    (corpus.data / "leaks.json").unlink()
    assert "has not been run" in opened().warning[0].value
    app = opened("Leak alarm")
    assert "python -m core corpus leaks data/manifest.csv --output data/leaks.json" in app.info[0].value
    assert "--output" in invoke("corpus", "leaks", "--help").stdout


@pytest.mark.usefixtures("corpus")
def test_what_is_wrong_with_the_folder_of_images_is_shown_letter_by_letter(tmp_path, monkeypatch):
    (tmp_path / "*file*").touch()
    monkeypatch.setenv("VERSO_CORPUS", str(tmp_path / "*file*"))
    assert r"\*file\*" in show(opened(), "Pictures").error[0].value


@pytest.mark.parametrize("damaged", ["leaks.json", "manifest.csv"])
def test_a_damaged_file_is_a_sentence(corpus, damaged):
    (corpus.data / damaged).write_text("{}")
    app = opened()
    assert damaged in app.error[0].value.replace("\\", "")
    assert not app.tabs


def test_a_manifest_that_changes_is_read_again(corpus):
    app = opened()
    manifest.write(corpus.manifest.frame.iloc[:-1], corpus.data / "manifest.csv")
    app.run()
    assert "45 of 45 images** match" in text_of(app)


def test_the_datasheet_is_on_the_page_without_its_title(corpus):
    text = text_of(opened("Datasheet"))
    assert "## Motivation" in text
    assert "# Datasheet of the corpus" not in text
    (corpus.data / "DATASHEET.md").unlink()
    assert "There is no datasheet" in text_of(opened("Datasheet"))
