"""A real Chromium on a real server: `make browser-test`. Set VERSO_SHOTS to a folder to keep screenshots."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WAIT = 60_000

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (apt-get install chromium)"),
]


@pytest.fixture(scope="module")
def address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "dashboard/app.py", "--server.headless", "true"]
    server = subprocess.Popen([*command, "--server.port", str(port)], cwd=ROOT)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            try:
                with urllib.request.urlopen(f"{url}/_stcore/health") as answer:  # noqa: S310  (our own server)
                    assert answer.read() == b"ok"
                    break
            except OSError:
                time.sleep(0.5)
        else:
            pytest.fail("the server did not answer its health check within a minute")
        yield url
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(params=[("light", 1280), ("dark", 1280), ("light", 420), ("dark", 420)], ids=str)
def page(request):
    scheme, width = request.param
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.complaints = []
        page.on("console", lambda message: message.type == "error" and page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.shot_name = f"{scheme}-{width}"
        yield page
        browser.close()


def shoot(page, name: str) -> None:
    if folder := os.environ.get("VERSO_SHOTS"):
        height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        size = page.viewport_size
        page.set_viewport_size({"width": size["width"], "height": height + 80})
        page.wait_for_timeout(500)
        page.screenshot(path=Path(folder) / f"{name}-{page.shot_name}.png")
        page.set_viewport_size(size)


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
    shoot(page, "review")

    page.get_by_role("link", name="Card of the model").first.click()
    expect(page.get_by_role("heading", name="What is kept")).to_be_visible(timeout=WAIT)
    shoot(page, "about")
    assert page.complaints == []


def test_the_overlay_follows_its_controls(address, page, drawings, tmp_path):
    (tmp_path / "painting.png").write_bytes(drawings.file(drawings.painting((512, 320), 1)))
    page.goto(address)
    page.set_input_files("input[type=file]", tmp_path / "painting.png", timeout=WAIT)
    expect(page.get_by_test_id("verdict")).to_have_count(1, timeout=WAIT)
    overlay = page.get_by_test_id("stImage").locator("img").nth(1)
    before = overlay.get_attribute("src")
    page.get_by_role("slider").press("ArrowLeft")
    expect(overlay).not_to_have_attribute("src", before, timeout=WAIT)
    before = overlay.get_attribute("src")
    page.get_by_role("radio", checked=False).click()
    expect(overlay).not_to_have_attribute("src", before, timeout=WAIT)
    assert page.complaints == []
