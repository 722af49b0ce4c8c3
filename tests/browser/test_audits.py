import re

import pytest
from playwright.sync_api import expect

from tests.archives import write_zip
from tests.browser.conftest import WAIT, apart, in_a_browser, serve, shoot
from tests.browser.test_data import clipped_labels, expect_whole

pytestmark = in_a_browser


@pytest.fixture(scope="module")
def auditing(tmp_path_factory, tiny_model):
    """Where a dashboard with a tiny model and no audits answers."""
    home = tmp_path_factory.mktemp("audits")
    with serve(apart(home) | {"VERSO_MODELS": str(tiny_model.parent)}) as url:
        yield url


def entries(path, drawings):
    """A zip of twelve pictures, one of them twice, and a truncated one."""
    works = [
        (f"works/{number:02}.jpg", drawings.file(drawings.painting((320, 240), number), "JPEG"))
        for number in range(12)
    ]
    return write_zip(path, *works, ("works/again.jpg", works[3][1]), ("works/cut.jpg", works[4][1][:700]))


def go_by_menu(page, name):
    narrow = page.viewport_size["width"] < 600
    if narrow:
        page.get_by_test_id("stExpandSidebarButton").click(timeout=WAIT)
    page.get_by_role("link", name=name, exact=True).click(timeout=WAIT)
    if narrow:
        page.get_by_test_id("stSidebarCollapseButton").get_by_role("button").click()


def leave_and_come_back(page):
    go_by_menu(page, "Models")
    expect(page.get_by_role("heading", name="The models")).to_be_visible(timeout=WAIT)
    page.go_back()
    expect(page.get_by_role("heading", name="entries.zip")).to_be_visible(timeout=WAIT)
    go_by_menu(page, "Audits")
    expect(page.get_by_text("Select an audit to open it.")).to_be_visible(timeout=WAIT)
    page.go_back()
    expect(page.get_by_role("heading", name="entries.zip")).to_be_visible(timeout=WAIT)
    page.get_by_role("link", name="All audits").click()


def examine_and_come_back(page):
    page.get_by_role("link", name="Examine in Review").click()
    expect(page.get_by_test_id("verdict")).to_be_visible(timeout=WAIT)
    page.get_by_role("link", name="Back to the audit").click()
    expect(page.get_by_text("1 of 12 not ruled yet")).to_be_visible(timeout=WAIT)
    expect(page.get_by_placeholder("who rules")).to_have_value("Ada")


def test_an_audit_of_a_zip_from_its_start_to_a_ruling(auditing, page, drawings, tmp_path):
    crafted = entries(tmp_path / "entries.zip", drawings)
    page.goto(f"{auditing}/audits?model=tiny")
    page.set_input_files("input[type=file]", crafted, timeout=WAIT)
    page.complaints.clear()  # Streamlit asks for its own files below a page's address first
    expect(page.get_by_text("Ready: 1 file, ")).to_be_visible(timeout=WAIT)
    shoot(page, "audits-start")
    page.get_by_role("button", name="Start the audit").click()
    expect(page.get_by_role("heading", name="entries.zip")).to_be_visible(timeout=WAIT)
    shoot(page, "audits-running")
    expect(page.get_by_text("1 of 12 not ruled yet")).to_be_visible(timeout=WAIT)
    expect(page.get_by_test_id("stProgress")).to_have_count(0, timeout=WAIT)
    expect(page.get_by_test_id("stMetric").filter(has_text="Errors")).to_contain_text("1")

    page.get_by_placeholder("who rules").fill("Ada")
    page.get_by_placeholder("who rules").press("Enter")
    expect(page.get_by_role("button", name="Override")).to_be_enabled(timeout=WAIT)
    page.wait_for_timeout(1000)
    expect_whole(page)
    shoot(page, "audits-queue")
    examine_and_come_back(page)
    name = page.get_by_text(re.compile(r"^\d\d\.jpg$")).first.inner_text()
    page.get_by_placeholder("who rules").blur()
    page.keyboard.press("o")
    expect(page.get_by_text(re.compile(rf"Ruled override: (generated|human-made): {name}"))).to_be_visible(
        timeout=WAIT
    )
    expect(page.get_by_text("1 of 11 not ruled yet")).to_be_visible(timeout=WAIT)

    page.reload()
    expect(page.get_by_text("1 of 11 not ruled yet")).to_be_visible(timeout=WAIT)
    page.complaints.clear()
    page.get_by_role("tab", name="All files").click()
    expect(page.get_by_text("1 to 14 of 14")).to_be_visible(timeout=WAIT)
    page.wait_for_timeout(1000)
    expect_whole(page)
    shoot(page, "audits-files")
    page.get_by_role("tab", name="Distribution").click()
    expect(page.locator(".js-plotly-plot")).to_have_count(1, timeout=WAIT)
    page.wait_for_timeout(1000)
    assert clipped_labels(page) == []
    expect_whole(page)
    shoot(page, "audits-distribution")
    page.get_by_role("tab", name="Downloads").click()
    shoot(page, "audits-downloads")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="results.csv").click(timeout=WAIT)
    table = waiting.value.path().read_text()
    assert f"{name}," in table
    assert table.count("override,Ada,") == 1

    leave_and_come_back(page)
    expect(page.get_by_text("Select an audit to open it.")).to_be_visible(timeout=WAIT)
    page.wait_for_timeout(1000)
    expect_whole(page)
    shoot(page, "audits-list")
