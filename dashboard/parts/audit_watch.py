"""One audit while it runs: how far, how fast, what it met so far; pause, resume, cancel."""

import streamlit as st

from core.audit.queue import Wish
from core.audit.store.pages import Kind, Wanted
from core.audit.store.records import Counts
from core.errors import VersoError
from dashboard.audit_desk import (
    INTERRUPTED,
    MOVING,
    Standing,
    ask,
    keep_working,
    queue,
    results,
    standing,
    store,
    why_not_resumed,
)
from dashboard.parts.audit_keeping import ENDED
from dashboard.parts.counting import counted
from dashboard.parts.error_sentence import error_sentence, errors_told
from dashboard.parts.escaping import escaped

SAYS = {
    "waiting": "Waits for its turn.",
    "planning": "Listing and hashing the files.",
    "running": "Running.",
    "pausing": "Pausing after the files at hand. A video is judged to its end first.",
    "paused": "Paused. What is done is kept.",
    "interrupted": "Interrupted: the process that ran it is gone. What is done is kept.",
    "cancelling": "Cancelling after the files at hand. A video is judged to its end first.",
    "cancelled": "Cancelled. What was judged before can be read and downloaded below; it cannot go on.",
    "failed": "Could not go on.",
    "finished": "Finished.",
}
ERRORS = 5
SELDOM = ("No picture", "Not judged")
"""Counts that are shown only where there are such files."""


def audit_watch(drawn: Standing) -> None:
    """Draw how far an audit is, each second while it moves.

    The whole page, which shows the audit as `drawn`, is drawn again once its files are all listed, and once it begins to
    move or comes to rest. One that rests is drawn once: a page that runs each second takes back the files it is about to
    hand out.
    """
    st.fragment(_watch, run_every=1 if drawn.state in MOVING else None)(drawn)


def _watch(drawn: Standing) -> None:
    with errors_told():
        _how_far(drawn)


def _how_far(drawn: Standing) -> None:
    now = standing(drawn.id)
    if now is None:
        st.rerun()
    keep_working([now])
    if _turn(now) != _turn(drawn):
        st.rerun()
    moment = queue().moment(now.id) if now.request else None
    counts = store().counts(now.id) if now.planned is not None else None
    if counts is None:
        listed = f" {counted(moment.planned, 'file')} so far." if moment and now.state == "planning" else ""
        st.progress(0.0, f"{SAYS[now.state]}{listed}")
    else:
        pace = ""
        if moment and moment.rate and now.state == "running":
            left = "" if moment.seconds_left is None else f", {duration(moment.seconds_left)} left"
            pace = f" {moment.rate:.1f} files a second{left}."
        share = counts.done / counts.total if counts.total else 1.0
        st.progress(
            share, f"{SAYS[now.state]} {counts.done:,} of {counted(counts.total, 'different file')}.{pace}"
        )
        figures(counts)
        _errors(now, counts)
    if now.request and now.request.failure and now.state not in ENDED:
        error_sentence(now.request.failure)
    _buttons(now)


def _turn(of: Standing) -> tuple[bool, bool]:
    """What the page around follows: whether an audit moves, and whether its files are all listed."""
    return of.state in MOVING, of.planned is not None


def figures(counts: Counts) -> None:
    """Draw the counts of an audit."""
    line = st.container(horizontal=True, gap="medium")
    shown = {
        "AI": (counts.verdicts.get("ai", 0), "Files whose verdict is *ai*"),
        "Inconclusive": (counts.verdicts.get("inconclusive", 0), "Files the model cannot tell"),
        "Human": (counts.verdicts.get("human", 0), "Files whose verdict is *human*"),
        "Errors": (
            counts.unreadable,
            "Pictures and videos that could not be read; each has a sentence in the results",
        ),
        "No picture": (counts.no_picture, "Text and documents: there is nothing in them to judge"),
        "Not judged": (
            counts.waiting,
            "Files still waiting, or not reached before the audit was stopped",
        ),
        "Exact duplicates": (counts.duplicates, "Files with the same bytes as another: judged once"),
    }
    for label, (count, meaning) in shown.items():
        if label in SELDOM and not count:
            continue
        line.metric(label, f"{count:,}", help=meaning, width=140)
    st.caption(
        f"Of {counted(counts.total + counts.duplicates, 'file')}. An exact duplicate is counted as that and not again under its verdict, "
        "a video as one file and its shots not at all."
    )


def duration(seconds: float) -> str:
    """Say in words how long something takes."""
    minutes = round(seconds / 60)
    if minutes == 0:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{seconds / 3600:.1f} h"  # noqa: PLR2004  (minutes that still read well)


def _errors(now: Standing, counts: Counts) -> None:
    if not counts.unreadable or now.audit is None or now.state not in MOVING:
        return
    # With the count in its label it would be another one, and shut, whenever that grows.
    with st.expander("Errors so far", icon=":material/broken_image:"):
        for row in results(now.audit).page(Wanted(kinds=(Kind.ERROR,)), limit=ERRORS):
            st.markdown(f"- {escaped(row.error or '')}")
        if counts.unreadable > ERRORS:
            st.caption(f"The first {ERRORS} of {counts.unreadable:,}; the others stand in the results.")


def _buttons(now: Standing) -> None:
    line = st.container(horizontal=True, vertical_alignment="center")
    rests = now.state in {"paused", INTERRUPTED}
    why_not = why_not_resumed(now) if rests else ""
    goes = now.state in {"waiting", "planning", "running"}
    if goes and line.button("Pause", icon=":material/pause:", key=f"audit-{Wish.PAUSE}"):
        _ask(now, Wish.PAUSE)
    resumable = (rests and not why_not) or now.state == "failed"
    if resumable and line.button("Resume", icon=":material/play_arrow:", key=f"audit-{Wish.RUN}"):
        _ask(now, Wish.RUN)
    if rests or goes or now.state == "failed":
        sure = line.popover("Cancel", icon=":material/stop:", key="audit-sure")
        sure.markdown(
            "A cancelled audit **cannot go on**. What was judged so far stays, and can be ruled on and downloaded as partial "
            f"results. To go on later, {'pause it' if goes else 'leave it as it is'} instead."
        )
        if sure.button("Cancel for good", icon=":material/stop:", key=f"audit-{Wish.CANCEL}"):
            _ask(now, Wish.CANCEL)
    if now.request is None and now.state in MOVING:
        line.caption("A process of the command line runs it.")
    if why_not:
        st.caption(escaped(why_not))


def _ask(now: Standing, wish: Wish) -> None:
    try:
        ask(now, wish)
    except VersoError as error:
        error_sentence(error)
    else:
        st.rerun()
