"""Compare: models side by side on the same images."""

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from core.errors import VersoError
from core.evaluation.confusion import cell_images
from core.evaluation.model_names import told_apart
from core.evaluation.robustness import PERTURBED_SPLITS
from core.evaluation.rules import Rules, shipped
from core.wording import to_three_decimals
from dashboard.comparison_shelf import Held, after_conditions, comparable, compared
from dashboard.own_images import Scoring, forget, scoring
from dashboard.parts.chart_download import FORMAT, csv_button
from dashboard.parts.comparison_chooser import CONDITION, CONDITION_TITLES, KEYS, Asked, comparison_chooser
from dashboard.parts.comparison_curves import comparison_curves
from dashboard.parts.confusion_matrices import CALLED, CELL, confusion_matrices
from dashboard.parts.counting import counted
from dashboard.parts.disagreement_view import EXPLAINED, LIST, disagreement_view
from dashboard.parts.error_sentence import error_sentence, errors_told
from dashboard.parts.escaping import escaped
from dashboard.parts.figure_table import figure_table, pair_tables, sentences_view
from dashboard.parts.group_heat_maps import group_heat_maps
from dashboard.parts.picture_list import PAGES, Origin, picture_list, show_key, what
from dashboard.parts.robustness_curves import FIGURE, TITLES, robustness_curves
from dashboard.parts.table_origin import at_thresholds, of_images
from dashboard.parts.threshold_control import keys as threshold_keys
from dashboard.parts.threshold_control import threshold_control
from dashboard.review_by_address import return_to_what_was_left

VIEW = "view"
FEW = 20
AS_IN_ADDRESS = {FIGURE: TITLES, CONDITION: CONDITION_TITLES}
TABS = ["Figures and tests", "Curves", "Groups", "Robustness", "Disagreements"]


def address(models: Sequence[str], split: str) -> list[tuple[str, str]]:
    """Return what stands in the address: everything that was chosen on this page."""
    found = []
    lists = [show_key(name, split) for name in (CELL, LIST)]
    for key in (*KEYS, *threshold_keys(models), CELL, *lists, *_pages(), VIEW, FIGURE, EXPLAINED, FORMAT):
        value = _held(key)
        value = AS_IN_ADDRESS.get(key, {}).get(str(value), value)
        values = value if isinstance(value, list) else [value]
        found += [(key, _written(one)) for one in values if _is_chosen(one)]
    return found


def _held(key: str) -> object:
    """Return what was chosen: once a widget is drawn, Streamlit keeps what it is bound to in the session's state, and no more in `query_params`."""
    return st.session_state.get(key, st.query_params.get(key))


def _pages() -> list[str]:
    """Return the names of the pages that the lists drawn here were turned to."""
    drawn = {CELL: bool(_held(CELL)), LIST: _held(VIEW) == TABS[-1]}
    keys = [key for name, key in st.session_state.get(PAGES, {}).items() if drawn[name]]
    return [key for key in keys if st.session_state.get(key, 1) != 1]


def origin(asked: Asked, models: Sequence[str], model: str = "") -> Origin:
    """Return where the images come from, how to come back to this page, and which model is to judge in Review."""
    return Origin(asked.own, asked.selection.split, partial(address, models, asked.selection.split), model)


def _is_chosen(value: object) -> bool:
    """Whether a value stands in the address; a threshold of 0.0 does, though it equals False."""
    return value is not None and value is not False and value != ""


def _written(value: object) -> str:
    return "true" if value is True else str(value)


@st.fragment
def results(held: Held, asked: Asked, bands: Rules, folders: Mapping[str, str]) -> None:
    """Draw everything that follows the thresholds."""
    with errors_told():
        _results(held, asked, bands, folders)


def _results(held: Held, asked: Asked, bands: Rules, folders: Mapping[str, str]) -> None:
    joined = held.joined
    rules = threshold_control(joined.models, bands)
    cell = confusion_matrices(joined, rules)
    if cell:
        images_of(held, asked, rules, cell, folders[cell[0]])
    tabs = dict(zip(TABS, st.tabs(TABS, key=VIEW, on_change="rerun", bind="query-params"), strict=True))
    opened = next((name for name, tab in tabs.items() if tab.open), TABS[0])
    with tabs[opened]:
        match opened:
            case "Figures and tests":
                with st.spinner("Drawing the intervals…", show_time=True):
                    rows, pairs = held.comparison.figures(rules), held.comparison.pairs(rules)
                if pairs:
                    sentences_view(held.comparison.sentences(rules))
                figure_table(rows, joined.short, rules)
                pair_tables(pairs, joined.short, rules)
            case "Curves":
                comparison_curves(held, rules)
            case "Groups":
                group_heat_maps(joined, rules)
            case "Robustness":
                robustness(asked, rules)
            case _:
                disagreement_view(joined, rules, folders, origin(asked, joined.models))


def images_of(held: Held, asked: Asked, rules: Rules, cell: tuple[str, str, str], folder: str) -> None:
    """List the images of a cell, the most confident first; `folder` is that of its model."""
    model, true, said = cell
    rows = cell_images(held.joined, model, rules[model], true, said)
    if rows.empty:
        st.info(f"At these thresholds no {CALLED[true]} work is called {CALLED[said]} by {escaped(model)}.")
        return
    st.caption(
        f"Sorted by how sure {escaped(model)} is, the surest first; under each its probability of AI."
        if said != "inconclusive"
        else f"Sorted by how far from even odds {escaped(model)} is, the furthest first; under each its probability of AI."
    )
    of_cell = rows.assign(model=model, said=said)
    picture_list(
        rows,
        CELL,
        of_images(at_thresholds(of_cell, rules), held.joined.short),
        origin(asked, held.joined.models, folder),
        lambda row: (to_three_decimals(float(row["p_ai"])), what(row), row["source"]),
    )


def robustness(asked: Asked, rules: Rules) -> None:
    """Draw the robustness of models on a selection of the corpus."""
    if asked.own:
        st.info("Your own images are judged as they are: robustness is measured on the corpus alone.")
        return
    if asked.selection.split not in PERTURBED_SPLITS:
        st.info(
            f"Robustness is measured on {' and '.join(PERTURBED_SPLITS)} alone: choose one of them under *Images*."
        )
        return
    try:
        robustness_curves(after_conditions(asked.models, asked.selection), rules)
    except VersoError as error:
        error_sentence(error)


@st.fragment(run_every=1)
def wait_for(work: Scoring) -> None:
    """Draw how far the work is, and the whole page again when it is done."""
    if work.finished:
        st.rerun()
    if work.total:
        st.progress(work.done / work.total, f"Judging your images: {work.done:,} of {work.total:,} files")
    else:
        st.progress(0.0, "Loading the models, and waiting for the judging of other images to end…")


def judged(asked: Asked) -> Held | None:
    """Return the comparison on the analyst's own images, or None while they are being judged."""
    work = scoring(asked.own, asked.models)
    if not work.finished:
        wait_for(work)
        return None
    try:
        refused = work.outcome().refused
    except VersoError as error:
        error_sentence(error)
        st.button("Judge again", icon=":material/refresh:", on_click=forget, args=(work,))
        return None
    except Exception:
        forget(work)
        raise
    if not refused.empty:
        with st.expander(
            f"{counted(len(refused), 'file is', 'files are')} left out", icon=":material/broken_image:"
        ):
            st.dataframe(refused, hide_index=True, alt="One row a file that was left out")
            csv_button(refused, "left-out")
    return work.held


return_to_what_was_left()
st.title("Compare models", anchor=False)
entries = comparable()
if not entries:
    st.info("There is no model with predictions. Make them with `python -m core evaluate MODEL`.")
    st.stop()
try:
    wanted = comparison_chooser(entries)
    if wanted is None:
        st.stop()
    folders, bands = told_apart(wanted.models), shipped(wanted.models)
    shown = judged(wanted) if wanted.own else compared(wanted.models, wanted.selection)
except VersoError as error:
    error_sentence(error)
    st.stop()
if shown is not None:
    st.markdown(f"**{escaped(shown.joined.title)}**")
    of_class = int(shown.joined.truth.sum()), int((~shown.joined.truth).sum())
    fewest = min((count for count in of_class if count), default=FEW)
    if fewest < FEW:
        st.caption(
            f"With only {counted(fewest, 'work')} of a class every figure here may be chance, and an interval cannot know of errors that "
            "did not happen to occur."
        )
    results(shown, wanted, bands, folders)
