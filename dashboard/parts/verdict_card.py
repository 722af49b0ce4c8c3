"""The verdict card: the probability on a scale, and what it means in plain words."""

import html

import streamlit as st

from core.detectors.card import Card
from core.evaluation.base_rate import worth
from core.verdict import Label, Verdict
from core.wording import TITLES, meaning, not_looked_at, percent, written
from dashboard.parts.chart_style import BLUE, GREY, VERMILION

COLOURS = {Label.AI: VERMILION, Label.HUMAN: BLUE, Label.INCONCLUSIVE: GREY}

STYLE = f"""
<style>
.verso-verdict {{ border-left: 6px solid var(--tone); padding: .1rem 0 .1rem .9rem; }}
.verso-verdict h3 {{ margin: 0; padding: 0; font-size: 1.35rem; line-height: 1.3; }}
.verso-verdict p {{ margin: .15rem 0 0; opacity: .8; }}
.verso-scale {{ margin: 1.1rem 0 .4rem; font-size: .8rem; }}
.verso-track {{ position: relative; height: 14px; border-radius: 7px; overflow: hidden;
  background: linear-gradient(to right, {BLUE} 0 var(--low), #9d9d98 var(--low) var(--high),
    {VERMILION} var(--high) 100%); }}
.verso-pin {{ position: relative; height: 1.35rem; }}
.verso-pin span {{ position: absolute; left: clamp(2.1rem, var(--p), calc(100% - 2.1rem));
  transform: translateX(-50%); font-weight: 600; font-size: .95rem; white-space: nowrap; }}
.verso-mark {{ position: absolute; top: 0; bottom: 0; left: var(--p); width: 4px; margin-left: -2px;
  background: #fff; box-shadow: 0 0 0 2px #111; }}
.verso-ends {{ position: relative; display: flex; justify-content: space-between; margin-top: .3rem; opacity: .8; gap: .5rem; }}
.verso-ends span:nth-child(2) {{ position: absolute; transform: translateX(-50%);
  left: clamp(30%, calc((var(--low) + var(--high)) / 2), 70%); }}
</style>
"""


def verdict_card(verdict: Verdict, card: Card, size: tuple[int, int], share: float) -> None:
    """Draw the verdict, its probability on the scale with the inconclusive band, its meaning, its worth and its reach.

    Args:
        verdict: to show.
        card: of the model that judged.
        size: width and height of the picture in pixels.
        share: of generated works among all, in (0, 1), at which to say what the verdict is worth.
    """
    band = verdict.thresholds
    shown = written(verdict)
    label = (
        f"Probability of AI {shown.p_ai}. Human below {shown.human_below}, AI above {shown.ai_above}, "
        "inconclusive between."
    )
    st.html(
        f"""{STYLE}
        <div class="verso-verdict" data-testid="verdict" style="--tone: {COLOURS[verdict.label]}">
          <h3>{TITLES[verdict.label]}</h3>
          <p>calibrated probability of AI: <b>{shown.p_ai}</b></p>
        </div>
        <div class="verso-scale" role="img" aria-label="{html.escape(label)}"
             style="--p: {verdict.p_ai:.1%}; --low: {band.human_below:.1%}; --high: {band.ai_above:.1%}">
          <div class="verso-pin"><span>{shown.p_ai}</span></div>
          <div class="verso-track"><div class="verso-mark"></div></div>
          <div class="verso-ends"><span>human<br>below {shown.human_below}</span>
          <span>inconclusive</span><span style="text-align:right">AI<br>above {shown.ai_above}</span></div>
        </div>"""
    )
    st.markdown(meaning(verdict, card))
    st.markdown(
        f":material/balance: **Where {percent(share)} of all works are generated:** {worth(verdict, card, share)}"
    )
    if unseen := not_looked_at(card, *size):
        st.markdown(f":material/crop_free: **Not looked at:** {unseen}.")
