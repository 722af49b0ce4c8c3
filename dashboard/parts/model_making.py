"""How a model was made: what it learned from, what it is fed, how a score becomes a verdict, its recipe."""

from typing import Final

import pandas as pd
import streamlit as st

from core.detectors.card import Card
from core.detectors.cascade import FAMILY
from core.detectors.library import Entry
from core.errors import VersoError
from core.training.recipe_difference import declared, flat
from dashboard.corpus_shelf import leak_findings, shown_corpus
from dashboard.parts.error_sentence import error_sentence
from dashboard.parts.escaping import escaped
from dashboard.parts.training_curves import training_curves
from dashboard.parts.verdict_card import STYLE

FEATURES: Final = {
    "embedding": "what the frozen encoder makes of these pixels",
    "pixels": "these pixels themselves",
    "forensic": "statistics of noise, frequencies, colour and texture made by hand from these pixels",
}
GRADIENT: Final = """
<div class="verso-scale" role="img" aria-label="{label}" style="--low: {low:.1%}; --high: {high:.1%}">
  <div class="verso-track"></div>
  <div class="verso-ends"><span>human<br>below {low:.1%}</span><span>inconclusive</span>
  <span style="text-align:right">AI<br>above {high:.1%}</span></div>
</div>
"""


def model_making(entry: Entry, card: Card) -> None:
    """Draw everything that says how a model was made."""
    origin, judging = st.columns(2, gap="large")
    with origin:
        st.subheader("Where it comes from", anchor=False)
        st.markdown(_bullets(_origin(card)))
        st.subheader("What it is fed", anchor=False)
        st.markdown(_bullets(_fed(card)))
    with judging:
        st.subheader("When it says inconclusive", anchor=False)
        band = card.thresholds
        st.html(
            STYLE
            + GRADIENT.format(
                label=f"Human below {band.human_below:.1%}, AI above {band.ai_above:.1%}, inconclusive between",
                low=band.human_below,
                high=band.ai_above,
            )
        )
        st.markdown(_bullets(_deciding(card)))
        st.subheader("How a score becomes a probability", anchor=False)
        st.markdown(_bullets(_calibrating(card)))
    st.subheader("How its training went", anchor=False)
    training_curves(entry)
    _recipe(card)


def _bullets(sentences: list[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _origin(card: Card) -> list[str]:
    corpus = card.corpus
    said = [
        (
            f"learned from **{corpus.train_human:,} human** and **{corpus.train_ai:,} generated** works; "
            f"{corpus.val_human:,} and {corpus.val_ai:,} others were there to validate it"
        ),
        f"corpus version `{corpus.version[:12]}`, {_same_corpus(corpus.version)}",
        (
            f"started from {escaped(card.initialisation.origin)}; licence of these weights: "
            f"{escaped(card.initialisation.license)}"
        ),
    ]
    if card.encoder:
        said.append(f"judges embeddings of the frozen encoder with weights `{card.encoder[:12]}`")
    if card.kept_epoch is not None and card.epochs is not None:
        said.append(f"kept the weights of epoch {card.kept_epoch + 1} of {card.epochs}")
    if card.in_int8:
        said.append(
            "judges in 8-bit integers where the processor is fastest so, and in 16 or 32 bits elsewhere, which "
            "gives slightly other probabilities; maps are never drawn in 8 bits"
        )
    clean = card.commit.removesuffix("-dirty")
    altered = "" if clean == card.commit else ", with changes that were never committed"
    said.append(
        f"trained {escaped(card.trained)} by recipe `{card.recipe}` with seed {card.seed}; code `{clean}`{altered}"
    )
    return said


def _same_corpus(version: str) -> str:
    try:
        shown = shown_corpus().version
    except VersoError as error:
        return f"which cannot be compared with the corpus on *Data* ({escaped(str(error))})"
    if shown == version:
        return "the one on the page *Data*"
    return f"**not** the one on the page *Data* (`{shown[:12]}`)"


def _fed(card: Card) -> list[str]:
    fed = card.preprocessing
    square = f"{fed.window} × {fed.window} pixels"
    if fed.windows == 1:
        seen = f"the middle square of {square}"
    else:
        seen = f"{fed.windows} squares of {square}, spread along the long side; what it finds in them is averaged"
    said = [
        (
            f"a copy of at most {fed.uniform_side} pixels on the short side, saved as JPEG of quality "
            f"{fed.uniform_quality}, panoramas trimmed to {fed.uniform_aspect:g} : 1. Every work is treated alike, so "
            "format and size tell it nothing; what only the full resolution shows, it cannot see"
        ),
        f"of that, scaled to {fed.short_side} pixels on the short side, {seen}",
        f"audits decode JPEGs at half their scale, a quarter or an eighth, as long as {fed.enough} pixels of each side are left",
    ]
    if card.family != FAMILY and (card.features is None or card.encoder):
        said.append(f"red, green and blue (0 to 1) less {_numbers(fed.mean)}, divided by {_numbers(fed.std)}")
    if card.features is not None:
        declared_as = card.features.model_dump(mode="json", exclude={"kind"})
        details = "; ".join(f"{name}: {escaped(text)}" for name, text in flat(declared_as))
        judged = FEATURES.get(card.features.kind, card.features.kind)
        said.append(f"it judges {judged}{f' ({details})' if details else ''}")
    return [*said, *_leaking(card.name)]


def _leaking(model: str) -> list[str]:
    """Say what the leak alarm found about what a model is fed, if it was run on that."""
    try:
        findings = leak_findings()
    except VersoError as error:
        return [escaped(str(error))]
    report = findings.about(model) if findings else None
    if report is None:
        return ["the leak alarm (page *Data*) was not run on this input"]
    auc, rings = report.auc, report.verdict == "rings"
    return [
        (
            f"the leak alarm (page *Data*) {'**rings** on' if rings else 'is silent on'} this input: metadata alone tells AI "
            f"from human with an AUC of {auc.value:.2f} ({auc.low:.2f} to {auc.high:.2f}) on *{report.judged_on}*; 0.5 is "
            "guessing"
        )
    ]


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.3g}" for value in values)


def _deciding(card: Card) -> list[str]:
    policy = card.thresholds.policy.replace(" %", "%").replace("%", "\N{NO-BREAK SPACE}%")
    chosen = "the edges are" if card.family == FAMILY else "the edges were chosen so that,"
    return [
        f"{chosen} {escaped(policy)}",
        (
            "the probability assumes as many generated as human works: where generated ones are rare, more of the "
            "verdicts *AI* are wrong"
        ),
    ]


def _calibrating(card: Card) -> list[str]:
    how = card.calibration
    if card.family == FAMILY:
        return ["the probability is that of the model that judged, which has a calibration of its own"]
    return [
        (
            f"p = sigmoid({how.slope:.3g} × score {'+' if how.intercept >= 0 else '-'} {abs(how.intercept):.3g}): Platt "
            "scaling of how much more the model leans to AI than to human"
        ),
        f"fitted on {escaped(how.fitted_on)}",
    ]


def _recipe(card: Card) -> None:
    st.subheader("Its recipe", anchor=False)
    if card.family == FAMILY:
        st.caption("It has none: `python -m core cascade` chose when the next of its models is asked.")
        return
    try:
        fields = declared(card)
    except VersoError as error:
        error_sentence(error)
        return
    if not fields:
        st.caption(
            f"The recipe `{card.recipe}` is not one of those that come with Verso, and does not travel with the "
            "model; what is known of it stands above."
        )
        return
    st.caption(
        f"`core/training/recipes/{card.recipe}.toml` as this version of Verso has it; the model was trained with "
        f"that of code `{card.commit}`."
    )
    table = pd.DataFrame(
        {"field": [f"`{field}`" for field in fields], "value": [escaped(v) for v in fields.values()]}
    )
    with st.expander(f"{len(fields)} fields"):
        st.table(table, hide_index=True, border="horizontal")
