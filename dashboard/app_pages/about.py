"""About: what the model was made from, how good it is, where it fails, and what is kept."""

import streamlit as st

from core.errors import VersoError
from core.evaluation.tables import SPLIT_TITLES, figures_by_split, groups_of_split
from dashboard.parts.verdict_card import percent
from dashboard.resources import shared_detector

try:
    card = shared_detector().card
except VersoError as error:
    st.error(str(error), icon=":material/error:")
    st.stop()

st.title("About Verso")
st.markdown(
    "*Verso* is the back of a painting, where stamps, labels and repairs tell what the front hides. This desk "
    "helps a person decide whether an artwork was made by a person or by a generator. **It does not decide.** "
    "Accusing an artist falsely is the worst error it can help to make, so it says *inconclusive* where it "
    "has been wrong too often, and every figure below comes with its uncertainty."
)

chose = "" if card.best_epoch is None else f"its best epoch ({card.best_epoch + 1} of {card.epochs}), "
st.header(f"The model {card.name}", anchor="model")
st.markdown(card.summary)
made, band = st.columns(2, gap="large")
with made:
    st.subheader("How it was made")
    st.markdown(
        f"- learned from **{card.corpus.train_human:,} human** and **{card.corpus.train_ai:,} generated** works; "
        f"{card.corpus.val_human + card.corpus.val_ai:,} further ones chose {chose}"
        "its calibration and its thresholds\n"
        f"- started from {card.initialisation.origin}; licence: {card.initialisation.license}\n"
        f"- trained {card.trained}, recipe `{card.recipe}`, seed {card.seed}, code `{card.commit}`\n"
        f"- corpus version `{card.corpus.version[:12]}`"
    )
with band:
    st.subheader("When it says inconclusive")
    st.markdown(
        f"- below **{card.thresholds.human_below:.1%}** it says *human*, above **{card.thresholds.ai_above:.1%}** "
        "*AI*, between them *inconclusive*\n"
        f"- the edges were chosen so that, {card.thresholds.policy}\n"
        "- the probability assumes as many generated as human works; where generated ones are rare, "
        "a verdict *AI* is wrong more often"
    )

st.header("How good it is")
if card.splits:
    st.table(figures_by_split(card))
    counts = "; ".join(
        f"**{SPLIT_TITLES[split]}** ({figures.human} human, {figures.ai} generated)"
        for split, figures in card.splits.items()
    )
    st.caption(
        f"{counts}. In brackets 95 % bootstrap intervals over sources. Remake the figures with "
        f"`python -m core evaluate {card.name}`."
    )
else:
    st.info(f"This card has no figures yet; make them with `python -m core evaluate {card.name}`.")

st.header("Where it fails")
worst = next((split for split in ("ood", "test") if split in card.splits and card.splits[split].groups), None)
if worst:
    st.markdown(f"Works of **{worst}**, by what they are; few works mean little certainty.")
    for column, label, heading in zip(
        st.columns(2, gap="large"), ("human", "ai"), ("Works by people", "Generated works"), strict=True
    ):
        column.subheader(heading, anchor=False)
        column.table(groups_of_split(card, worst, label))
failures = list(card.known_failures)
if unseen := card.splits.get("ood"):
    accused, missed = unseen.figures["human_called_ai"], unseen.figures["ai_called_human"]
    failures.append(
        f"On sources it never saw it called **{percent(accused.value)}** of human works AI and "
        f"**{percent(missed.value)}** of generated works human. Expect this, not the figures of *test*."
    )
failures += [
    "It knows pictures of 2022 to 2024 best. A generator newer than its corpus can pass as human.",
    "It judges a copy of 352 pixels on the short side: what only the full resolution shows, it cannot see.",
    "A photograph of a painting, a painted-over generated picture or a retouched one is none of its two classes.",
]
st.markdown("\n".join(f"- {failure}" for failure in failures))

st.header("What is kept")
st.markdown(
    "Nothing is written to disk. An upload leaves the server's memory as soon as it is judged; a preview of it and "
    "the findings stay in the memory of your session until you take them off the desk or close the page. No "
    "usage statistics are sent."
)
