"""How good a model is and where it fails, as its card says it."""

from typing import Final

import pandas as pd
import streamlit as st

from core.detectors.card import Card, Interval
from core.evaluation.metrics import METRICS
from core.evaluation.robustness_tables import robustness_of_split
from core.evaluation.tables import SPLIT_TITLES, figures_by_split, groups_of_split, sources_of_split
from dashboard.parts.escaping import escaped

MEANINGS: Final = {
    "auc": "how often it gives the AI work of a random pair, one AI and one human, the higher probability; 0.5 is "
    "guessing",
    "balanced_accuracy": "share of right answers, each class counting half, if it had to answer and cut at 0.5",
    "tpr_at_1_fpr": "share of AI works found by a cut that accuses 1 in 100 human works",
    "tpr_at_5_fpr": "the same with 5 in 100",
    "human_called_ai": "false accusations, at its own thresholds; inconclusive is none",
    "ai_called_human": "generated works let pass, at its own thresholds",
    "coverage": "the rest is inconclusive",
    "decided_accuracy": "share of right verdicts among those that are not inconclusive",
    "decided_balanced_accuracy": "the same, each class counting half",
    "ece": "mean gap between the probability it gave and how often it was AI; 15 bins",
    "brier": "mean squared error of the probability; 0.25 is guessing",
}
LEADS: Final = {
    "ood": ("On generators and sources it never saw", "Expect this at your desk, not the figures of *test*."),
    "test": ("On new works of the sources it learned from", "Expect worse at your desk."),
    "val": ("On the works its thresholds were chosen on", "Expect much worse at your desk."),
}
TELLING: Final = {
    "human_called_ai": "called **{} of human works AI**",
    "ai_called_human": "**{} of generated works human**",
    "coverage": "and decided in {} of all",
}


def model_figures(card: Card, name: str) -> None:
    """Draw the headline figures, the groups with the worst first, the known failures and robustness.

    Args:
        card: of the model.
        name: its folder's name, which the command line takes.
    """
    if not card.splits:
        st.info(f"This card has no figures yet. Make them with `python -m core evaluate {name}`.")
    else:
        st.markdown(lead(card))
        st.table(_headline(card), hide_index=True, border="horizontal")
        st.caption(
            f"{_splits(card)} In brackets 95 % intervals: bootstrap over sources, where a share is 0 or 1 at least as wide as Wilson's. Remake the "
            f"figures with `python -m core evaluate {name}`."
        )
        _by_split(card)
    _failures(card)


def decides_nothing(card: Card) -> bool:
    """Whether every work was inconclusive to a model where it counts most; its error rates of 0 are then no merit."""
    split = _leading(card)
    decided = card.splits[split].figures.get("coverage") if split else None
    return decided is not None and decided.value == 0


def _leading(card: Card) -> str | None:
    return next((name for name in LEADS if name in card.splits), None)


def lead(card: Card) -> str:
    """Say the most important figures in one sentence; of a model that decides nothing, that."""
    split = _leading(card)
    if split is None:
        return ""
    if decides_nothing(card):
        return (
            f"**It decides nothing.** {LEADS[split][0]} every work was *inconclusive* to it. It accuses nobody falsely "
            "because it never says anything: its error rates of 0 are no merit."
        )
    figures = card.splits[split].figures
    said = [sentence.format(_share(figures[name])) for name, sentence in TELLING.items() if name in figures]
    met, expect = LEADS[split]
    return f"{met} it {', '.join(said)}. {expect}" if said else ""


def _share(interval: Interval) -> str:
    return f"{interval.value * 100:.1f} % ({interval.low * 100:.1f} to {interval.high * 100:.1f})"


def _headline(card: Card) -> pd.DataFrame:
    written = figures_by_split(card)
    columns = [column for column in written.columns if column != "better"]
    rows = []
    for name, figure in METRICS.items():
        if not any(name in card.splits[split].figures for split in columns):
            continue
        values = written.loc[figure.title]
        meaning = MEANINGS.get(name, "")
        better = f"{figure.better} is better"
        rows.append(
            {
                "figure": f"**{figure.title}**",
                "in plain words": f"{meaning}; {better}" if meaning else better,
                **{f"*{column}*": values[column] for column in columns},
            }
        )
    return pd.DataFrame(rows)


def _splits(card: Card) -> str:
    said = [
        f"*{split}*{SPLIT_TITLES[split].removeprefix(split)} ({figures.human:,} human, {figures.ai:,} generated)"
        for split, figures in card.splits.items()
        if split in SPLIT_TITLES
    ]
    return "; ".join(said) + "."


def _by_split(card: Card) -> None:
    with_groups = [split for split in SPLIT_TITLES if split in card.splits and card.splits[split].groups]
    if not with_groups:
        return
    line = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom")
    line.subheader("Where it goes wrong", anchor=False)
    split = line.segmented_control(
        "Works of",
        with_groups,
        default=with_groups[-1],
        required=True,
        key="model-split",
        bind="query-params",
        label_visibility="collapsed",
    )
    split = str(split or with_groups[-1])
    st.caption(
        f"Works of *{split}*, the worst first. In brackets 95 % intervals (Wilson) that take the works as independent: "
        "works of one source are not, so the truth may lie further out."
    )
    for column, label, heading in zip(
        st.columns(2, gap="large"), ("human", "ai"), ("Works by people", "Generated works"), strict=True
    ):
        table = groups_of_split(card, split, label)
        column.markdown(f"**{heading}**")
        if table.empty:
            column.caption(f"The card names no groups of these in *{split}*.")
        else:
            column.table(table, border="horizontal")
    if card.splits[split].sources:
        with st.expander("Works by people, by source"):
            st.table(sources_of_split(card, split), border="horizontal")
    _robustness(card, split)


def _failures(card: Card) -> None:
    st.subheader("Known failures", anchor=False)
    if card.known_failures:
        st.markdown("\n".join(f"- {escaped(failure)}" for failure in card.known_failures))
    st.caption(
        ("" if card.known_failures else "Its card names none. ")
        + "What no model here can know stands on the page **About**."
    )


def _robustness(card: Card, split: str) -> None:
    if not card.splits[split].robustness:
        return
    st.subheader("Robustness", anchor=False)
    st.caption(
        f"The works of *{split}*, the same done to each before it was judged. *AUC lost* is paired with the works as "
        "they are; below 0 nothing was lost. In brackets 95 % intervals."
    )
    st.table(robustness_of_split(card.splits[split]), border="horizontal")
