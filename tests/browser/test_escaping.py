"""What strangers name their files is read by a real browser letter by letter."""

import os

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ROOT, WAIT, in_a_browser, serve

pytestmark = in_a_browser

TEXTS = [
    "see www.evil.example, WWW.evil.example",
    "http://evil.example/a_b?c=1 hTTps://evil.example:80",
    "a@evil.example mailto:x.y+z@evil.example",
    ":streamlit: :smile: :a:b: :material_home: :material/home: 12:30:45",
    "a -- b >= c <= d ~= e <-> f -> g <- h",
    "<->",
    "[x](http://evil.example) ![](www.evil.example) <http://evil.example> <b>x</b> :red[x]",
    "`www.evil.example` $x$ **y** a--b.png",
]
SCRIPT = f"""
import streamlit as st
from dashboard.parts.escaping import escaped
for number, text in enumerate({TEXTS!r}):
    with st.container(key=f"text-{{number}}"):
        st.markdown(escaped(text))
        st.caption(escaped(text))
        st.error(escaped(text))
        st.table({{"name": [escaped(text)]}})
        st.button(escaped(text))
    with st.container(key=f"beside-{{number}}"):
        st.caption(f":material/home: :smile: {{escaped(text)}}")
st.markdown("all drawn")
"""


@pytest.fixture(scope="module")
def strange_names(tmp_path_factory):
    """Where a page with nothing but strange names answers."""
    app = tmp_path_factory.mktemp("strange") / "app.py"
    app.write_text(SCRIPT)
    with serve(os.environ | {"PYTHONPATH": str(ROOT)}, app=app) as url:
        yield url


def test_strange_names_are_shown_letter_by_letter_and_lead_nowhere(strange_names, page):
    page.goto(strange_names)
    expect(page.get_by_text("all drawn")).to_be_visible(timeout=WAIT)
    for number, text in enumerate(TEXTS):
        shown = page.locator(f".st-key-text-{number} p:not(th p)")
        expect(shown).to_have_text([text] * 5, timeout=WAIT)
        expect(page.locator(f".st-key-beside-{number} p")).to_contain_text(text, timeout=WAIT)
        expect(
            page.locator(f":is(.st-key-text-{number}, .st-key-beside-{number}) :is(a, img)")
        ).to_have_count(0)
        copied = "p => { getSelection().selectAllChildren(p); return getSelection().toString().trim(); }"
        assert shown.first.evaluate(copied) == text
