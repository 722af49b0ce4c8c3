import json
import re
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.corpus import manifest
from core.detectors.card import read_card
from core.errors import EvaluationError
from core.evaluation.comparison import Comparison
from core.evaluation.confusion import cell_images, confusion
from core.evaluation.measured import fingerprint, record
from core.evaluation.metrics import AT_THRESHOLDS, METRICS
from core.evaluation.perturbations import CONDITIONS
from core.evaluation.predictions import predictions_frame, write_predictions
from core.evaluation.rules import Cut, shipped, the_same
from core.evaluation.selection import Selection, load
from dashboard.own_images import keep_upload, scoring
from dashboard.parts.chart_download import as_csv
from dashboard.parts.confusion_matrices import CELL, cell_name
from dashboard.review_desk import KEY
from tests.cards import as_if_measured, head_card, lay, network_card
from tests.commands import run_cli

APP = Path(__file__).resolve().parents[2] / "dashboard" / "app.py"
NAMES = ["good", "fair", "head"]
WAIT = 120


def predict(folder: Path, corpus: Path, noise: float, seed: int) -> None:
    """Write predictions that are right as often as the noise allows."""
    listed = manifest.read(corpus)
    listed = replace(listed, frame=listed.frame[listed.frame["split"] != "train"])
    side = np.where(listed.frame["label"] == "ai", 1.0, -1.0)
    margin = 2 * side + noise * np.random.default_rng(seed).normal(size=len(side))
    write_predictions(predictions_frame(listed, 1 / (1 + np.exp(-margin))), folder)
    as_if_measured(folder)


@pytest.fixture
def corpus(workshop, monkeypatch) -> Path:
    """The drawn corpus in place of the repository's, with its images at hand."""
    monkeypatch.setattr("dashboard.corpus_shelf.DATA", workshop.manifest.parent)
    monkeypatch.setenv("VERSO_CORPUS", str(workshop.folder))
    st.cache_resource.clear()
    yield workshop.manifest
    st.cache_resource.clear()


@pytest.fixture
def models(corpus, tmp_path, monkeypatch) -> Path:
    """Three models that were never trained, with drawn predictions of the drawn corpus."""
    folder = tmp_path / "models"
    monkeypatch.setenv("VERSO_MODELS", str(folder))
    for seed, (name, noise) in enumerate(zip(NAMES, (0.5, 2.5, 4.0), strict=True)):
        card = head_card(name) if name == "head" else network_card(name)
        predict(lay(card, folder), corpus, noise, seed)
    return folder


@pytest.fixture
def trained(corpus, tiny_model, tmp_path, monkeypatch) -> Path:
    """Two copies of a model that can judge."""
    assert corpus.is_file()
    folder = tmp_path / "models"
    monkeypatch.setenv("VERSO_MODELS", str(folder))
    monkeypatch.setattr("core.detectors.store.DEFAULT_MODEL", "tiny")
    for name in ("tiny", "twin"):
        shutil.copytree(tiny_model, folder / name)
    card = folder / "twin" / "card.toml"
    card.write_text(card.read_text().replace('name = "tiny"', 'name = "twin"', 1))
    as_if_measured(folder / "twin")
    return folder


def opened(page: str = "compare", **address) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=WAIT).run()
    for name, value in address.items():
        app.query_params[name.replace("_", "-")] = value
    app.switch_page(f"app_pages/{page}.py").run()
    assert not app.exception
    return app


def follow(app: AppTest, image: str, model: str) -> None:
    """Follow a link of another page to an image in Review."""
    app.switch_page("app_pages/about.py").run()
    app.query_params["image"], app.query_params["model"] = image, model
    app.switch_page("app_pages/review.py").run()
    assert not app.exception


def text_of(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.info, *app.warning, *app.error, *app.subheader]
    pages = [each.proto.body for each in app.get("html")]
    titles = [json.loads(each.proto.spec)["layout"]["title"]["text"] for each in app.get("plotly_chart")]
    return "\n".join([*(each.value for each in parts), *pages, *titles]).replace("\\", "")


def matrices(app: AppTest) -> list[str]:
    """What is said of each matrix to those who cannot see it."""
    said = [str(each.proto) for each in app.get("plotly_chart")]
    return [each for each in said if "Confusion matrix" in each]


def drawn(app: AppTest, about: str) -> dict[str, object]:
    """What plotly draws of the figure whose description begins so."""
    (chart,) = [each.proto for each in app.get("plotly_chart") if each.proto.alt.startswith(about)]
    return json.loads(chart.spec)["layout"]


def review_links(app: AppTest) -> list[dict[str, list[str]]]:
    links = [each.proto for each in app.get("page_link") if each.proto.label == "Review"]
    return [parse_qs(link.query_string) for link in links]


@pytest.mark.usefixtures("models")
def test_matrices_figures_tests_and_sentences_of_the_first_models(corpus):
    app = opened(images="val")
    assert sorted(app.multiselect[0].value) == sorted(NAMES)
    rules = shipped(NAMES)
    table = load(NAMES, Selection("val"), corpus)
    for model, matrix in confusion(table, rules).items():
        (said,) = [each for each in matrices(app) if f"matrix of {model}:" in each]
        assert f"ai works called human: {matrix.counts.loc['ai', 'human']}" in said
        assert f"human works called inconclusive: {matrix.counts.loc['human', 'inconclusive']}" in said
    text = text_of(app)
    assert "(6 human, 6 AI)" in text
    assert "ROC AUC" in text
    assert "With only 6 works of a class" in text
    assert text.count("on val (ΔAUC") == 3
    assert app.dataframe[0].value.columns[0] == "ΔAUC"
    assert len(app.dataframe[0].value) == 3


@pytest.mark.usefixtures("models")
def test_the_table_of_pairs_sorts_by_number(corpus):
    shown = opened(images="val", models=NAMES).dataframe[0]
    pairs = Comparison(load(NAMES, Selection("val"), corpus)).pairs(shipped(NAMES))
    table = shown.value
    assert list(table.index) == [f"{pair.first} less {pair.second}" for pair in pairs]
    assert table["p (Holm)"].tolist() == [pair.auc.p_holm for pair in pairs]
    assert table["its p (Holm)"].tolist() == [pair.mcnemar.p_holm for pair in pairs]
    for title, name in (("ΔAUC", "value"), ("from", "low"), ("to", "high")):
        assert table[title].tolist() == pytest.approx([getattr(pair.auc, name) for pair in pairs], abs=0.0005)
    formats = {
        name: config["type_config"]["format"] for name, config in json.loads(shown.proto.columns).items()
    }
    assert formats == {
        "ΔAUC": "%.3f",
        "from": "%.3f",
        "to": "%.3f",
        "p (Holm)": "%.2g",
        "its p (Holm)": "%.2g",
    }


@pytest.mark.usefixtures("models")
def test_pairs_on_each_medium_and_family_are_told_in_words_and_saved_by_the_names_of_their_columns(
    corpus, saved
):
    app = opened(images="val", models=NAMES)
    app.session_state["parts"] = True
    assert not app.run().exception
    shown = app.dataframe[1]
    pairs = Comparison(load(NAMES, Selection("val"), corpus)).pairs(shipped(NAMES))
    parts = [part for pair in pairs for part in pair.parts]
    table = shown.value
    assert not [name for name in [table.index.name, *table] if "_" in name]
    assert set(table.index) == {f"{pair.first} less {pair.second}" for pair in pairs}
    assert set(table["works"]) == {"AI", "human"}
    assert table["medium or family"].tolist() == [part.name for part in parts]
    assert table["its p (Holm)"].tolist() == [part.mcnemar.p_holm for part in parts]
    (asked,) = json.loads(shown.proto.columns).values()
    assert asked["type_config"]["format"] == "%.2g"
    assert "mcnemar_p_holm" in saved["comparison-parts"]


@pytest.mark.usefixtures("models")
def test_the_table_of_pairs_has_no_number_where_one_class_is_missing():
    table = opened(images="val", source="folder:human-0").dataframe[0].value
    assert table["ΔAUC"].isna().all()
    assert table["its p (Holm)"].notna().all()


@pytest.mark.usefixtures("models")
def test_of_one_model_alone_nothing_is_said_of_bold_figures_and_pairs():
    assert "**Bold**" not in text_of(opened(images="val", models=["good"]))
    assert "**Bold**" in text_of(opened(images="val", models=["good", "fair"]))


@pytest.mark.usefixtures("models")
def test_the_address_reproduces_the_view():
    app = opened(
        models=["good", "head"],
        images="test",
        family="grid",
        thresholds="one each",
        cut_head="0.25",
        cell="head · ai called human",
        view="Groups",
    )
    assert app.multiselect[0].value == ["good", "head"]
    chosen = {box.key: box.value for box in app.selectbox}
    assert chosen["images"] == "test"
    assert chosen["family"] == "grid"
    assert chosen[CELL] == "head · ai called human"
    assert {slider.key: slider.value for slider in app.slider} == {"cut-good": 0.5, "cut-head": 0.25}
    assert "Recall by generator family" in text_of(app)


@pytest.mark.usefixtures("models")
def test_the_command_line_gives_the_numbers_of_the_page(corpus):
    app = opened(images="val", models=["good", "fair"], thresholds="one for all", cut="0.3")
    (table,) = [each.proto.body for each in app.get("html") if "data-testid='figures'" in each.proto.body]
    arguments = ["--split", "val", "--threshold", "0.3", "--corpus", str(corpus), "--json"]
    (facts,) = json.loads(run_cli("compare", "good", "fair", *arguments))
    for name, figure in {**METRICS, **AT_THRESHOLDS}.items():
        shown = table.partition(f"<th scope='row'>{figure.title}<br>")[2].partition("</tr>")[0]
        expected = [
            f"{value[part]:.3f}"
            for value in facts["figures"][name]["values"].values()
            if "not_defined" not in value
            for part in ("value", "low", "high")
        ]
        assert re.findall(r"\d\.\d{3}", shown) == expected, name
    (pair,) = facts["pairs"]
    assert pair["sentence"] in text_of(app)
    for model, rows in facts["confusion"].items():
        (said,) = [each for each in matrices(app) if f"matrix of {model}:" in each]
        for true, row in rows.items():
            assert all(f"{true} works called {called}: {count}" in said for called, count in row.items())


@pytest.mark.usefixtures("models")
def test_a_saved_figure_says_what_it_is_about():
    app = opened(
        images="val", family="grid", thresholds="one for all", cut="0.3", view="Curves", picture="SVG"
    )
    matrix, roc = drawn(app, "Confusion matrix of fair"), drawn(app, "ROC")
    assert matrix["title"]["text"] == "fair"
    assert matrix["title"]["subtitle"]["text"] == "val (ai works of grid); AI above 0.30"
    assert matrix["xaxis"]["title"]["text"] == "the model says"
    assert roc["title"]["text"] == "ROC"
    assert roc["title"]["subtitle"]["text"] == "val (ai works of grid)"
    configs = [json.loads(each.proto.config)["toImageButtonOptions"] for each in app.get("plotly_chart")]
    assert {config["format"] for config in configs} == {"svg"}
    assert app.segmented_control(key="picture").value == "SVG"


@pytest.fixture
def saved(monkeypatch) -> dict[str, pd.DataFrame]:
    """The tables that the page offers as CSV, by name."""
    tables: dict[str, pd.DataFrame] = {}
    for part in ("chart_download", "figure_table", "confusion_matrices", "picture_list"):
        monkeypatch.setattr(
            f"dashboard.parts.{part}.csv_button",
            lambda frame, name, *_: tables.update({name: frame}),
        )
    return tables


def test_a_saved_table_says_of_which_images_and_thresholds_it_is(models, saved):
    condition = next(iter(CONDITIONS))
    for name in ("good", "fair"):
        folder = models / name
        predictions = pd.read_csv(folder / "predictions.csv")
        columns = predictions[["sha256", "p_ai"]].rename(columns={"p_ai": condition})
        columns.to_csv(folder / "robustness.csv", index=False)
        record(folder, CONDITIONS[condition], fingerprint(read_card(folder), CONDITIONS[condition]))
    address = {"models": ["good", "fair"], "images": "test", "thresholds": "one each", "cut_good": "0.3"}
    address |= {"condition": CONDITIONS[condition].title, "cell": cell_name("good", "ai", "ai")}
    address |= {"robustness_figure": {**METRICS, **AT_THRESHOLDS}["human_called_ai"].title}
    for view in ("Curves", "Groups", "Robustness", "Disagreements", "Figures and tests"):
        app = opened(**address, view=view)
    app.session_state["parts"] = True
    assert not app.run().exception
    after = Selection("test", condition=condition).short
    cuts = {"good": "AI above 0.30", "fair": "AI above 0.50"}
    both = "; ".join(f"{model}: {cut}" for model, cut in cuts.items())
    robustness = saved.pop("comparison-robustness-human_called_ai")
    assert set(robustness["images"]) == {"test"}
    assert set(robustness["condition"]) == {"none", condition}
    assert set(zip(robustness["model"], robustness["thresholds"], strict=True)) == set(cuts.items())
    assert len(saved) == 12
    for name, table in saved.items():
        assert table.columns[0] == "images"
        assert set(table["images"]) == {after}, name
    for name in (
        "confusion-matrices",
        "comparison-recall-by-generator",
        "comparison-false-positives-by-medium",
    ):
        assert set(zip(saved[name]["model"], saved[name]["thresholds"], strict=True)) == set(cuts.items())
        assert "count" in saved[name]
    for name in ("comparison-pairs", "comparison-parts", "disagreements"):
        assert set(saved[name]["thresholds"]) == {both}
    figures = saved["comparison-figures"].set_index(["figure", "model"])["thresholds"]
    assert figures["auc"].tolist() == ["", ""]
    assert figures["accuracy"].to_dict() == cuts
    cell = saved["cell"]
    assert {tuple(row) for row in cell[["model", "said", "thresholds"]].to_numpy()} == {
        ("good", "ai", cuts["good"])
    }
    assert not {"thresholds"} & {*saved["comparison-reliability"], *saved["comparison-histograms"]}


@pytest.mark.usefixtures("models")
def test_a_moved_slider_moves_the_matrices(corpus):
    app = opened(images="val", models=["good", "fair"], thresholds="one for all")
    app.slider(key="cut").set_value(0.9).run()
    table = load(["good", "fair"], Selection("val"), corpus)
    for model, matrix in confusion(table, the_same(["good", "fair"], Cut(0.9))).items():
        (said,) = [each for each in matrices(app) if f"matrix of {model}:" in each]
        assert f"ai works called human: {matrix.counts.loc['ai', 'human']}" in said
        assert "inconclusive" not in said


@pytest.mark.usefixtures("models")
def test_a_cell_lists_its_images_surest_first_and_each_leads_to_review_and_back(corpus):
    address = {"images": "val", "models": ["good", "fair"], "thresholds": "one for all", "cut": "0.3"}
    app = opened(**address, cell=cell_name("fair", "ai", "ai"), view="Groups")
    table = load(["good", "fair"], Selection("val"), corpus)
    rows = cell_images(table, "fair", Cut(0.3), "ai", "ai")
    links = review_links(app)
    assert [link["image"][0] for link in links] == list(rows["sha256"])
    back = parse_qs(links[0]["back"][0])
    assert {link["model"][0] for link in links} == {"fair"}
    assert back["models"] == ["good", "fair"]
    assert back["cut"] == ["0.3"]
    assert back["cell"] == ["fair · ai called ai"]
    assert back["view"] == ["Groups"]
    assert back["thresholds"] == ["one for all"]


@pytest.mark.usefixtures("models")
def test_the_way_back_from_review_names_the_pages_of_the_lists_that_are_drawn(monkeypatch):
    monkeypatch.setattr("dashboard.parts.picture_list.PER_PAGE", 1)

    def pages() -> dict[str, list[str]]:
        back = parse_qs(review_links(app)[0]["back"][0])
        return {key.rpartition("-")[0]: page for key, page in back.items() if key.startswith("page-")}

    def turn(name: str, page: int) -> None:
        key = app.session_state["pages-of-lists"][name]
        app.session_state[key] = page
        assert not app.run().exception

    address = {"images": "val", "models": ["good", "fair"], "thresholds": "one for all", "cut": "0.0"}
    app = opened(**address, cell=cell_name("fair", "ai", "ai"), view="Disagreements")
    assert pages() == {}
    turn("cell", 2)
    turn("disagreements", 3)
    assert pages() == {"page-cell": ["2"], "page-disagreements": ["3"]}
    app.selectbox(key=CELL).set_value(cell_name("fair", "human", "ai")).run()
    assert pages() == {"page-disagreements": ["3"]}, "other images begin on their first page"
    turn("cell", 2)
    app.session_state["view"] = "Groups"
    assert not app.run().exception
    assert pages() == {"page-cell": ["2"]}


@pytest.mark.usefixtures("models")
def test_a_threshold_of_nought_is_kept_on_the_way_back_from_review():
    app = opened(
        images="val",
        models=["good", "fair"],
        thresholds="one for all",
        cut="0.0",
        cell=cell_name("fair", "ai", "ai"),
    )
    back = parse_qs(review_links(app)[0]["back"][0])
    assert back["cut"] == ["0.0"]
    assert "false" not in str(back).lower()


@pytest.mark.usefixtures("models")
def test_pictures_of_a_split_that_judges_are_shown_only_when_asked_for():
    app = opened(images="test", models=["good", "fair"], cell=cell_name("good", "human", "human"))
    assert not app.get("image")
    assert "not shown" in text_of(app)
    assert not review_links(app)
    app.toggle[0].set_value(True).run()
    assert app.get("image")
    assert parse_qs(review_links(app)[0]["back"][0])["show-cell-test"] == ["true"]


@pytest.mark.usefixtures("models")
def test_pictures_asked_for_of_one_split_show_none_of_another():
    app = opened(images="ood", models=["good", "fair"], cell=cell_name("good", "human", "human"))
    app.toggle[0].set_value(True).run()
    assert app.get("image")
    app.selectbox(key="images").set_value("test").run()
    assert not app.exception
    assert "not shown" in text_of(app)
    assert not app.get("image")
    assert not review_links(app)


@pytest.mark.usefixtures("trained")
def test_maps_over_pictures_of_a_split_that_judges_are_drawn_only_when_those_are_shown(monkeypatch, corpus):
    monkeypatch.setattr("dashboard.parts.disagreement_view.disagreements", lambda joined, *_: listed(joined))

    def listed(joined):
        said = {f"p_ai {model}": 0.5 for model in joined.models} | {
            f"said {model}": "ai" for model in joined.models
        }
        return joined.images.assign(spread=0.5, **said)

    image = load(["tiny", "twin"], Selection("test"), corpus).images["sha256"].iloc[0]
    app = opened(images="test", models=["tiny", "twin"], view="Disagreements", explained=image)
    assert not app.get("image")
    assert "choose *Show the pictures* below" in text_of(app)
    assert "Maps" not in [button.label for button in app.button]
    assert "*Maps*, below a picture that is shown," in text_of(app)
    app.toggle(key="show-disagreements-test").set_value(True).run()
    assert "Where each model looked" in text_of(app)
    assert "Maps" in [button.label for button in app.button]


@pytest.mark.usefixtures("models")
def test_what_one_class_does_not_define_is_said_in_words():
    app = opened(images="val", models=["good", "fair"], source="folder:human-0")
    text = text_of(app)
    assert "not defined here" in text
    assert "There are no ai works here" in text
    for view in ("Curves", "Groups", "Disagreements"):
        seen = opened(images="val", models=["good", "fair"], source="folder:human-0", view=view)
        text += text_of(seen)
    assert "nan" not in text.lower().split()
    assert "not defined here, because these images lack one of the two classes" in text


@pytest.mark.usefixtures("models")
def test_a_model_that_is_gone_is_named():
    app = opened(models=["good", "gone*"], images="val")
    assert "gone*" in app.warning[0].value.replace("\\", "")
    assert app.multiselect[0].value == ["good"]


@pytest.mark.usefixtures("models")
def test_models_of_other_images_are_a_sentence(models):
    path = models / "fair" / "predictions.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    app = opened(images="val", models=["good", "fair"])
    assert "python -m core evaluate fair" in app.error[0].value.replace("\\", "")


@pytest.mark.usefixtures("models")
def test_a_model_without_maps_says_why(monkeypatch):
    app = opened(images="val", models=["good", "head"], view="Disagreements")
    asked = review_links(app)[0]["image"][0]

    class Head:
        card = head_card("head")

    monkeypatch.setattr("dashboard.parts.disagreement_view.detector_called", lambda _: Head())
    app = opened(images="val", models=["good", "head"], view="Disagreements", explained=asked)
    assert "It has no map: " in text_of(app)
    assert "'head'" in text_of(app)


def test_maps_of_models_stand_side_by_side(trained):
    path = trained / "twin" / "predictions.csv"
    said = pd.read_csv(path)
    image = said.loc[said["split"] == "val", "sha256"].iloc[0]
    said.loc[said["sha256"] == image, "p_ai"] = 0.999
    said.to_csv(path, index=False)
    app = opened(images="val", models=["tiny", "twin"], view="Disagreements")
    before = len(app.get("image"))
    app.button(key=f"maps-{image}").click().run()
    assert not app.exception
    assert "Where each model looked" in text_of(app)
    assert len(app.get("image")) == before + 3


@pytest.fixture
def labelled(tmp_path, drawings) -> Path:
    """A zip of six works and one damaged file."""
    path = tmp_path / "mine.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(3):
            archive.writestr(f"human/{number}.png", drawings.file(drawings.painting((80, 60), number)))
            picture = drawings.painting((80, 60), 10 + number).resize((8, 6)).resize((80, 60), 0)
            archive.writestr(f"ai/gridder/{number}.png", drawings.file(picture))
        archive.writestr("ai/broken.png", b"no picture")
    return path


@pytest.mark.usefixtures("trained")
def test_own_images_are_judged_on_the_spot_and_open_in_review(labelled, monkeypatch):
    monkeypatch.setenv("VERSO_AUDIT_ROOTS", str(labelled.parent))
    address = {"models": ["tiny", "twin"], "images": "your images", "place": str(labelled)}
    scoring(str(labelled), ["tiny", "twin"]).outcome()
    app = opened(**address, cell=cell_name("tiny", "human", "human"), thresholds="one for all", cut="1.0")
    text = text_of(app)
    assert "your images in mine.zip (3 human, 3 AI)" in text
    assert "ai/broken.png" in set(app.dataframe[0].value["path"])
    link = review_links(app)[0]
    assert link["path"][0].startswith("human/")
    seen = opened("review", **{name: values[0] for name, values in link.items()})
    assert seen.session_state[KEY].items[0].id == link["image"][0]


@pytest.mark.usefixtures("trained")
def test_one_work_of_a_class_is_counted_in_the_singular(tmp_path, drawings, monkeypatch):
    folder = tmp_path / "mine"
    (folder / "human").mkdir(parents=True)
    (folder / "human" / "0.png").write_bytes(drawings.file(drawings.painting()))
    monkeypatch.setenv("VERSO_AUDIT_ROOTS", str(folder))
    scoring(str(folder), ["tiny"]).outcome()
    app = opened(models=["tiny"], images="your images", place=str(folder))
    assert "With only 1 work of a class" in text_of(app)


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize("passing", [EvaluationError("The encoder is not here yet."), MemoryError()])
def test_own_images_that_could_not_be_judged_are_judged_again_on_demand(labelled, monkeypatch, passing):
    monkeypatch.setenv("VERSO_AUDIT_ROOTS", str(labelled.parent))
    address = {"models": ["tiny"], "images": "your images", "place": str(labelled)}

    def fail(*_):
        raise passing

    with monkeypatch.context() as patch:
        patch.setattr("dashboard.own_images.score_own", fail)
        assert scoring(str(labelled), ["tiny"]).future.exception(WAIT) is passing
    app = AppTest.from_file(str(APP), default_timeout=WAIT).run()
    for name, value in address.items():
        app.query_params[name] = value
    app.switch_page("app_pages/compare.py").run()
    if isinstance(passing, EvaluationError):
        assert "not here yet" in text_of(app)
        next(button for button in app.button if button.label == "Judge again").click().run()
    scoring(str(labelled), ["tiny"]).outcome()
    app.run()
    assert not app.exception
    assert "your images in mine.zip (3 human, 3 AI)" in text_of(app)


@pytest.mark.usefixtures("trained")
def test_a_place_outside_the_offered_folders_is_refused(labelled, monkeypatch, tmp_path):
    monkeypatch.setenv("VERSO_AUDIT_ROOTS", str(tmp_path / "models"))
    app = opened(models=["tiny", "twin"], images="your images", place=str(labelled))
    assert "outside the folders that may be read here" in app.error[0].value.replace("\\", "")


@pytest.mark.usefixtures("trained")
def test_an_upload_that_is_gone_is_asked_for_again():
    app = opened(models=["tiny", "twin"], images="your images", upload=f"upload:{'0' * 64}")
    assert "drop it again" in app.error[0].value


@pytest.mark.usefixtures("trained")
def test_an_upload_is_there_after_another_page_until_a_folder_is_named(labelled, monkeypatch, tmp_path):
    monkeypatch.setenv("VERSO_AUDIT_ROOTS", str(tmp_path / "models"))
    with labelled.open("rb") as file:
        upload = keep_upload(file, labelled.name)
    scoring(upload, ["tiny"]).outcome()
    app = opened(models=["tiny"], images="your images", upload=upload)
    title = "your images in mine.zip (3 human, 3 AI)"
    assert title in text_of(app)

    def visit_another_page() -> None:
        app.switch_page("app_pages/about.py").run()
        app.query_params.clear()
        app.query_params["images"], app.query_params["models"] = "your images", "tiny"
        app.switch_page("app_pages/compare.py").run()
        assert not app.exception

    visit_another_page()
    assert title in text_of(app)
    assert app.query_params["upload"] in (upload, [upload])
    app.text_input(key="place").set_value("elsewhere").run()
    app.text_input(key="place").set_value("").run()
    visit_another_page()
    assert title not in text_of(app)
    assert "A zip you drop is removed" in text_of(app)


@pytest.mark.usefixtures("trained")
def test_review_opens_what_the_address_names_once_and_leads_back(corpus):
    image = pd.read_csv(corpus)["sha256"].iloc[0]
    app = opened("review", image=image, back="images=val&cut=0.3&models=tiny&models=twin")
    desk = app.session_state[KEY]
    assert [item.id for item in desk.items] == [image]
    (back,) = [link.proto for link in app.get("page_link") if "comparison" in link.proto.label]
    assert parse_qs(back.query_string) == {"images": ["val"], "cut": ["0.3"], "models": ["tiny", "twin"]}
    app.button(key=f"remove-{image}").click().run()
    assert app.session_state[KEY].items == []


@pytest.mark.usefixtures("trained")
def test_a_link_that_names_another_model_has_the_picture_judged_by_it(corpus):
    image = pd.read_csv(corpus)["sha256"].iloc[0]
    app = opened("review", image=image, model="twin")
    assert [item.card.name for item in app.session_state[KEY].items] == ["twin"]
    follow(app, image, "tiny")
    assert [item.card.name for item in app.session_state[KEY].items] == ["tiny"]


@pytest.mark.usefixtures("trained")
def test_a_link_leads_to_its_picture_again_after_that_was_taken_off(corpus):
    image = pd.read_csv(corpus)["sha256"].iloc[0]
    app = opened("review", image=image, model="tiny")
    app.button(key=f"remove-{image}").click().run()
    app.run()
    assert app.session_state[KEY].items == []
    follow(app, image, "tiny")
    assert [item.id for item in app.session_state[KEY].items] == [image]


@pytest.mark.usefixtures("trained")
def test_a_link_to_a_full_desk_lays_its_picture_once_there_is_room(corpus, monkeypatch):
    first, second = pd.read_csv(corpus)["sha256"].iloc[:2]
    monkeypatch.setattr("dashboard.review_desk.CAPACITY", 1)
    app = opened("review", image=first, model="tiny")
    follow(app, second, "tiny")
    assert "The desk is full" in app.error[0].value
    app.button(key=f"remove-{first}").click().run()
    assert [item.id for item in app.session_state[KEY].items] == [second]
    assert not app.error


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize(("image", "said"), [("f" * 64, "not on this computer"), ("../x", "no sha256")])
def test_review_says_why_it_cannot_open_what_the_address_names(image, said):
    app = opened("review", image=image)
    assert said in app.error[0].value.replace("\\", "")
    assert app.session_state[KEY].items == []


def test_a_spreadsheet_runs_nothing_of_a_downloaded_table():
    text = as_csv(pd.DataFrame({"path": ["=1+1", "ai/a.png"], "p_ai": [-0.5, 0.5], "@model": [1, 2]}))
    assert text == "path,p_ai,'@model\n'=1+1,-0.5,1\nai/a.png,0.5,2\n"


def test_without_models_the_page_says_how_to_make_predictions(corpus, tmp_path, monkeypatch):
    assert corpus.is_file()
    monkeypatch.setenv("VERSO_MODELS", str(tmp_path / "none"))
    assert "python -m core evaluate" in opened().info[0].value
