"""One file of an audit with its picture and verdict, and the analyst's ruling on it, by mouse or by key."""

import time
from collections.abc import Callable
from typing import Final
from urllib.parse import urlencode

import streamlit as st

from core.audit.choices import Offer, offers, reason, told
from core.audit.places import called, place_of
from core.audit.store.records import Audit, Row
from core.errors import VersoError
from core.verdict import Label, Thresholds, Verdict
from core.video_formats import DEMUXERS
from core.wording import TITLES, not_looked_at, written
from dashboard.audit_desk import AUDIT, POSITION, card_of, of_audit, results, store, thumbnail
from dashboard.parts.error_sentence import error_sentence
from dashboard.parts.escaping import escaped
from dashboard.parts.verdict_card import COLOURS
from dashboard.parts.video_note import video_note
from dashboard.review_by_address import BACK, IMAGE

NAME: Final = "analyst"
NAME_KEPT: Final = "analyst-kept"
KEYS: Final = "rule-by-keyboard"
KEYS_KEPT: Final = "rule-by-keyboard-kept"
SIDE: Final = 900
LAST: Final = "last-ruled"
DRAFT: Final = "note-draft"
FAILED: Final = "ruling-failed"
DRAWN: Final = "ruling-drawn"
TOO_EARLY: Final = "Not ruled: that key came before this picture could be looked at. Press it again."
NAMED: Final = 3
"""Files named that look like the one shown."""
LOOK: Final = 0.5
"""Seconds a picture is on the screen before a ruling on it counts; a key held down starts them anew each time."""


def analyst_name() -> None:
    """Draw the field for the name that stands with every ruling; it is kept for the session, and never in an address."""
    st.session_state[NAME] = st.session_state.get(NAME, st.session_state.get(NAME_KEPT, ""))

    def keep() -> None:
        st.session_state[NAME_KEPT] = st.session_state[NAME]

    st.text_input(
        "Your name, for the rulings",
        key=NAME,
        on_change=keep,
        placeholder="who rules",
        width=260,
        help="It is kept with each ruling and stands beside it in reports. Rulings are added, never overwritten.",
    )


def who_rules_and_how() -> bool:
    """Draw the name of who rules, and the switch for single keys that rule; return whether they do."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        analyst_name()
        return _by_keyboard()


def _by_keyboard() -> bool:
    """Draw the switch, which is kept for the session.

    Whoever speaks to the computer, or reads its screen by keys, rules by accident otherwise (WCAG 2.1.4).
    """
    st.session_state[KEYS] = st.session_state.get(KEYS, st.session_state.get(KEYS_KEPT, True))

    def keep() -> None:
        st.session_state[KEYS_KEPT] = st.session_state[KEYS]

    chosen: bool = st.toggle(
        "Rule by keyboard",
        key=KEYS,
        on_change=keep,
        help="Each button of a ruling has a letter that presses it, which stands on it. Off: no single key rules.",
    )
    return chosen


def ruling_panel(
    audit: Audit, row: Row, key: str, ruled: Callable[[], None] = lambda: None, *, by_keyboard: bool
) -> None:
    """Draw one file and its ruling; `ruled` is called once the analyst has ruled.

    Args:
        audit: it belongs to.
        row: the file.
        key: of the panel's widgets.
        ruled: what follows a ruling.
        by_keyboard: whether single keys rule.
    """
    picture, findings = st.columns([3, 2], gap="large")
    with picture:
        _picture(audit, row)
    with findings:
        _verdict(audit, row)
        video_note(audit, row)
        if row.verdict is not None:
            _ruling(audit, row, key, ruled, by_keyboard=by_keyboard)
        if row.sha256 and row.verdict is not None and row.format not in DEMUXERS:
            st.page_link(
                "app_pages/review.py",
                label="Examine in Review",
                icon=":material/image_search:",
                query_params=review_address(audit, row),
            )


def review_address(audit: Audit, row: Row) -> dict[str, str]:
    """Return what the Review page needs to open a file of an audit and to lead back here."""
    held = [(name, value) for name in st.query_params for value in st.query_params.get_all(name)]
    back = [(AUDIT, audit.id), *(each for each in held if each[0] != AUDIT)]
    return {
        IMAGE: row.sha256,
        AUDIT: audit.id,
        POSITION: str(row.position),
        "model": audit.model,
        BACK: urlencode(back),
    }


def _called(audit: Audit, row: Row) -> str:
    """Return what the table calls a file or a shot."""
    return called(place_of(row.path, audit.inputs)[0], row.part)


def _picture(audit: Audit, row: Row) -> None:
    try:
        st.image(thumbnail(audit.id, row.position, SIDE), width="stretch", alt=row.path)
    except VersoError as error:
        st.info(escaped(str(error)), icon=":material/hide_image:")


def _verdict(audit: Audit, row: Row) -> None:
    st.markdown(f"**{escaped(_called(audit, row))}**")
    if row.error:
        st.error(escaped(row.error), icon=":material/broken_image:")
    elif row.verdict is None or row.p_ai is None:
        st.caption("Not judged yet.")
    else:
        band, label = audit.configuration, Label(row.verdict)
        thresholds = Thresholds(band.human_below, band.ai_above)
        shown = written(Verdict(label, row.p_ai, band.model, thresholds))
        st.html(
            f"<div data-testid='audit-verdict' style='border-left:6px solid {COLOURS[label]};padding-left:.8rem'>"
            f"<b style='font-size:1.2rem'>{TITLES[label]}</b><br>probability of AI <b>{shown.p_ai}</b></div>"
        )
        staged = row.model not in {None, band.model}
        stage = f" Of its models, {escaped(row.model or '')} judged here." if staged else ""
        st.caption(
            f"{escaped(audit.model)} says human below {shown.human_below} and AI above {shown.ai_above}.{stage}"
        )
    card = card_of(audit)
    if card and row.verdict and row.width and row.height and not row.part:
        unseen = not_looked_at(card, row.width, row.height)
        if unseen:
            st.markdown(f":material/crop_free: **Not looked at:** {unseen}.")
    if row.evidence:
        st.caption(f"The file says of itself: {escaped(row.evidence)}.")
    if row.duplicate_of:
        st.caption(f"Same bytes as {escaped(row.duplicate_of)}: a ruling holds for both.")
    elif row.look_alike is not None:
        st.caption(f"Looks like {_alike(audit, row)}.")
    if row.width:
        st.caption(f"{row.format}, {row.width} × {row.height} px, sha256 {row.sha256[:12]}")


def _alike(audit: Audit, row: Row) -> str:
    """Name some of the other files that look like this one."""
    paths, count = results(audit).alike(row, NAMED)
    more = f" and {count - len(paths):,} more (near_duplicates.csv lists all)" if count > len(paths) else ""
    return ", ".join(escaped(path) for path in paths) + more


def _earlier(audit: Audit, row: Row) -> None:
    """Draw every ruling made on a file, the newest first."""
    for number, each in enumerate(results(audit).rulings_on(row) if row.ruling else ()):
        why = reason(row.verdict or "", each.ruling, each.note)
        note = f": {escaped(why)}" if why else ""
        before = "before " if number else ""
        st.markdown(
            f"Ruled {before}**{escaped(told(row.verdict or '', each.ruling, each.note))}**, "
            f"{each.ruled_at[:16].replace('T', ' ')} UTC, by {escaped(each.ruled_by)}{note}"
        )


def _meanwhile(audit: Audit, row: Row) -> str:
    """Say in Markdown who else ruled on a file while the analyst looked at it as `row`; "" if nobody did."""
    now = results(audit).row(row.position, row.part)
    if now is None or not now.ruling or now.ruled_at == row.ruled_at:
        return ""
    said = told(now.verdict or "", now.ruling, now.note or "")
    return (
        f"While you were looking, {escaped(now.ruled_by or '')} ruled *{escaped(said)}*. Both rulings are kept; yours, the "
        "newer, is the one in the results."
    )


def _draft(audit: Audit, row: Row, key: str) -> tuple[str, str]:
    """Draw the field for a note, with what was typed before and not ruled with; return its key, and that of the draft."""
    of_file = f"{row.position}-{row.part}"
    note_key, draft = of_audit(f"note-{key}-{of_file}", audit), of_audit(f"{DRAFT}-{of_file}", audit)

    def keep() -> None:
        st.session_state[draft] = st.session_state[note_key]

    st.session_state.setdefault(note_key, st.session_state.get(draft, ""))
    st.text_input("Note", key=note_key, placeholder="why, if it is worth saying", on_change=keep)
    return note_key, draft


def _ruling(audit: Audit, row: Row, key: str, ruled: Callable[[], None], *, by_keyboard: bool) -> None:
    _earlier(audit, row)
    note_key, draft = _draft(audit, row, key)
    named = bool((st.session_state.get(NAME) or "").strip())

    drawn = (audit.id, row.position, row.part)
    if st.session_state.get(DRAWN, (None,))[0] != drawn:
        st.session_state[DRAWN] = (drawn, time.monotonic())

    def rule(offer: Offer) -> None:
        _, since = st.session_state[DRAWN]
        if time.monotonic() - since < LOOK:
            st.session_state[DRAWN] = (drawn, time.monotonic())
            st.session_state[FAILED] = (drawn, TOO_EARLY)
            return
        note = offer.note(st.session_state.get(note_key) or "")
        try:
            meanwhile = _meanwhile(audit, row)
            store().rule(
                audit.id, row.position, offer.choice, name=st.session_state[NAME], note=note, part=row.part
            )
        except VersoError as error:
            st.session_state[FAILED] = (drawn, str(error))
            return
        said = told(row.verdict or "", offer.choice, note)
        st.session_state[of_audit(LAST, audit)] = (
            row.position,
            row.part,
            _called(audit, row),
            said,
            meanwhile,
        )
        st.session_state.pop(draft, None)
        st.session_state.pop(note_key, None)
        ruled()

    line = st.container(horizontal=True, gap="small")
    for offer in offers(Label(row.verdict or "")):
        line.button(
            offer.label,
            key=f"rule-{key}-{offer.key}-{row.position}-{row.part}",  # one that comes late rules on no other file
            shortcut=offer.key if by_keyboard else None,
            help=offer.meaning if named else "Enter your name first.",
            disabled=not named,
            on_click=rule,
            args=(offer,),
        )
    if not named:
        st.caption("Enter your name above to rule.")
    of, why = st.session_state.pop(FAILED, (drawn, ""))
    if why and of == drawn:
        error_sentence(why)
