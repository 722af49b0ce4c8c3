import re

from playwright.sync_api import expect
from pypdf import PdfReader

from tests.browser.conftest import WAIT, in_a_browser, shoot

pytestmark = in_a_browser


def test_two_pictures_and_a_truncated_file(address, page, drawings, tmp_path):
    jpeg = drawings.file(drawings.painting((640, 420), 2), "JPEG")
    (tmp_path / "painting.png").write_bytes(drawings.file(drawings.painting((512, 512), 1)))
    (tmp_path / "scan.jpg").write_bytes(jpeg)
    (tmp_path / "truncated.jpg").write_bytes(jpeg[: len(jpeg) // 3])
    page.goto(address)
    shoot(page, "empty")
    page.set_input_files("input[type=file]", sorted(tmp_path.iterdir()), timeout=WAIT)

    verdicts = page.get_by_test_id("verdict")
    expect(verdicts).to_have_count(2, timeout=WAIT)
    expect(page.get_by_test_id("stProgress")).to_have_count(0, timeout=WAIT)
    for verdict in verdicts.all():
        expect(verdict).to_contain_text("calibrated probability of AI")
        expect(verdict).to_contain_text("%")
    expect(page.get_by_role("img", name="Probability of AI")).to_have_count(2)
    expect(page.get_by_test_id("stImage").locator("img")).to_have_count(4)
    for image in page.get_by_test_id("stImage").locator("img").all():
        assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    errors = page.get_by_test_id("stAlertContentError")
    expect(errors).to_have_count(1)
    expect(errors).to_contain_text("'truncated.jpg' starts like JPEG but is truncated")
    expect(page.get_by_test_id("stException")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "the page is too wide"
    page.get_by_text("Facts of the file").first.click()
    cell = page.get_by_test_id("stTable").first.locator("tr", has_text="SHA-256").locator("td p")
    expect(cell).to_have_text(re.compile("^[0-9a-f]{64}$"))
    assert cell.evaluate("cell => cell.scrollWidth <= cell.clientWidth"), "the SHA-256 runs out of its cell"
    frame = page.get_by_test_id("stTable").first.bounding_box()
    assert cell.bounding_box()["x"] + cell.bounding_box()["width"] <= frame["x"] + frame["width"]
    shoot(page, "review")

    page.get_by_role("link", name="Card of the model").first.click()
    expect(page.get_by_role("heading", name="Where it goes wrong")).to_be_visible(timeout=WAIT)
    shoot(page, "card")
    assert page.complaints == []


def test_the_overlay_follows_its_controls(address, page, drawings, tmp_path):
    (tmp_path / "painting.png").write_bytes(drawings.file(drawings.painting((512, 320), 1)))
    page.goto(address)
    page.set_input_files("input[type=file]", tmp_path / "painting.png", timeout=WAIT)
    expect(page.get_by_test_id("verdict")).to_have_count(1, timeout=WAIT)
    overlay = page.get_by_test_id("stImage").locator("img").nth(1)
    before = overlay.get_attribute("src")
    page.get_by_role("slider", name="Opacity of the overlay").press("ArrowLeft")
    expect(overlay).not_to_have_attribute("src", before, timeout=WAIT)
    before = overlay.get_attribute("src")
    page.get_by_role("radio", name="for", checked=False).click()
    expect(overlay).not_to_have_attribute("src", before, timeout=WAIT)
    assert page.complaints == []


def test_a_link_keeps_the_share_of_generated_works_expected(address, page, drawings, tmp_path):
    (tmp_path / "painting.png").write_bytes(drawings.file(drawings.painting((512, 320), 1)))
    page.goto(address)
    page.set_input_files("input[type=file]", tmp_path / "painting.png", timeout=WAIT)
    expect(page.get_by_text("Where 50 % of all works are generated")).to_be_visible(timeout=WAIT)
    page.get_by_role("slider", name="Generated works among all").press("ArrowLeft")
    expect(page.get_by_text("Where 40 % of all works are generated")).to_be_visible(timeout=WAIT)
    page.wait_for_url(re.compile("generated=40"), timeout=WAIT)
    assert page.complaints == []


def test_a_ruling_is_kept_and_stands_in_the_report(address, page, drawings, tmp_path):
    drawn = drawings.file(drawings.painting((256, 256), 1))
    (tmp_path / "painting.png").write_bytes(drawn + page.shot_name.encode())  # ruled on by nobody before
    page.goto(f"{address}/?model=verso-fast")
    page.set_input_files("input[type=file]", tmp_path / "painting.png", timeout=WAIT)
    expect(page.get_by_test_id("verdict")).to_have_count(1, timeout=WAIT)
    expect(page.get_by_role("button", name="Override")).to_be_disabled()
    page.get_by_role("textbox", name="Your name").fill("Ann")
    page.get_by_role("textbox", name="Your name").press("Enter")
    expect(page.get_by_role("button", name="Override")).to_be_enabled(timeout=WAIT)
    page.get_by_role("textbox", name="Note").fill("seen the sketch")
    page.get_by_role("button", name="Override").click()
    expect(page.get_by_text("seen the sketch").last).to_be_visible(timeout=WAIT)
    page.get_by_text("Occlusion", exact=True).click()
    expect(page.get_by_test_id("stImage").locator("img")).to_have_count(1, timeout=WAIT)
    expect(page.get_by_test_id("stImage").locator("img")).to_have_count(2, timeout=WAIT)
    with page.expect_download(timeout=WAIT) as download:
        page.get_by_role("button", name="Report (PDF)").click()
    download.value.save_as(tmp_path / "report.pdf")
    text = " ".join(
        " ".join(each.extract_text() for each in PdfReader(tmp_path / "report.pdf").pages).split()
    )
    assert text.count("Ann overrides the verdict") == text.count("seen the sketch") == 1
    assert "Occlusion: " in text
    shoot(page, "ruled")
    assert page.complaints == []
