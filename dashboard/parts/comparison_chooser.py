"""Which models are compared, and on which images; all of it stands in the address."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import streamlit as st

from core.audit.inputs.roots import VARIABLE, Roots
from core.detectors.library import Entry
from core.detectors.store import DEFAULT_MODEL, FALLBACK_MODEL
from core.evaluation.perturbations import CONDITIONS
from core.evaluation.selection import Selection
from dashboard.comparison_shelf import offered
from dashboard.own_images import keep_upload
from dashboard.parts.escaping import escaped

MODELS: Final = "models"
SPLIT: Final = "images"
PLACE: Final = "place"
UPLOAD: Final = "upload"
UPLOAD_KEPT: Final = "own-upload-kept"
"""In the session: the upload that the address names, which loses it where another page is visited."""
DROPPED: Final = "own-dropped"
OWN: Final = "your images"
CONDITION: Final = "condition"
SPLITS: Final = ("ood", "test", "val", OWN)
NARROWING: Final = {
    "family": (
        "Generator family",
        "Keeps the AI works of one family; the human works stay as the other class.",
    ),
    "medium": ("Medium", "Keeps the human works in one medium; the AI works stay as the other class."),
    "source": (
        "Source",
        "Keeps the images of one source: mostly one class, so many figures are not defined.",
    ),
    CONDITION: (
        "After",
        "What was done to every picture before it was judged; offered where all chosen models were measured so.",
    ),
}
KEYS: Final = (MODELS, SPLIT, PLACE, UPLOAD, *NARROWING)
CONDITION_TITLES: Final = {name: condition.title for name, condition in CONDITIONS.items()}
"""As the address names the conditions."""
MOST_AT_FIRST: Final = 3
LARGEST_MB: Final = 2000


@dataclass(frozen=True)
class Asked:
    """The folders' names of the models, and the images: a selection of the corpus or the place of an own set."""

    models: tuple[str, ...]
    selection: Selection
    own: str = ""


def comparison_chooser(entries: Sequence[Entry]) -> Asked | None:
    """Draw the choices; return None if there is nothing to compare yet.

    Raises what `core.evaluation.selection.choices` raises.
    """
    models = _models([entry.name for entry in entries])
    line = st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="comparison-images")
    split = line.selectbox(
        "Images",
        SPLITS,
        key=SPLIT,
        bind="query-params",
        width=150,
        help="*ood*: generators and sources no model ever saw, nearest to your desk. *test*: unseen images of known "
        "sources. *val*: chose calibration and thresholds, so it flatters. Or images of your own.",
    )
    if not models:
        return None
    if split == OWN:
        place = _own(line)
        return Asked(models, Selection(), place) if place else None
    known = offered(models, split or SPLITS[0])
    options = {
        "family": known.families,
        "medium": known.media,
        "source": known.sources,
        CONDITION: known.conditions,
    }
    with line:
        chosen = {name: _narrowed(name, options[name]) for name in NARROWING}
    return Asked(models, Selection(split=split or SPLITS[0], **chosen))


def _models(names: Sequence[str]) -> tuple[str, ...]:
    gone = [name for name in st.query_params.get_all(MODELS) if name not in names]
    if gone and MODELS not in st.session_state:
        st.warning(
            f"The address names {', '.join(f'**{escaped(name)}**' for name in gone)}, which "
            "cannot be compared here: there is no such model on this computer, or it has no predictions."
        )
    first = sorted(names, key=lambda name: (name != DEFAULT_MODEL, name != FALLBACK_MODEL))[:MOST_AT_FIRST]
    chosen = st.multiselect(
        "Models",
        names,
        default=first,
        key=MODELS,
        bind="query-params",
        placeholder="Choose two models or more",
        help="Models that have predictions; their cards stand on the page **Models**.",
    )
    if not chosen:
        st.info("Choose two models or more to compare them.")
    elif len(chosen) == 1:
        st.info(
            "Choose a second model to compare this one with."
            if len(names) > 1
            else "There is only one model with predictions on this computer, so it stands here alone."
        )
    return tuple(chosen)


def _narrowed(name: str, options: Sequence[str]) -> str:
    title, meaning = NARROWING[name]
    if st.session_state.get(name) not in (None, *options):
        st.session_state[name] = None
    chosen = st.selectbox(
        title,
        options,
        index=None,
        format_func=lambda option: CONDITION_TITLES.get(option, option),
        key=name,
        bind="query-params",
        placeholder="all" if name != CONDITION else "nothing",
        help=meaning,
        width=250 if name in {"source", CONDITION} else 180,
        disabled=not options,
    )
    return chosen or ""


def _own(line: st.delta_generator.DeltaGenerator) -> str:
    """Draw the ways to name images of one's own and return their place."""
    roots = Roots.configured()
    named = ""
    if st.session_state.pop(DROPPED, False):
        st.session_state[PLACE] = ""  # the zip was named last, and counts
    if os.environ.get(VARIABLE):
        named = line.text_input(
            "Folder or zip on the server",
            key=PLACE,
            bind="query-params",
            placeholder=str(roots),
            help=f"Below: {roots}",
            width=420,
        )
    dropped = st.file_uploader(
        "Drop a zip with the folders **human** and **ai**",
        type="zip",
        max_upload_size=LARGEST_MB,
        key=f"own-zip-{st.session_state.get('own-drops', 0)}",
        help="Everything below the two folders counts, at any depth; a folder below `ai` is taken for a generator. The zip "
        "stays on this server until it stops, and nowhere else; the page **About** says what a crash leaves.",
    )
    if dropped is not None:
        st.query_params[UPLOAD] = keep_upload(dropped, dropped.name)
        st.session_state["own-drops"] = st.session_state.get("own-drops", 0) + 1
        st.session_state[DROPPED] = True
        st.rerun()
    place = named.strip() if named else _uploaded()
    if named:
        st.query_params.pop(UPLOAD, None)
        st.session_state.pop(UPLOAD_KEPT, None)
    if not place:
        st.caption(
            "The models judge them here and now, and you see how far they are. A zip you drop is removed when the server "
            "stops."
        )
    return place


def _uploaded() -> str:
    """Return the upload that the address names, else the last one of this session, else ""."""
    upload: str = st.query_params.get(UPLOAD) or st.session_state.get(UPLOAD_KEPT, "")
    if upload:
        st.query_params[UPLOAD] = st.session_state[UPLOAD_KEPT] = upload
    return upload
