"""A picture beside what spoke for a class in it."""

import streamlit as st

from core.explain import Saliency, overlay
from dashboard.parts.escaping import escaped
from dashboard.review_desk import Reviewed

TARGET_NAMES = {"ai": "for AI", "human": "for human"}


def saliency_view(item: Reviewed) -> None:
    """Draw the picture and its overlay side by side, with the controls of the overlay under them.

    Where the model has no map to give, draw the picture and say why.
    """
    if not item.saliency:
        st.image(item.preview, caption="The picture", width="stretch")
        st.info(escaped(item.unexplained), icon=":material/visibility_off:")
        return
    plain, explained = st.columns(2, gap="small")
    controls = st.container(horizontal=True, vertical_alignment="bottom", gap="medium")
    target = controls.segmented_control(
        "What spoke…",
        list(TARGET_NAMES),
        default=item.leaning,
        required=True,
        format_func=TARGET_NAMES.__getitem__,
        key=f"target-{item.id}",
        help="Grad-CAM marks the parts whose features raised the score of the chosen class. "
        "It shows where the model looked, not why it is right.",
    )
    opacity = controls.slider(
        "Opacity of the overlay", 0.0, 1.0, 0.6, 0.05, key=f"opacity-{item.id}", width=260
    )
    saliency = item.saliency[target]
    plain.image(item.preview, caption="The picture", width="stretch")
    explained.image(overlay(item.preview, saliency, opacity), caption=_caption(saliency), width="stretch")


def _caption(saliency: Saliency) -> str:
    if saliency.flat:
        return f"Nothing spoke {TARGET_NAMES[saliency.target]}"
    unseen = "" if saliency.seen.all() else "; dimmed: not looked at"
    return f"Brighter: spoke more {TARGET_NAMES[saliency.target]}{unseen}"
