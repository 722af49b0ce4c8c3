"""What a verdict is worth where generated works are rarer, or more common, than the probability assumes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from core.verdict import Label, Verdict
from core.wording import percent

if TYPE_CHECKING:
    from core.detectors.card import Card, SplitFigures

EXPECT: Final = "ood"
"""The split whose rates to expect: works of generators and sources the model never saw."""
_WRONG: Final[dict[Label, tuple[str, Literal["human", "ai"]]]] = {
    Label.AI: ("human_called_ai", "human"),
    Label.HUMAN: ("ai_called_human", "ai"),
}
"""Of a verdict, the figure that says how often it is wrong, and the class of the works of which it is."""


@dataclass(frozen=True)
class Share:
    """A share in [0, 1] and the range in which to expect it."""

    value: float
    low: float
    high: float


def called_right(figures: SplitFigures, label: Literal["human", "ai"]) -> float | None:
    """Return the share of the works of a class that are called so, in [0, 1]; None where the groups do not cover them all."""
    groups = [group for group in figures.groups if group.label == label]
    works = sum(group.images for group in groups)
    if not works or works != {"human": figures.human, "ai": figures.ai}[label]:
        return None
    return sum(group.images * (1 - group.wrong - group.inconclusive) for group in groups) / works


def at_share(p_ai: float, share: float) -> float:
    """Return what a probability that assumes as many works of each class becomes where `share` of them is generated.

    Bayes' rule for another prior, as in Saerens, Latinne and Decaestecker, Adjusting the outputs of a classifier to new a
    priori probabilities (2002).

    Args:
        p_ai: calibrated probability, in [0, 1].
        share: of generated works among all, in (0, 1).
    """
    ai, human = p_ai * share, (1 - p_ai) * (1 - share)
    return ai / (ai + human)


def wrong_among(label: Label, figures: SplitFigures, share: float) -> Share | None:
    """Return the share of wrong ones, in [0, 1], among the verdicts `label` where `share` of all works is generated.

    The range takes the 95 % interval of the rate at which the verdict is wrong; the rate at which it is right has none on
    the card. None for `inconclusive`, and where the card does not state both rates or the verdict was never given.

    Args:
        label: the verdict.
        figures: the model's rates.
        share: of generated works among all, in (0, 1).
    """
    if label not in _WRONG:
        return None
    figure, mistaken = _WRONG[label]
    rate = figures.figures.get(figure)
    right = called_right(figures, "ai" if mistaken == "human" else "human")
    of_mistaken, of_right = (1 - share, share) if mistaken == "human" else (share, 1 - share)
    if rate is None or not right:
        return None
    return Share(
        *(
            wrong * of_mistaken / (wrong * of_mistaken + right * of_right)
            for wrong in (rate.value, rate.low, rate.high)
        )
    )


def worth(verdict: Verdict, card: Card, share: float) -> str:
    """Say in a sentence what a verdict and its probability are worth where `share`, in (0, 1), of all works is generated."""
    of_this = f"the probability that this one is generated is {percent(at_share(verdict.p_ai, share))}"
    unseen = card.splits.get(EXPECT)
    wrong = wrong_among(verdict.label, unseen, share) if unseen else None
    if wrong is None:
        return f"{of_this[0].upper()}{of_this[1:]}."
    made, said = ("works by people", "AI") if verdict.label is Label.AI else ("generated works", "human")
    return (
        f"Of works from sources and generators new to the model (split {EXPECT}), expect {percent(wrong.value)} "
        f"({percent(wrong.low)} to {percent(wrong.high)} over the 95 % range of its errors) of the verdicts {said} to fall "
        f"on {made}; {of_this}."
    )
