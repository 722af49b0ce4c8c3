"""The rulings that Review keeps, and the report of one picture on the desk."""

from datetime import UTC, datetime

import streamlit as st

from core.audit.store.database import open_database
from core.explain import overlay
from core.review.report import Findings, write_report
from core.review.rulings import Rulings
from dashboard.parts.saliency_view import METHOD_NAMES, TARGET_NAMES
from dashboard.review_desk import Reviewed

OPACITY = 0.6


@st.cache_resource(show_spinner=False)
def kept_rulings() -> Rulings:
    """Return the rulings in the database of this computer.

    Raises:
        StoreError: it cannot be opened.
    """
    return Rulings(open_database())


def report_of(item: Reviewed) -> bytes:
    """Make the report of a picture, with the rulings made until now, as a PDF.

    Raises:
        StoreError: the rulings cannot be read.
    """
    saliency = item.saliency.get(item.leaning) or item.hidden.get(item.leaning)
    method = METHOD_NAMES["grad-cam" if item.saliency else "occlusion"]
    findings = Findings(
        name=item.name,
        facts=item.facts,
        size=(item.artwork.width, item.artwork.height),
        verdict=item.verdict,
        card=item.card,
        evidence=item.evidence,
        picture=item.preview,
        overlay=overlay(item.preview, saliency, OPACITY) if saliency else None,
        overlay_says=f"{method}: brighter parts spoke more {TARGET_NAMES[item.leaning]}."
        if saliency
        else item.unexplained,
    )
    return write_report(findings, kept_rulings().of(item.id), datetime.now(UTC))
