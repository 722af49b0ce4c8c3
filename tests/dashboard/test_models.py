import csv
import io
import shutil
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.detectors.card import Group, Interval, Perturbed
from core.evaluation.metrics import METRICS
from core.training.recipe_difference import side_by_side
from core.wording import to_three_decimals
from dashboard.parts.model_figures import MEANINGS
from dashboard.parts.model_list import CLICKED, KEY, MOST_ROWS
from dashboard.parts.model_use import in_python, judging, on_the_command_line
from tests.cards import head_card, lay, network_card, split_figures
from tests.commands import invoke

APP = Path(__file__).resolve().parents[2] / "dashboard" / "app.py"
HISTORY = "epoch,trains,lr,train_loss,val_loss,val_auc\n0,head,0.1,0.7,0.6,0.8\n1,all,0.1,0.5,0.4,0.9\n2,all,0.1,0.4,0.5,0.9\n"


@pytest.fixture
def models(tmp_path, monkeypatch):
    """Two networks, a head without figures and a broken card, on a computer that has no other models."""
    folder = tmp_path / "models"
    monkeypatch.setenv("VERSO_MODELS", str(folder))
    monkeypatch.setattr("core.detectors.store.DEFAULT_MODEL", "net-b")
    (lay(network_card("net-a"), folder, weights=2_000_000) / "history.csv").write_text(HISTORY)
    lay(network_card("net-b", seed=21, splits={"ood": split_figures(0.7)}), folder)
    lay(head_card("svm"), folder, weights=None)
    (folder / "broken").mkdir()
    (folder / "broken" / "card.toml").write_text('name = "<b>broken</b>"')
    st.cache_resource.clear()
    yield folder
    st.cache_resource.clear()


def opened(**address: str) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    for name, value in address.items():
        app.query_params[name.replace("_", "-")] = value
    app.switch_page("app_pages/models.py").run()
    assert not app.exception
    return app


def listed(app: AppTest) -> list[str]:
    return list(app.dataframe[0].value["model"]) if app.dataframe else []


def header(app: AppTest) -> str:
    return app.header[0].value.replace("\\", "")


def text_of(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.info, *app.warning, *app.error, *app.subheader]
    cells = [str(cell) for table in app.table for row in table.value.reset_index().to_numpy() for cell in row]
    return "\n".join([*(each.value for each in parts), *cells]).replace("\\", "")


@pytest.mark.usefixtures("models")
def test_all_cards_are_listed_and_the_default_one_is_open():
    app = opened()
    assert listed(app) == ["net-a", "net-b", "svm"]
    assert header(app) == "net-b"
    assert "4 models" in text_of(app)
    rows = app.dataframe[0].value.set_index("model")
    assert rows.loc["net-a", "ood ROC AUC"] == "0.800 (0.750 to 0.850)"
    assert rows.loc["svm", "ood ROC AUC"] == "no figures"
    assert "ood share decided" in rows
    assert rows.loc["net-a", "weights"] == 2_000_000
    assert rows["weights"].isna().to_dict() == {"net-a": False, "net-b": False, "svm": True}


def test_the_row_of_the_model_the_page_is_opened_with_is_in_sight(models):
    names = [f"many-{number:02}" for number in range(MOST_ROWS)]
    for name in names:
        lay(network_card(name), models)
    app = opened(model="svm")
    assert listed(app) == ["svm", *names, "net-a", "net-b"]
    assert app.session_state[KEY]["selection"]["rows"] == [0]
    assert listed(opened(model="many-03"))[:4] == names[:4]

    app.session_state[KEY] = {"selection": {"rows": [10], "columns": [], "cells": []}}
    app.session_state[CLICKED] = "net-a"
    app.query_params["model"] = "net-a"
    app.run()
    assert header(app) == "net-a"
    assert listed(app)[0] == "svm", "a click moves no row"


@pytest.mark.usefixtures("models")
def test_a_broken_card_is_a_sentence_and_the_rest_still_works():
    app = opened()
    assert "broken" in app.error[0].value
    assert "restore the card" in app.error[0].value
    asked = opened(model="broken")
    assert "cannot be shown" in asked.warning[0].value
    assert listed(asked) == listed(app)
    assert not asked.header


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize(
    ("words", "names", "broken"),
    [
        ("SVM", ["svm"], False),
        ("dalle3", ["net-a"], False),
        ("nothing of this", [], False),
        ("BROKEN", [], True),
    ],
)
def test_the_search_is_in_the_address_and_says_where_words_were_found(words, names, broken):
    app = opened(find=words, model="net-a")
    assert listed(app) == names
    assert bool(app.error) == broken
    assert header(app) == "net-a"
    if names:
        assert app.dataframe[0].value["found in"].ne("").all()
    assert f"{len(names) + broken} of 4 models" in text_of(app) or "None of the 4 models" in text_of(app)


@pytest.mark.usefixtures("models")
def test_the_address_opens_a_card_and_marks_its_row():
    app = opened(model="svm")
    assert header(app) == "svm"
    assert app.session_state[KEY]["selection"]["rows"] == [2]
    assert "python -m core evaluate svm" in app.info[0].value


@pytest.mark.usefixtures("models")
def test_a_link_to_a_model_that_is_gone_says_so():
    app = opened(model="gone*")
    assert "There is no model **gone*" in text_of(app)
    assert listed(app) == ["net-a", "net-b", "svm"]


@pytest.mark.usefixtures("models")
def test_every_figure_of_the_card_is_shown_with_its_interval_and_explained():
    app = opened(model="net-a")
    table = app.table[0].value
    assert [name.strip("*") for name in table["figure"]] == [figure.title for figure in METRICS.values()]
    assert list(table.columns) == ["figure", "in plain words", "*test*", "*ood*"]
    assert set(table["*test*"]) == {"0.900 (0.850 to 0.950)"}
    assert set(MEANINGS) >= set(METRICS)
    text = text_of(app)
    assert "**80.0 % (75.0 to 85.0) of human works AI" in text
    assert "(40 human, 60 generated)" in text
    assert "Oil *paintings* on dark ground." in text


@pytest.mark.usefixtures("models")
def test_groups_are_shown_worst_first_for_the_split_of_the_address():
    app = opened(model="net-a", model_split="ood")
    human, generated = (table.value for table in app.table[1:3])
    assert list(human.index) == ["oil", "comic"]
    assert human.loc["oil", "called ai"] == "30% (11 to 60)"
    assert generated.loc["dall-e-3", "called human"] == "25% (11 to 47)"


def test_sources_and_robustness_are_shown_where_the_card_has_them(models):
    assert "Robustness" not in text_of(opened(model="net-a"))
    figure = Interval(value=0.5, low=0.4, high=0.6)
    lost = Perturbed(
        auc=figure, auc_lost=figure, human_called_ai=figure, ai_called_human=figure, coverage=figure
    )
    source = Group(label="human", name="owner/book", images=8, wrong=0.5, inconclusive=0.0)
    group = Group(label="human", name="oil", images=8, wrong=0.5, inconclusive=0.0)
    ood = split_figures(0.8, group).model_copy(update={"robustness": {"jpeg-50": lost}, "sources": (source,)})
    lay(network_card("tough", splits={"ood": ood}), models)
    app = opened(model="tough")
    assert "JPEG quality 50" in text_of(app)
    assert "owner/book" in text_of(app)


@pytest.mark.usefixtures("models")
def test_how_a_network_was_made_is_told_in_words_and_drawn():
    app = opened(model="net-a", model_tab="How it was made")
    text = text_of(app)
    for said in (
        "1,200 human** and **1,500 generated",
        "not** the one on the page",
        "random numbers; licence of these weights: CC0-1.0",
        "kept the weights of epoch 2 of 3",
        "`c0ffee`, with changes that were never committed",
        "3 squares of 224 × 224 pixels",
        "on split val: at most 2\N{NO-BREAK SPACE}% are accused",
        "1.5 × score - 0.25",
        "In epoch 1 only the last layer learned. In epochs 2 to 3 all layers learned.",
        "optimiser.lr",
    ):
        assert said in text, said
    assert len(app.get("plotly_chart")) == 2


@pytest.mark.usefixtures("models")
def test_a_model_without_curves_says_why():
    assert "fitted in one step" in text_of(opened(model="svm", model_tab="How it was made"))
    assert "holds no `history.csv`" in text_of(opened(model="net-b", model_tab="How it was made"))


def test_a_damaged_history_does_not_hide_how_the_model_was_made(models):
    (models / "net-a" / "history.csv").write_text("epoch\nfirst\n")
    app = opened(model="net-a", model_tab="How it was made")
    assert "history.csv" in app.error[-1].value.replace("\\", "")
    assert "random numbers" in text_of(app)


@pytest.mark.usefixtures("models")
def test_the_difference_of_two_models_is_reproduced_by_the_address():
    app = opened(model="net-a", model_tab="Differences", other="svm")
    assert app.selectbox[0].value == "svm"
    assert app.selectbox[0].options == ["net-b", "svm"]
    table = app.table[0].value
    assert list(table.columns) == ["part", "field", r"net\-a", "svm"]
    every = side_by_side(network_card("net-a"), head_card("svm"))
    assert len(table) == sum(each.first != each.second for each in every)
    assert "*no such field*" in set(table["svm"])
    app.toggle[0].set_value(False).run()
    assert len(app.table[0].value) > len(table)


@pytest.fixture
def saved(monkeypatch):
    """What the page's buttons would save, by the name of the file."""
    files = {}
    monkeypatch.setattr(st, "download_button", lambda _, data, name, *__, **___: files.update({name: data}))
    return files


def test_a_spreadsheet_runs_nothing_of_two_models(models, saved):
    lay(network_card("net-c", commit="=cmd()"), models)
    opened(model="net-a", model_tab="Differences", other="net-c")
    rows = list(csv.DictReader(io.StringIO(saved["net-a-against-net-c.csv"])))
    assert {row["field"]: row["net-c"] for row in rows}["commit"] == "'=cmd()"


def test_a_spreadsheet_runs_nothing_of_a_history(models, saved):
    (models / "net-a" / "history.csv").write_text(HISTORY.replace("head", "=cmd()"))
    opened(model="net-a", model_tab="How it was made")
    rows = list(csv.DictReader(io.StringIO(saved["net-a-history.csv"])))
    assert [row["trains"] for row in rows] == ["'=cmd()", "all", "all"]


@pytest.mark.usefixtures("models")
def test_a_choice_of_a_second_model_goes_into_the_address():
    app = opened(model="net-a", model_tab="Differences")
    assert not app.table
    app.selectbox[0].select("net-b").run()
    assert app.query_params["other"] in ("net-b", ["net-b"])
    assert app.table[0].value.to_numpy().tolist() == [["**model**", "`seed`", "20", "21"]]


@pytest.mark.usefixtures("models")
def test_a_link_to_a_second_model_that_is_gone_says_so():
    app = opened(model="net-a", model_tab="Differences", other="gone")
    assert "**gone**, which is not among" in text_of(app)
    assert app.selectbox[0].value is None


def test_a_model_alone_has_nothing_to_be_held_against(models):
    for name in ("net-b", "svm"):
        (models / name / "card.toml").unlink()
    assert "no second model" in text_of(opened(model="net-a", model_tab="Differences"))


@pytest.mark.usefixtures("models")
def test_files_have_sizes_and_missing_weights_a_way_to_make_them():
    app = opened(model="net-a", model_tab="Use it")
    assert "2.0\N{NO-BREAK SPACE}MB" in text_of(app)
    assert not app.warning
    assert [code.value for code in app.code] == [
        in_python("net-a"),
        judging("picture.jpg"),
        on_the_command_line("net-a", "picture.jpg"),
    ]
    app = opened(model="svm", model_tab="Use it")
    assert "python -m core train embedding-svm" in app.warning[0].value


def test_the_lines_shown_load_the_model_and_judge(tiny_model, monkeypatch, drawings, tmp_path):
    monkeypatch.setenv("VERSO_MODELS", str(tiny_model.parent))
    picture = tmp_path / "picture.png"
    picture.write_bytes(drawings.file(drawings.painting()))
    assert len(in_python("tiny").splitlines()) == 2
    names: dict[str, object] = {}
    exec(f"{in_python('tiny')}\n{judging(str(picture))}", names)  # noqa: S102  (the lines the page shows)
    (p_ai,) = names["p_ai"]
    assert 0 <= p_ai <= 1
    _, _, _, *arguments = on_the_command_line("tiny", str(picture)).split()
    assert f"p_ai {to_three_decimals(p_ai)}" in invoke(*arguments).output


def test_a_computer_without_models_is_told_how_to_train_one(tmp_path, monkeypatch):
    monkeypatch.setenv("VERSO_MODELS", str(tmp_path / "none"))
    st.cache_resource.clear()
    assert "python -m core train resnet18-finetune" in opened().info[0].value


def test_a_card_that_changes_is_read_again(models):
    app = opened(model="net-a")
    card = models / "net-a" / "card.toml"
    card.write_text(card.read_text().replace("A network for a test.", "Rewritten."))
    app.run()
    assert "Rewritten." in text_of(app)


def test_a_model_that_decides_nothing_says_so_before_any_figure(models):
    nothing = split_figures(0.0)
    lay(network_card("mute", splits={"test": split_figures(0.9), "ood": nothing}), models)
    app = opened(model="mute")
    said = next(each.value for each in app.markdown if "decides nothing" in each.value)
    assert said.startswith("**It decides nothing.**")
    assert "0.0 %" not in said
    row = app.dataframe[0].value.set_index("model").loc["mute"]
    assert row["ood human called AI"] == row["ood AI called human"] == "decides nothing"
    assert "It decides nothing" not in text_of(opened(model="net-a"))


def test_names_on_a_card_are_shown_letter_by_letter(models):
    lay(network_card("odd", summary="<script>*x*</script> [a](b)"), models)
    app = opened(model="odd")
    said = [each.value for each in app.markdown if "script" in each.value]
    assert said
    assert all(r"\<script\>\*x\*" in each for each in said)


def test_about_says_what_the_default_model_is_worth_and_links_to_its_card(tiny_model, monkeypatch):
    monkeypatch.setenv("VERSO_MODELS", str(tiny_model.parent))
    monkeypatch.setattr("core.detectors.store.DEFAULT_MODEL", "tiny")
    st.cache_resource.clear()
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    app.switch_page("app_pages/about.py").run()
    assert not app.exception
    text = text_of(app)
    assert "On generators and sources it never saw it called" in text
    assert "**Review** keeps no picture" in text
    assert "model=tiny" in app.get("page_link")[0].proto.query_string
    st.cache_resource.clear()


def test_about_links_to_the_default_model_by_the_name_that_models_finds_it_by(
    tiny_model, tmp_path, monkeypatch
):
    shutil.copytree(tiny_model, tmp_path / "renamed")
    monkeypatch.setenv("VERSO_MODELS", str(tmp_path))
    monkeypatch.setattr("core.detectors.store.DEFAULT_MODEL", "renamed")
    st.cache_resource.clear()
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    app.switch_page("app_pages/about.py").run()
    assert not app.exception
    assert "model=renamed" in app.get("page_link")[0].proto.query_string
    st.cache_resource.clear()
