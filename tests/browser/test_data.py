from playwright.sync_api import expect

from core.corpus.cache import ImageCache
from core.corpus.manifest import read
from dashboard.corpus_shelf import DATA, KEPT_UNSEEN
from dashboard.parts.thumbnail_grid import PER_PAGE
from tests.browser.conftest import WAIT, in_a_browser, shoot

pytestmark = in_a_browser


def go_to_data(address, page):
    page.goto(address)
    link = page.get_by_role("link", name="Data")
    if page.viewport_size["width"] < 600:
        page.get_by_test_id("stExpandSidebarButton").click(timeout=WAIT)
    link.click(timeout=WAIT)
    expect(page.get_by_role("heading", name="The corpus")).to_be_visible(timeout=WAIT)
    if page.viewport_size["width"] < 600:
        page.get_by_test_id("stSidebarCollapseButton").get_by_role("button").click()


def choose(page, box, option):
    page.get_by_role("combobox", name=box).click()
    page.get_by_role("option", name=option, exact=True).click()
    page.keyboard.press("Escape")


def expect_whole(page):
    expect(page.get_by_test_id("stException")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "the page is too wide"
    assert page.complaints == []


def clipped_labels(page):
    """Texts of the figures that reach over the edge of their drawing."""
    return page.evaluate(
        """() => [...document.querySelectorAll('.js-plotly-plot')].flatMap(plot => {
            const frame = plot.getBoundingClientRect();
            return [...plot.querySelectorAll('text')].filter(text => {
                const box = text.getBoundingClientRect();
                return box.width > 0 && getComputedStyle(text).display !== 'none'
                    && (box.left < frame.left - 1 || box.right > frame.right + 1);
            }).map(text => text.textContent);
        })"""
    )


def test_figures_filters_and_table(address, page):
    rows = read(DATA / "manifest.csv").frame
    go_to_data(address, page)
    plots = page.locator(".js-plotly-plot")
    expect(plots).to_have_count(6, timeout=WAIT)
    expect(page.get_by_text(f"{len(rows):,} of {len(rows):,} images match")).to_be_visible()
    expect(page.locator(".modebar")).to_have_count(0)
    page.wait_for_timeout(1000)
    assert clipped_labels(page) == []
    expect_whole(page)
    shoot(page, "data-figures")

    oils = ((rows["label"] == "human") & (rows["medium"] == "oil")).sum()
    choose(page, "Medium of human works", f"oil ({oils:,})")
    expect(page.get_by_text(f"{oils:,} of {len(rows):,} images match")).to_be_visible(timeout=WAIT)
    expect(plots).to_have_count(5, timeout=WAIT)
    choose(page, "Label", f"ai ({(rows['label'] == 'ai').sum():,})")
    expect(page.get_by_text("No image fits all of these filters")).to_be_visible(timeout=WAIT)
    shoot(page, "data-nothing")
    page.get_by_role("button", name="Clear the filters").click()
    expect(page.get_by_text(f"{len(rows):,} of {len(rows):,} images match")).to_be_visible(timeout=WAIT)
    page.get_by_role("radio", name="Table").click()
    expect(page.get_by_test_id("stDataFrame")).to_be_visible(timeout=WAIT)
    expect_whole(page)
    shoot(page, "data-table")
    page.get_by_test_id("stDataFrame").hover()
    expect(page.get_by_role("button", name="Search")).to_be_visible(timeout=WAIT)
    expect(page.get_by_role("button", name="Download as CSV")).to_have_count(0)
    with page.expect_download() as saved:
        page.get_by_role("button", name="CSV", exact=True).click()
    assert len(saved.value.path().read_text().splitlines()) == len(rows) + 1


def test_pictures_or_how_to_get_them(address, page):
    rows = read(DATA / "manifest.csv").frame
    rows = rows[~rows["split"].isin(KEPT_UNSEEN)].sort_values("sha256")
    here = all(ImageCache.default().find(sha256) for sha256 in rows["sha256"].iloc[: 2 * PER_PAGE])
    go_to_data(address, page)
    page.get_by_role("radio", name="Pictures").click(timeout=WAIT)
    expect(page.get_by_text("are never shown here")).to_be_visible(timeout=WAIT)
    if not here:
        expect(page.get_by_text("python -m core corpus fetch github")).to_be_visible(timeout=WAIT)
        expect_whole(page)
        return
    images = page.get_by_test_id("stImage").locator("img")
    expect(images).to_have_count(PER_PAGE, timeout=WAIT)
    for image in images.all():
        assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    expect_whole(page)
    shoot(page, "data-pictures")
    first = images.first.get_attribute("src")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text(f"{PER_PAGE + 1} to {2 * PER_PAGE} of")).to_be_visible(timeout=WAIT)
    expect(images.first).not_to_have_attribute("src", first, timeout=WAIT)
    page.get_by_role("button", name="Facts").first.click()
    facts = page.get_by_role("dialog")
    expect(facts).to_contain_text(rows["sha256"].iloc[PER_PAGE], timeout=WAIT)
    assert facts.evaluate("dialog => dialog.scrollWidth <= dialog.clientWidth"), "the facts are too wide"
    expect_whole(page)


def test_the_leak_alarm_and_the_datasheet(address, page):
    go_to_data(address, page)
    page.get_by_role("tab", name="Leak alarm").click(timeout=WAIT)
    expect(page.get_by_text("times in 100").first).to_be_visible(timeout=WAIT)
    expect(page.locator(".js-plotly-plot")).to_have_count(1)
    page.wait_for_timeout(1000)
    assert clipped_labels(page) == []
    expect_whole(page)
    shoot(page, "data-leaks")
    page.get_by_role("tab", name="Datasheet").click()
    expect(page.get_by_role("heading", name="Motivation")).to_be_visible(timeout=WAIT)
    expect_whole(page)
