import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect

from core.detectors.store import DEFAULT_MODEL, models_folder
from core.evaluation.predictions import read_predictions, write_predictions
from dashboard.parts.chart_style import INK, PAPER
from tests.browser.conftest import WAIT, apart, in_a_browser, serve, shoot
from tests.browser.test_data import clipped_labels, expect_whole
from tests.cards import as_if_measured

pytestmark = in_a_browser

MODELS = (DEFAULT_MODEL, "bold", "shy")
SHIFTS = (0.0, 1.5, -1.5)


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """A dashboard with three models: the default one, and two that lean to either side of it."""
    folder = tmp_path_factory.mktemp("compared") / "models"
    for seed, (name, shift) in enumerate(zip(MODELS, SHIFTS, strict=True)):
        shutil.copytree(models_folder() / DEFAULT_MODEL, folder / name)
        card = folder / name / "card.toml"
        card.write_text(card.read_text().replace(f'name = "{DEFAULT_MODEL}"', f'name = "{name}"', 1))
        said = read_predictions(folder / name)
        p_ai = said["p_ai"].clip(1e-4, 1 - 1e-4)
        margin = np.log(p_ai / (1 - p_ai)) + shift + seed * np.random.default_rng(seed).normal(size=len(said))
        write_predictions(said.assign(p_ai=1 / (1 + np.exp(-margin))), folder / name)
        as_if_measured(folder / name)
    with serve(apart(folder.parent) | {"VERSO_MODELS": str(folder)}) as address:
        yield address


def settled(page):
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=WAIT)
    page.wait_for_timeout(1000)


def go_to_compare(address, page):
    page.goto(address)
    link = page.get_by_role("link", name="Compare")
    if page.viewport_size["width"] < 600:
        page.get_by_test_id("stExpandSidebarButton").click(timeout=WAIT)
    link.click(timeout=WAIT)
    expect(page.get_by_role("heading", name="Compare models")).to_be_visible(timeout=WAIT)
    if page.viewport_size["width"] < 600:
        page.get_by_test_id("stSidebarCollapseButton").get_by_role("button").click()
    expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=WAIT)
    settled(page)


def choose(page, box, option):
    page.get_by_role("combobox", name=box).first.click()
    page.get_by_role("option", name=option, exact=True).click()
    page.keyboard.press("Escape")
    settled(page)


def parts(address: str) -> list[str]:
    return sorted(address.partition("?")[2].split("&"))


def test_three_models_a_threshold_a_cell_review_and_back(compared, page):
    go_to_compare(compared, page)
    choose(page, "Images", "val")
    for name in MODELS:
        if not page.get_by_test_id("stMultiSelect").get_by_text(name, exact=True).count():
            choose(page, "Models", name)
    plots = page.locator(".js-plotly-plot")
    expect(plots).to_have_count(len(MODELS), timeout=WAIT)
    page.get_by_role("radio", name="one for all").click()
    slider = page.get_by_role("slider")
    expect(slider).to_have_count(1, timeout=WAIT)
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    expect(slider).to_have_value("0.4", timeout=WAIT)
    settled(page)
    expect_whole(page)
    assert clipped_labels(page) == []
    shoot(page, "compare-matrices")

    page.wait_for_timeout(3000)
    plots.nth(1).evaluate("plot => plot.scrollIntoView({block: 'center'})")
    cells = plots.nth(1).locator(".nsewdrag")
    expect(cells).to_be_visible(timeout=WAIT)
    box = cells.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + box["height"] * 0.25)
    expect(page.get_by_text("Sorted by how sure")).to_be_visible(timeout=WAIT)
    settled(page)
    expect_whole(page)
    shoot(page, "compare-cell")
    before = page.url
    assert "cut=0.4" in before
    assert "cell=" in before
    shown = page.get_by_role("combobox", name="Images of a cell")
    expect(shown).to_have_value("bold · human called ai")

    opens = page.get_by_test_id("stPageLink").get_by_role("link")
    if opens.count() == 0:
        expect(page.get_by_text("not on this computer").first).to_be_visible()
        return
    opens.first.click()
    expect(page.get_by_test_id("verdict")).to_be_visible(timeout=WAIT)
    expect_whole(page)
    page.get_by_role("link", name="Back to the comparison").click()
    expect(page.get_by_text("Sorted by how sure")).to_be_visible(timeout=WAIT)
    settled(page)
    assert parts(page.url) == parts(before)
    expect(page.get_by_role("slider")).to_have_value("0.4")
    expect(shown).to_have_value("bold · human called ai")
    expect_whole(page)


@pytest.fixture
def labelled(tmp_path, drawings, page):
    """A zip of three works of each class and a damaged one; another for every page, so that it is judged anew."""
    path = tmp_path / "mine.zip"
    seed = sum(page.shot_name.encode())
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(3):
            picture = drawings.painting((160, 120), seed + number)
            archive.writestr(f"human/{number}.png", drawings.file(picture))
            squares = picture.resize((8, 6)).resize(picture.size, 0)
            archive.writestr(f"ai/gridder/{number}.png", drawings.file(squares))
        archive.writestr("ai/broken.png", b"no picture")
    return path


def test_a_labelled_zip_is_judged_on_the_spot_and_its_link_shows_it_again(compared, page, labelled):
    go_to_compare(compared, page)
    for name in MODELS:
        if not page.get_by_test_id("stMultiSelect").get_by_text(name, exact=True).count():
            choose(page, "Models", name)
    choose(page, "Images", "your images")
    page.locator("input[type=file]").set_input_files(labelled)
    expect(page.get_by_text(re.compile("Loading the models|Judging your images"))).to_be_visible(timeout=WAIT)
    title = page.get_by_text("your images in mine.zip (3 human, 3 AI)")
    expect(title).to_be_visible(timeout=4 * WAIT)
    plots = page.locator(".js-plotly-plot")
    expect(plots).to_have_count(len(MODELS), timeout=WAIT)
    settled(page)
    page.get_by_text("1 file is left out").click()
    expect(page.get_by_test_id("stDataFrame").first).to_be_visible()
    expect_whole(page)
    assert clipped_labels(page) == []
    shoot(page, "compare-own")

    page.goto(page.url)
    expect(title).to_be_visible(timeout=WAIT)
    expect(plots).to_have_count(len(MODELS), timeout=WAIT)
    page.complaints.clear()  # Streamlit asks for its own files below a page's address first
    expect_whole(page)


def test_a_condition_is_chosen_by_its_title_and_a_link_shows_it_again(compared, page):
    title = "resize × 0.5 and back"
    go_to_compare(compared, page)
    page.get_by_role("combobox", name="After").first.click()
    page.get_by_role("option", name=title, exact=True).click()
    page.wait_for_url(re.compile("condition=resize"), timeout=WAIT)
    settled(page)
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=WAIT)
    expect(page.get_by_role("combobox", name="After").first).to_have_value(title)
    expect(page.get_by_text(f"after {title} (")).to_be_visible()


def test_saved_figures_hold_what_is_drawn_dark_on_white_in_either_theme(compared, page):
    go_to_compare(compared, page)
    choose(page, "Images", "val")
    page.get_by_role("radio", name="SVG").click()
    page.get_by_role("tab", name="Curves").click()
    settled(page)
    for name, key, says in (
        ("confusion-matrix-verso", "matrix-verso", "the model says"),
        ("comparison-roc", "figure-comparison-roc", "AI works called AI (TPR)"),
    ):
        plot = page.locator(f"[class*='st-key-{key}'] .js-plotly-plot")
        plot.first.hover()
        with page.expect_download() as saved:
            plot.first.locator(".modebar-btn").click()
        assert saved.value.suggested_filename == f"{name}.svg"
        picture = Path(saved.value.path()).read_text()
        assert says in picture
        assert "val" in picture
        assert "Source Sans" not in picture
        assert f"fill: {PAPER}" in picture
        drawn = plot.first.locator(".gtitle").evaluate("title => getComputedStyle(title).fill")
        assert drawn == page.locator("h1").evaluate("title => getComputedStyle(title).color")
        assert f"fill: {INK}" in picture
        assert drawn == INK or drawn not in picture
    with page.expect_download() as saved:
        page.locator(".st-key-csv-comparison-roc button:visible").click()
    table = pd.read_csv(saved.value.path(), keep_default_na=False)
    marks = table[table["mark"] != ""]
    assert set(marks["mark"]) == {"AI above", "human below"}
    assert set(marks["model"]) == set(table["model"]) == set(MODELS)


def test_the_names_of_the_figures_stay_when_models_are_scrolled_to(compared, page):
    go_to_compare(compared, page)
    table = page.get_by_test_id("figures")
    expect(table).to_be_visible(timeout=WAIT)
    name = table.get_by_role("rowheader").first
    before = name.bounding_box()["x"]
    table.evaluate("table => { table.querySelector('table').style.width = '150%'; table.scrollLeft = 120; }")
    assert table.evaluate("table => table.scrollLeft") > 0
    assert name.bounding_box()["x"] == pytest.approx(before, abs=1)
    ground = name.evaluate("cell => getComputedStyle(cell).backgroundColor")
    assert ground == page.get_by_test_id("stApp").evaluate("app => getComputedStyle(app).backgroundColor")


@pytest.mark.parametrize("view", ["Curves", "Groups", "Robustness", "Disagreements"])
def test_every_view_is_whole(compared, page, view):
    go_to_compare(compared, page)
    # Robustness is measured on test and ood alone; the copies of the default model keep what was measured of it.
    choose(page, "Images", "test" if view == "Robustness" else "val")
    page.get_by_role("tab", name=view).click()
    settled(page)
    page.wait_for_timeout(1500)
    if view == "Robustness":
        expect(page.locator("[class*='st-key-figure-comparison-robustness'] .js-plotly-plot")).to_be_visible(
            timeout=WAIT
        )
    assert clipped_labels(page) == []
    expect_whole(page)
    shoot(page, f"compare-{view.lower()}")
