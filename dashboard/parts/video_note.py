"""What to know beside the verdict of a video, or of one of its shots."""

import streamlit as st

from core.audit.shots import RULE, disagree, tally
from core.audit.store.records import Audit, Row
from dashboard.audit_desk import results


def video_note(audit: Audit, row: Row) -> None:
    """Say how a video is judged and whether its shots disagree; nothing beside a picture."""
    position = row.position if row.original is None else row.original
    verdicts = results(audit).shots([position]).get(position)
    if not verdicts:
        return
    if row.part:
        st.caption(f"One of the {sum(verdicts.values()):,} shots of a video. {RULE}")
        return
    if disagree(verdicts):
        st.warning(f"Its {tally(verdicts)}.", icon=":material/call_split:")
    else:
        st.caption(f"Its shots: {tally(verdicts)}.")
    st.caption(RULE)
