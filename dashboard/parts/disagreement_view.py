"""The images on which models differ most, and where each model looked."""

from collections.abc import Mapping, Sequence

import streamlit as st

from core import images
from core.errors import VersoError
from core.evaluation.disagreements import SPREAD, disagreements
from core.evaluation.rules import Rules
from core.evaluation.selection import Joined
from core.explain import MAX_SIDE, Saliency, grad_cam, overlay
from core.images import Artwork
from core.wording import to_three_decimals
from dashboard.comparison_pictures import is_at_hand, named_bytes
from dashboard.parts.confusion_matrices import CALLED
from dashboard.parts.counting import counted
from dashboard.parts.escaping import escaped
from dashboard.parts.picture_list import Origin, Row, as_text, picture_list, what
from dashboard.parts.table_origin import at_thresholds, of_images
from dashboard.resources import detector_called, model_as_of
from dashboard.review_by_address import PATH

LIMIT = 48
OPACITY = 0.6
WIDTH = 290
EXPLAINED = "explained"
LIST = "disagreements"
TARGETS = {"ai": "for AI", "human": "for human"}


def disagreement_view(joined: Joined, rules: Rules, folders: Mapping[str, str], origin: Origin) -> None:
    """Draw the list and, of the image asked for, the saliency maps side by side.

    Args:
        joined: the images and what models said.
        rules: of each model.
        folders: of each model, the folder's name it is loaded by.
        origin: of the images.
    """
    if len(joined.models) < 2:  # noqa: PLR2004
        st.info("One model cannot disagree with itself: choose a second one above.")
        return
    rows = disagreements(joined, rules, LIMIT)
    if rows.empty:
        st.info("These models give every image here the same probability.")
        return
    asked = st.query_params.get(EXPLAINED)
    explained = next((row for row in as_text(rows) if row["sha256"] == asked), None)
    above = st.container()
    st.caption(
        f"The {counted(len(rows), 'image')} here whose probabilities lie furthest apart, widest first. Under "
        "each the model that gives the least and the one that gives the most. *Maps*, below a picture that is "
        "shown, shows where each looked."
    )
    table = of_images(at_thresholds(rows, rules), joined.short)
    shown = picture_list(rows, LIST, table, origin, lambda row: _lines(row, joined.models), _maps_button)
    if explained is not None and shown:
        with above.container(border=True):
            _explained(explained, joined.models, folders, origin.own)
    elif explained is not None:
        above.info("The maps asked for lie over the picture: choose *Show the pictures* below to see them.")


def _maps_button(row: Row) -> None:
    st.button(
        "Maps",
        key=f"maps-{row['sha256']}",
        icon=":material/blur_on:",
        type="tertiary",
        on_click=_ask,
        args=(row["sha256"],),
        help="Where each model looked, side by side",
    )


def _ask(sha256: str) -> None:
    st.query_params[EXPLAINED] = sha256


def _close() -> None:
    del st.query_params[EXPLAINED]


def _lines(row: Row, models: Sequence[str]) -> list[str]:
    least = min(models, key=lambda model: float(row[f"p_ai {model}"]))
    most = max(models, key=lambda model: float(row[f"p_ai {model}"]))
    return [
        what(row),
        *(
            f"{to_three_decimals(float(row[f'p_ai {model}']))} {CALLED[row[f'said {model}']]} · {model}"
            for model in (least, most)
        ),
        f"{float(row[SPREAD]):.2f} apart · {row['source']}",
    ]


def _explained(row: Row, models: Sequence[str], folders: Mapping[str, str], own: str) -> None:
    heading = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center")
    heading.subheader("Where each model looked", anchor=False, width="content")
    heading.button(
        ":material/close:", key="maps-close", type="tertiary", help="Close the maps", on_click=_close
    )
    if not is_at_hand(row):
        st.info("This image is not on this computer, so no model can look at it again.")
        return
    target = st.segmented_control(
        "What spoke…",
        list(TARGETS),
        default="ai",
        required=True,
        format_func=TARGETS.__getitem__,
        key="explained-for",
    )
    try:
        name, data = named_bytes(row["sha256"], own, row.get(PATH, ""))
        artwork = images.open(data, name=name)
    except VersoError as error:
        st.error(escaped(str(error)), icon=":material/broken_image:")
        return
    _maps(artwork, row, models, folders, target or "ai")


def _maps(artwork: Artwork, row: Row, models: Sequence[str], folders: Mapping[str, str], target: str) -> None:
    preview = artwork.preview(MAX_SIDE)
    with st.container(horizontal=True, gap="small"):
        with st.container(width=WIDTH):
            st.image(preview, caption="The picture", width="stretch", alt=artwork.name or "The picture")
        for model in models:
            with st.container(width=WIDTH):
                said = f"{escaped(model)}: {to_three_decimals(float(row[f'p_ai {model}']))}, {CALLED[row[f'said {model}']]}"
                try:
                    with st.spinner(f"{model} looks again…"):
                        saliency = _saliency(
                            folders[model], model_as_of(folders[model]), artwork.sha256, target, artwork
                        )
                except VersoError as error:
                    st.info(f"**{said}**. It has no map: {escaped(str(error))}")
                else:
                    flat = f". Nothing spoke {TARGETS[target]}" if saliency.flat else ""
                    shown = overlay(preview, saliency, OPACITY)
                    alt = f"What spoke {TARGETS[target]} to {model}"
                    st.image(shown, caption=f"{said}{flat}", width="stretch", alt=alt)
    st.caption(
        "Grad-CAM: brighter parts raised the score of the chosen class. It shows where a model looked, not why it is right."
    )


@st.cache_data(max_entries=100, show_spinner=False)
def _saliency(
    folder: str,
    as_of: tuple[tuple[str, int], ...],  # noqa: ARG001  (the key, as is the next)
    sha256: str,  # noqa: ARG001
    target: str,
    _artwork: Artwork,
) -> Saliency:
    return grad_cam(detector_called(folder), _artwork, target)
