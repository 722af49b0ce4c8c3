"""A zip that was dropped on Compare goes with the server, however that ends."""

import signal
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.archives import write_zip
from tests.browser.conftest import WAIT, apart, in_a_browser, serve

pytestmark = [*in_a_browser, pytest.mark.parametrize("page", [("light", 1280)], indirect=True)]


@pytest.fixture
def environment(tmp_path, tiny_model):
    """A tiny model, no audits, and a temporary folder of the test's own."""
    (tmp_path / "temporary").mkdir()
    own = {"TMPDIR": str(tmp_path / "temporary"), "VERSO_MODELS": str(tiny_model.parent)}
    return apart(tmp_path) | own


@pytest.fixture
def labelled(tmp_path, drawings) -> Path:
    """A zip of large works that takes minutes to judge."""
    data = drawings.file(Image.new("RGB", (3000, 3000), "teal"))
    works = [(f"human/{number:04}.png", data + b"%04d" % number) for number in range(3000)]
    return write_zip(tmp_path / "mine.zip", *works)


def drop(page, address, labelled):
    """Drop a zip, and wait until it is being judged."""
    page.goto(f"{address}/compare?images=your+images&models=tiny")
    page.set_input_files("input[type=file]", labelled, timeout=WAIT)
    expect(page.get_by_text("Judging your images")).to_be_visible(timeout=WAIT)


def kept(environment) -> list[Path]:
    return list(Path(environment["TMPDIR"]).rglob("*.zip"))


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_server_that_is_stopped_while_it_judges_ends_and_leaves_no_zip(page, environment, labelled, end):
    with serve(environment, end) as address:
        drop(page, address, labelled)
        assert len(kept(environment)) == 1
    assert list(Path(environment["TMPDIR"]).glob("verso-own-*")) == []


def test_what_a_killed_server_leaves_goes_when_the_next_one_opens_its_first_page(page, environment, labelled):
    with serve(environment, signal.SIGKILL) as address:
        drop(page, address, labelled)
    (left,) = kept(environment)
    with serve(environment, signal.SIGKILL) as address:  # how this one ends is not asked here
        page.goto(f"{address}/audits")
        expect(page.get_by_role("heading", name="Audits", exact=True)).to_be_visible(timeout=WAIT)
        assert not left.parent.parent.exists()
