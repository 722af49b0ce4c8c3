from playwright.sync_api import expect

from core.detectors.store import FALLBACK_MODEL, load_card, model_names
from core.evaluation.tables import cell
from tests.browser.conftest import WAIT, in_a_browser, shoot
from tests.browser.test_data import clipped_labels, expect_whole

pytestmark = in_a_browser


def go_to_models(address, page):
    page.goto(address)
    link = page.get_by_role("link", name="Models")
    if page.viewport_size["width"] < 600:
        page.get_by_test_id("stExpandSidebarButton").click(timeout=WAIT)
    link.click(timeout=WAIT)
    expect(page.get_by_role("heading", name="The models")).to_be_visible(timeout=WAIT)
    if page.viewport_size["width"] < 600:
        page.get_by_test_id("stSidebarCollapseButton").get_by_role("button").click()


def test_a_card_in_full_and_a_link_that_reproduces_it(address, page):
    card = load_card(FALLBACK_MODEL)
    go_to_models(address, page)
    page.goto(f"{address}/models?model={FALLBACK_MODEL}")
    expect(page.get_by_role("heading", name=FALLBACK_MODEL)).to_be_visible(timeout=WAIT)
    page.complaints.clear()  # an address below the first page makes Streamlit ask for two files that are not there
    figure = page.get_by_role("tabpanel").get_by_role("cell", name=cell(card.splits["ood"].figures["auc"]))
    expect(figure.first).to_be_visible(timeout=WAIT)
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    page.wait_for_timeout(1000)
    expect_whole(page)
    shoot(page, "models-figures")

    page.get_by_role("tab", name="How it was made").click()
    expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=WAIT)
    page.wait_for_timeout(1000)
    assert clipped_labels(page) == []
    expect_whole(page)
    shoot(page, "models-made")

    page.get_by_placeholder("name, kind").fill("no such words")
    expect(page.get_by_text(f"None of the {len(model_names())} models")).to_be_visible(timeout=WAIT)
    page.get_by_placeholder("name, kind").fill(card.corpus.version[:12])
    expect(page.get_by_text("Select a row to open its card")).to_be_visible(timeout=WAIT)
    link = page.url
    assert "find=" in link
    assert "model-tab=" in link

    page.goto("about:blank")
    page.complaints.clear()
    page.goto(link)
    expect(page.get_by_role("tab", name="How it was made")).to_have_attribute(
        "aria-selected", "true", timeout=WAIT
    )
    expect(page.get_by_placeholder("name, kind")).to_have_value(card.corpus.version[:12])
    expect(page.get_by_test_id("stException")).to_have_count(0)

    page.get_by_role("tab", name="Use it").click()
    expect(page.get_by_text(f"--model {FALLBACK_MODEL}")).to_be_visible(timeout=WAIT)
    shoot(page, "models-use")
