"""Navigation and theme; `streamlit run dashboard/app.py`."""

import sys
from pathlib import Path

import streamlit as st

# This is read anew with every run of a page.
if (ROOT := str(Path(__file__).resolve().parents[1])) not in sys.path:
    sys.path.insert(0, ROOT)

from dashboard.libraries import import_what_pages_need
from dashboard.parts.chart_style import style
from dashboard.review_by_address import left_review
from dashboard.upload_folder import upload_folder

HERE = Path(__file__).parent
PAGES = HERE / "app_pages"
# The theme writes white on its primary colour, which in the dark theme is a light one.
STYLE = f"""
<style>{style()}
.stMainBlockContainer {{ padding-top: 4.5rem; }}
:is([data-testid="stBaseButton-primary"]:enabled, .stMultiSelect [data-tag]) {{ color: light-dark(#fff, #16181a); }}
:is([data-testid="stBaseButton-primary"]:enabled, .stMultiSelect [data-tag]) * {{ color: inherit; }}
</style>
"""

st.set_page_config(page_title="Verso", page_icon=str(HERE / "icon.svg"), layout="wide")
st.logo(str(HERE / "logo.svg"), icon_image=str(HERE / "icon.svg"), size="large")
st.html(STYLE)

review = st.Page(PAGES / "review.py", title="Review", icon=":material/image_search:", default=True)
page = st.navigation(
    [
        review,
        st.Page(PAGES / "audits.py", title="Audits", icon=":material/inventory_2:"),
        st.Page(PAGES / "audit.py", title="Audit", visibility="hidden"),
        st.Page(PAGES / "compare.py", title="Compare", icon=":material/compare:"),
        st.Page(PAGES / "data.py", title="Data", icon=":material/database:"),
        st.Page(PAGES / "models.py", title="Models", icon=":material/badge:"),
        st.Page(PAGES / "about.py", title="About", icon=":material/info:"),
    ],
    position="top",
)
import_what_pages_need()
from dashboard.audit_desk import go_on_after_a_restart  # noqa: E402  (not before its libraries are there)

go_on_after_a_restart()
upload_folder()  # with the first page, so that what a killed server left behind goes now
if page is not review:
    left_review()
page.run()
