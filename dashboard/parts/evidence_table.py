"""The evidence table: what a file says of where it comes from, and what that is worth."""

import html
from collections.abc import Sequence
from typing import Final

import streamlit as st

from core.errors import TrustListError
from core.provenance.evidence import Evidence, Says, Signer, Trust, strongest
from core.provenance.trust import VARIABLE, trusted_signers
from core.verdict import Label
from dashboard.parts.error_sentence import error_sentence
from dashboard.parts.verdict_card import COLOURS

SPEAKS_FOR: Final = {Says.AI: "for AI", Says.HUMAN: "for human", Says.NEUTRAL: "for neither"}
TONES: Final = {
    Says.AI: COLOURS[Label.AI],
    Says.HUMAN: COLOURS[Label.HUMAN],
    Says.NEUTRAL: COLOURS[Label.INCONCLUSIVE],
}
MEANINGS: Final = {
    Says.AI: "The file says that a generator had a part in it. No signature that fits stands behind that: it is a claim that "
    "anyone can write.",
    Says.HUMAN: "The file says that a camera or a person made it. Claims that are not signed are easily copied from another file.",
    Says.NEUTRAL: "Nothing here speaks for a generator or for a person.",
}
SIGNED_AI: Final = (
    "The file says that a generator had a part in it, and was not changed since that was signed. That is a strong hint, and "
    "still a claim."
)
TRUST: Final = {
    Trust.INTACT: "Signed, and unchanged since.",
    Trust.BROKEN: "The signature does not fit: the file was changed after it was signed.",
    Trust.CLAIM: "A plain claim: anyone can write or remove it.",
    Trust.UNREADABLE: "",
}
SIGNER: Final = {
    None: "",
    Signer.LISTED: "The signer is on your list of trusted issuers.",
    Signer.UNKNOWN: "The signer is not on your list of trusted issuers, or its certificate has expired: anyone can sign.",
    Signer.UNVERIFIED: "Who signed is not verified: anyone can sign.",
}
HOW_TO_VERIFY: Final = (
    f"To verify who signed, whoever runs this desk sets `{VARIABLE}` to a PEM file with the certificates of trusted issuers, "
    "such as the trust list that C2PA publishes."
)
NOTHING: Final = (
    "The file says nothing of where it comes from. **That means nothing**: most sites and messengers remove such traces, "
    "from generated pictures and from works by people alike."
)
STYLE: Final = """
<style>
.verso-evidence { font-size: .9rem; line-height: 1.4; }
.verso-evidence > div { border-left: 4px solid var(--tone); padding: .05rem 0 .05rem .7rem; margin: 0 0 .7rem;
  overflow-wrap: anywhere; }
.verso-evidence small { display: block; opacity: .75; font-size: .8rem; }
</style>
"""


def evidence_table(found: Sequence[Evidence]) -> None:
    """Draw what a file says of itself, one line a finding; and what it means that it does, or that it does not."""
    st.markdown("##### What the file says of itself")
    says = strongest(found)
    if says is None:
        st.caption(NOTHING)
        return
    rows = "".join(_row(each) for each in found)
    st.html(f"{STYLE}<div class='verso-evidence' role='list' data-testid='evidence'>{rows}</div>")
    signed = any(each.says is Says.AI and each.trust is Trust.INTACT for each in found)
    st.caption(f"{SIGNED_AI if signed else MEANINGS[says]} The verdict above does not take it into account.")
    if any(each.signer is Signer.UNVERIFIED for each in found):
        _how_to_verify()


def _how_to_verify() -> None:
    """Say how signers are verified, or why the list for it cannot be used."""
    try:
        trusted_signers()
    except TrustListError as error:
        error_sentence(error)
    else:
        st.caption(HOW_TO_VERIFY)


def _row(each: Evidence) -> str:
    speaks = "" if each.trust is Trust.UNREADABLE else f", {SPEAKS_FOR[each.says]}"
    text = f"<b>{each.kind[:1].upper()}{each.kind[1:]}</b>{speaks}: {html.escape(each.finding)}"
    worth = " ".join(
        part for part in (f"{html.escape(each.where)}.", TRUST[each.trust], SIGNER[each.signer]) if part
    )
    return f"<div role='listitem' style='--tone: {TONES[each.says]}'>{text}<small>{worth}</small></div>"
