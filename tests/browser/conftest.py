"""A real Chromium on a real server: `make browser-test`. Set VERSO_SHOTS to a folder to keep screenshots."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WAIT = 60_000

in_a_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (apt-get install chromium)"),
]


def apart(folder: Path) -> dict[str, str]:
    """Return the environment of this process, with audits and rulings kept in a folder of the test's own."""
    own = {"VERSO_AUDITS": str(folder / "audits"), "VERSO_DATABASE_URL": f"sqlite:///{folder / 'audits.db'}"}
    return os.environ | own


@contextmanager
def serve(environment, end=signal.SIGTERM, app="dashboard/app.py"):
    """Run the dashboard or another `app`, give its address, and stop it with `end`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(app), "--server.headless", "true"]
    server = subprocess.Popen([*command, "--server.port", str(port)], cwd=ROOT, env=environment)
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
        server.send_signal(end)
        try:
            server.wait(30)
        finally:
            server.kill()


@pytest.fixture(scope="session")
def address(tmp_path_factory):
    """Where the dashboard answers."""
    with serve(apart(tmp_path_factory.mktemp("served"))) as url:
        yield url


@pytest.fixture(params=[("light", 1280), ("dark", 1280), ("light", 420), ("dark", 420)], ids=str)
def page(request):
    """An empty page of each theme and width, which keeps the complaints of its console."""
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
    """Keep a picture of the whole page, if asked for."""
    if folder := os.environ.get("VERSO_SHOTS"):
        height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        size = page.viewport_size
        page.set_viewport_size({"width": size["width"], "height": height + 80})
        page.wait_for_timeout(500)
        page.screenshot(path=Path(folder) / f"{name}-{page.shot_name}.png")
        page.set_viewport_size(size)
