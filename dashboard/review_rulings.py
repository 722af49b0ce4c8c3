"""The rulings that Review keeps, and the report of one picture on the desk."""

import threading
from datetime import UTC, datetime

import streamlit as st

from core.audit.store.database import open_database
from core.audit.store.records import Choice
from core.explain import Saliency, overlay
from core.review.maps import METHOD_NAMES
from core.review.report import Findings, write_report
from core.review.rulings import Rulings, Subject
from dashboard.parts.saliency_view import Chosen
from dashboard.review_desk import Reviewed, told_of_map

_RULING = threading.Lock()
NOT_MADE = f"The map by {METHOD_NAMES['occlusion']} was not made."


@st.cache_resource(show_spinner=False)
def kept_rulings() -> Rulings:
    """Return the rulings in the database of this computer.

    Raises:
        StoreError: it cannot be opened.
    """
    return Rulings(open_database())


def rule_unless_another_did(subject: Subject, choice: Choice, *, name: str, note: str, earlier: int) -> bool:
    """Add a ruling if there are still as many rulings on the file as were `earlier`, and say whether it was added.

    Of two at one time, as of a double click, one finds the other's.

    Raises:
        RulingError: nobody is named.
        StoreError: the rulings cannot be read or written.
    """
    with _RULING:
        if len(kept_rulings().of(subject.sha256)) != earlier:
            return False
        kept_rulings().add(subject, choice, name=name, note=note)
        return True


def report_of(item: Reviewed, chosen: Chosen, share: float) -> bytes:
    """Make the report of a picture, with the chosen map and the rulings made until now, as a PDF.

    It says what the verdict is worth where `share`, in (0, 1), of all works is generated.

    Raises:
        StoreError: the rulings cannot be read.
    """
    maps = item.saliency if chosen.method == "grad-cam" else item.hidden
    saliency = maps.get(chosen.target)
    missing = item.unexplained if chosen.method == "grad-cam" else NOT_MADE
    findings = Findings(
        name=item.name,
        facts=item.facts,
        size=(item.artwork.width, item.artwork.height),
        verdict=item.verdict,
        card=item.card,
        share=share,
        evidence=item.evidence,
        picture=item.preview,
        overlay=overlay(item.preview, saliency, chosen.opacity) if saliency else None,
        overlay_says=_says(item, saliency, chosen) if saliency else missing,
    )
    return write_report(findings, kept_rulings().of(item.id), datetime.now(UTC))


def _says(item: Reviewed, saliency: Saliency, chosen: Chosen) -> str:
    told = told_of_map(item, chosen.method, saliency)
    return f"{told} Laid over with an opacity of {chosen.opacity * 100:.0f} %."
