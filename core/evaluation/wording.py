"""Says in plain words what the paired tests of two models found."""

from __future__ import annotations

from collections.abc import Sequence

from core.evaluation.paired import AucDifference, Pair, Part, Side

FEWEST = 2
NAMED = 4
"""Media and families on which two models cannot be told apart are named up to this number, then counted."""


def sentence(pair: Pair, images: str) -> str:
    """Say which of two models is better on `images`, and on which media and families.

    Such as: "A is better than B on ood (ΔAUC 0.040, 0.020 to 0.060); on human comic they cannot be told apart."
    """
    return "; ".join([_overall(pair, images), *_at_thresholds(pair), *_by_part(pair, images)]) + "."


def _overall(pair: Pair, images: str) -> str:
    difference = pair.auc
    if isinstance(difference, AucDifference):
        if difference.better is None:
            return _even(pair, difference, images)
        better, worse = _ordered(pair, difference.better)
        sign = 1 if difference.better == "first" else -1
        return f"{better} is better than {worse} on {images} ({_auc(difference, sign)})"
    counts = sorted((pair.mcnemar.only_first, pair.mcnemar.only_second), reverse=True)
    if pair.mcnemar.better is None:
        return (
            f"{pair.first} and {pair.second} cannot be told apart on {images} (on {counts[0]} images only one of "
            f"them was right, on {counts[1]} only the other; ΔAUC not defined here)"
        )
    better, worse = _ordered(pair, pair.mcnemar.better)
    return (
        f"{better} is right more often than {worse} on {images} (on {counts[0]} images only it was right, on "
        f"{counts[1]} only the other; ΔAUC not defined here)"
    )


def _even(pair: Pair, difference: AucDifference, images: str) -> str:
    """Say that two models rank alike, and after it who is right more often, if one is."""
    side = pair.mcnemar.better
    if side is None:
        return f"{pair.first} and {pair.second} cannot be told apart on {images} ({_auc(difference, 1)})"
    return (
        f"At these thresholds {pair.named(side)} is right more often than {pair.named(_other(side))} on {images}; by how they "
        f"rank the images the two cannot be told apart ({_auc(difference, 1)})"
    )


def _other(side: Side) -> Side:
    return "second" if side == "first" else "first"


def _at_thresholds(pair: Pair) -> list[str]:
    """Say who is right more often where the AUC tells the other to be better."""
    side = pair.mcnemar.better
    if side is None or not isinstance(pair.auc, AucDifference) or pair.auc.better in {None, side}:
        return []
    return [f"at these thresholds {pair.named(side)} is right more often"]


def _by_part(pair: Pair, images: str) -> list[str]:
    if len(pair.parts) < FEWEST:
        return []
    sides: tuple[Side, Side] = ("first", "second")
    said = [
        f"on {_listed(won)} {pair.named(side)} is right more often"
        for side in sides
        if (won := [part for part in pair.parts if part.mcnemar.better == side])
    ]
    even = [part for part in pair.parts if part.mcnemar.better is None]
    if len(even) == len(pair.parts):
        return [*said, f"on no medium and no family of {images} alone can they be told apart"]
    if len(even) > NAMED:
        return [*said, f"on the other {len(even)} media and families they cannot be told apart"]
    if even:
        return [*said, f"on {_listed(even)} they cannot be told apart"]
    return said


def _ordered(pair: Pair, better: Side) -> tuple[str, str]:
    return (pair.first, pair.second) if better == "first" else (pair.second, pair.first)


def _auc(difference: AucDifference, sign: int) -> str:
    low, high = sorted((sign * difference.low, sign * difference.high))
    return f"ΔAUC {sign * difference.value:z.3f}, {low:z.3f} to {high:z.3f}"


def _listed(parts: Sequence[Part]) -> str:
    names = [str(part) for part in parts]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
