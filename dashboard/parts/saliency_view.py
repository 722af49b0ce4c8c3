"""A picture beside what spoke for a class in it."""

from dataclasses import dataclass
from typing import Final

import streamlit as st

from core.detectors import store
from core.errors import ModelError, VersoError
from core.explain import Saliency, overlay
from core.review.maps import METHOD_NAMES, TARGET_NAMES, worth
from dashboard.parts.error_sentence import error_sentence
from dashboard.parts.escaping import escaped
from dashboard.resources import detector_called
from dashboard.review_desk import Reviewed, occluded, told_of_map

HELP: Final = (
    "Grad-CAM, the quick look, marks the parts whose features raised the score of the chosen class. Occlusion hides one part after the other "
    "and marks those without which the score falls; it asks the model some fifty times. Both show where the model looked, not "
    "why it is right: the model's card says how far to trust either."
)
OPACITY: Final = 0.6


@dataclass(frozen=True)
class Chosen:
    """Which map the analyst looks at: by which method, of what spoke for which class, laid over with which opacity in [0, 1]."""

    method: str
    target: str
    opacity: float = OPACITY


def saliency_view(item: Reviewed) -> Chosen:
    """Draw the picture and its overlay side by side, with the controls of the overlay under them, and return the choice.

    Where no map was made, draw the picture, and say why if the model has none to give by that method.
    """
    plain, explained = st.columns(2, gap="small")
    controls = st.container(horizontal=True, vertical_alignment="bottom", gap="medium")
    method = controls.segmented_control(
        "Map",
        list(METHOD_NAMES),
        default="grad-cam",
        required=True,
        format_func=METHOD_NAMES.__getitem__,
        key=f"method-{item.id}",
        help=HELP,
    )
    target = controls.segmented_control(
        "What spoke…",
        list(TARGET_NAMES),
        default=item.leaning,
        required=True,
        format_func=TARGET_NAMES.__getitem__,
        key=f"target-{item.id}-{item.leaning}",  # after another verdict, the side of that
    )
    opacity = controls.slider(
        "Opacity of the overlay", 0.0, 1.0, OPACITY, 0.05, key=f"opacity-{item.id}", width=200
    )
    st.caption(_worth(item.model))
    plain.image(item.preview, caption="The picture", width="stretch", alt=item.name or "The picture")
    with explained:
        saliency = item.saliency.get(target) if method == "grad-cam" else _by_occlusion(item, target)
        if saliency is not None:
            st.image(
                overlay(item.preview, saliency, opacity),
                caption=told_of_map(item, method, saliency),
                width="stretch",
                alt=f"{METHOD_NAMES[method]} of {item.card.name}: what spoke {TARGET_NAMES[target]}",
            )
        elif method == "grad-cam":
            st.info(
                f"{escaped(item.unexplained)} *Occlusion* can show what it looked at.",
                icon=":material/visibility_off:",
            )
    return Chosen(method, target, opacity)


def _worth(model: str) -> str:
    try:
        return worth(store.find_model(model))
    except ModelError:  # gone since it judged
        return ""


def _by_occlusion(item: Reviewed, target: str) -> Saliency | None:
    bar = st.empty()
    bar.progress(0.0, "Hiding one part after the other")

    def progress(done: int, total: int) -> None:
        bar.progress(
            min(1.0, done / total), f"Hiding one part after the other: {min(done, total)} of {total}"
        )

    try:
        return occluded(item, target, detector_called, progress)
    except VersoError as error:
        error_sentence(error)
        return None
    finally:
        bar.empty()
