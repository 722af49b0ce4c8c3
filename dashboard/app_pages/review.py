"""Review: drop artworks, see what the model finds in each."""

from math import ceil
from typing import Final
from urllib.parse import parse_qsl

import streamlit as st

from core.errors import VersoError
from core.images import DEFAULT_LIMITS, FORMATS
from dashboard.audit_desk import AUDIT, ONE
from dashboard.parts.desk_overview import desk_overview
from dashboard.parts.error_sentence import error_sentence
from dashboard.parts.escaping import escaped
from dashboard.parts.evidence_table import evidence_table
from dashboard.parts.model_choice import model_choice
from dashboard.parts.review_ruling import all_rulings, review_ruling
from dashboard.parts.ruling_panel import analyst_name
from dashboard.parts.saliency_view import saliency_view
from dashboard.parts.share_choice import ASSUMED, share_choice
from dashboard.parts.verdict_card import verdict_card
from dashboard.resources import shared_detector
from dashboard.review_by_address import BACK, IMAGE, lay_what_is_asked_for
from dashboard.review_desk import CAPACITY, Item, Refused, Reviewed, desk

WRAPPED: Final = """
<style>
[class*="st-key-facts-"] table { table-layout: fixed; width: 100%; }
[class*="st-key-facts-"] th { width: 6.5rem; }
[class*="st-key-facts-"] td p { overflow-wrap: anywhere !important; }
</style>
"""


def draw(item: Item, share: float) -> None:
    """Draw one item of the desk, and what its verdict is worth where `share` of all works is generated."""
    heading = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center")
    heading.subheader(escaped(item.name), anchor=False)
    if heading.button(
        ":material/close:", key=f"remove-{item.id}", help="Take it off the desk", type="tertiary"
    ):
        desk().remove(item)
        st.rerun()
    match item:
        case Refused(reason=reason):
            st.error(escaped(reason), icon=":material/broken_image:")
        case Reviewed():
            pictures, findings = st.columns([3, 2], gap="large")
            with pictures:
                chosen = saliency_view(item)
            with findings:
                verdict_card(item.verdict, item.card, (item.artwork.width, item.artwork.height), share)
                st.page_link(
                    "app_pages/models.py",
                    label=f"Card of the model {item.verdict.model}",
                    icon=":material/badge:",
                    query_params={"model": item.model},
                )
                evidence_table(item.evidence)
                with st.expander("Facts of the file", key=f"facts-{item.id}"):
                    st.table(item.facts, border="horizontal")
            if AUDIT in st.query_params and st.query_params.get(IMAGE) == item.id:
                st.caption(
                    "It is a file of an audit: rule on it there, so that the ruling stands in its results."
                )
            else:
                review_ruling(item, chosen, share)


st.title("Review an artwork", anchor=False)
st.html(WRAPPED)

try:
    if not (model := model_choice()):
        st.stop()
    detector = shared_detector(model)
except VersoError as error:
    error_sentence(error)
    st.stop()

on_desk = desk()
if BACK in st.query_params:
    st.page_link(
        ONE if AUDIT in st.query_params else "app_pages/compare.py",
        label="Back to the audit" if AUDIT in st.query_params else "Back to the comparison",
        icon=":material/arrow_back:",
        query_params=parse_qsl(st.query_params[BACK]),
    )
try:
    lay_what_is_asked_for(on_desk, st.query_params, model)
except VersoError as error:
    error_sentence(error)
uploads = st.file_uploader(
    "Drop one or several pictures",
    accept_multiple_files=True,
    key=f"uploads-{on_desk.drops}",
    max_upload_size=ceil(DEFAULT_LIMITS.max_bytes / 1e6),
    help=f"Up to {CAPACITY} pictures lie on the desk. Formats: {', '.join(FORMATS)}.",
)
if uploads:
    on_desk.receive((upload.name, upload.getvalue()) for upload in uploads)
    st.rerun()  # with an emptied uploader: the desk holds the bytes now, until they are judged

if on_desk.left_out:
    left_out = len(on_desk.left_out)
    st.warning(
        f"{left_out} of the files {'was' if left_out == 1 else 'were'} left out: at most {CAPACITY} pictures lie on the desk. "
        f"Take some off and drop the rest again: {', '.join(map(escaped, on_desk.left_out))}."
    )
for new, known in on_desk.same:
    st.info(
        f"**{escaped(new)}** has the same bytes as **{escaped(known)}**: it lies on the desk once, under the newer name.",
        icon=":material/content_copy:",
    )
if on_desk.cleared and st.button("Put them back", icon=":material/undo:"):
    on_desk.put_back()
    st.rerun()
if on_desk.waiting:
    done, total = on_desk.progress
    st.progress(done / total, f"Examining {done + 1} of {total}: {escaped(on_desk.waiting[0][0])}")
elif not on_desk.items:
    st.markdown(
        "For each picture you will see the **probability** that a generator made it, a **verdict** that may "
        "be *inconclusive*, and **where the model looked**. You decide: the machine is one witness among "
        "others. No picture you drop is stored; a ruling of yours is. The page **About** says what the model knows and where it "
        "fails."
    )

generated = ASSUMED / 100
if any(isinstance(each, Reviewed) for each in on_desk.items):
    with st.container(horizontal=True, gap="large"):
        analyst_name()
        generated = share_choice()
if len(on_desk.items) > 1:
    desk_overview(on_desk)
others = on_desk.judged_by_others(detector.card)
if on_desk.stale:
    st.info(f"{escaped(detector.card.name)} judges the desk again: {len(on_desk.stale)} to go.")
elif others and not on_desk.waiting:
    line = st.container(horizontal=True, vertical_alignment="center")
    line.markdown(
        f"{len(others)} of the pictures below {'was' if len(others) == 1 else 'were'} judged by another model, or before this one "
        "was trained anew."
    )
    if line.button(f"Judge again with {detector.card.name}", icon=":material/refresh:"):
        on_desk.stale = others
        st.rerun()
for each in on_desk.items:
    with st.container(border=True, key=f"item-{each.id}"):
        draw(each, generated)

all_rulings()

if on_desk.waiting:
    on_desk.examine_next(model, detector)
    st.rerun()
if on_desk.stale:
    on_desk.judge_next_again(model, detector)
    st.rerun()
