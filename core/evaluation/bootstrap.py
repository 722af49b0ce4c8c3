"""Bootstrap draws of sources, and what is computed over all draws at once.

A source's images stand or fall together, so whole sources are drawn with replacement (Davison and Hinkley,
Bootstrap Methods, 1997, section 3.8), within each class, so that no draw loses a class. In a class that has
one source only there is nothing to draw among: there each image counts as its own source, and the interval
says nothing of other sources.

Every function that returns draws returns float64 `[rounds]`, NaN where a draw does not define the figure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

Truth = NDArray[np.bool_]
Scores = NDArray[np.float64]
Values = NDArray[np.float64]

ROUNDS = 1000
SLICE = 50
"""Draws whose calibration error is computed together: for each of them every image has a place in memory."""
BLOCK = 32
"""Images that are summed by group before any is looked at alone."""


@dataclass(frozen=True, eq=False)
class Draws:
    """The same draws for every model: how often each group of images was drawn.

    `group` is the group of each image, `[N]`, those of ai images numbered first; `counts` is float64
    `[rounds, groups]`; `ai_groups` is the number of groups of ai images.
    """

    group: NDArray[np.intp]
    counts: Values
    ai_groups: int

    @classmethod
    def of(cls, truth: Truth, sources: pd.Series, rounds: int = ROUNDS, seed: int = 0) -> Draws:
        """Draw; the draws depend on the arguments alone.

        Args:
            truth: is it ai, `[N]`.
            sources: the source of each image, `[N]`.
            rounds: how many draws.
            seed: of the draws.
        """
        group = np.zeros(len(truth), np.intp)
        sizes: list[int] = []
        for of_class in (truth, ~truth):
            names = sources.to_numpy()[of_class]
            found = pd.factorize(names, sort=True)[0]
            if len(names) and found.max() == 0:
                found = np.arange(len(names))
            group[of_class] = found + sum(sizes)
            sizes.append(int(found.max()) + 1 if len(names) else 0)
        chance = np.random.default_rng(seed)
        counts = np.empty((rounds, sum(sizes)))
        for row in counts:
            row[:] = np.concatenate(
                [np.bincount(chance.integers(size, size=size), minlength=size) for size in sizes if size]
                or [np.empty(0, np.intp)]
            )
        return cls(group, counts, sizes[0])

    @property
    def of_ai(self) -> Values:
        """How often each group of ai images was drawn, `[rounds, ai groups]`."""
        return self.counts[:, : self.ai_groups]

    @property
    def of_human(self) -> Values:
        """How often each group of human images was drawn, `[rounds, human groups]`."""
        return self.counts[:, self.ai_groups :]

    def sums(self, values: NDArray[np.floating]) -> Values:
        """Sum a value of each image, `[N]`, over the images of each draw."""
        return self.counts @ np.bincount(self.group, weights=values, minlength=self.counts.shape[1])

    def tallies(self, kinds: NDArray[np.integer], number: int) -> Values:
        """Count the images of each kind, 0 to `number` - 1, `[N]`, in each draw: `[rounds, number]`."""
        groups = self.counts.shape[1]
        of_group = np.bincount(self.group * number + kinds, minlength=groups * number)
        return self.counts @ of_group.reshape(groups, number)


def auc_draws(draws: Draws, truth: Truth, p_ai: Scores) -> Values:
    """Compute the ROC AUC of each draw; both classes must be there.

    The AUC is the share of pairs (ai, human) in the right order, ties counted as half (Hanley and McNeil,
    1982), and the pairs won between two sources are the same in every draw.
    """
    ai_of, human_of = draws.group[truth], draws.group[~truth] - draws.ai_groups
    order = np.argsort(p_ai[~truth])
    below = np.zeros((len(order) + 1, draws.of_human.shape[1]))
    below[np.arange(1, len(order) + 1), human_of[order]] = 1
    below = below.cumsum(axis=0)
    ranked = p_ai[~truth][order]
    by_group = np.argsort(ai_of, kind="stable")
    scores = p_ai[truth][by_group]
    won = below[np.searchsorted(ranked, scores)] + below[np.searchsorted(ranked, scores, side="right")]
    starts = np.searchsorted(ai_of[by_group], np.arange(draws.ai_groups))
    won_between = np.add.reduceat(won, starts, axis=0) / 2
    pairs = (draws.of_ai @ np.bincount(ai_of)) * (draws.of_human @ np.bincount(human_of))
    share: Values = ((draws.of_ai @ won_between) * draws.of_human).sum(axis=1) / pairs
    return share


def tpr_at_fpr_draws(draws: Draws, truth: Truth, p_ai: Scores, fpr: float) -> Values:
    """Compute the largest share of ai works found while at most `fpr` of human ones are accused, per draw."""
    ai_of, human_of = draws.group[truth], draws.group[~truth] - draws.ai_groups
    order = np.argsort(-p_ai[~truth])
    total = draws.of_human @ np.bincount(human_of)
    allowed = np.floor(fpr * total)
    allowed -= allowed / total > fpr
    allowed += (allowed + 1) / total <= fpr
    first_over = _reaching(draws.of_human, human_of[order], allowed + 1)
    thresholds, of_draw = np.unique(p_ai[~truth][order][first_over], return_inverse=True)
    found = np.stack([np.bincount(ai_of[p_ai[truth] > at], minlength=draws.ai_groups) for at in thresholds])
    share: Values = (draws.of_ai * found[of_draw]).sum(axis=1) / (draws.of_ai @ np.bincount(ai_of))
    return share


def calibration_errors(
    counts: Values, group: NDArray[np.intp], truth: Truth, p_ai: Scores, bins: int
) -> Values:
    """Compute the mean gap between probability and frequency over bins of equal mass: `[rounds]`.

    Bins are as large as `numpy.array_split` makes them. Where one ends among images of the same probability it gets that
    part of all of them, so that the order of rows has no say.

    Args:
        counts: how often each group was drawn, `[rounds, groups]`.
        group: of each image, `[N]`.
        truth: is it ai, `[N]`.
        p_ai: the probabilities, `[N]`.
        bins: how many.
    """
    values, of_image = np.unique(p_ai, return_inverse=True)
    shape = counts.shape[1], len(values)
    images = csr_array((np.ones(len(truth)), (group, of_image)), shape)
    gaps = csr_array((p_ai - truth, (group, of_image)), shape)
    of_slices = [
        _calibration_errors(np.asarray(part @ images), np.asarray(part @ gaps), bins)
        for part in np.split(counts, range(SLICE, len(counts), SLICE))
    ]
    return np.concatenate(of_slices)


def _calibration_errors(images: Values, gaps: Values, bins: int) -> Values:
    """Compute the same, `[rounds]`, from the images of each probability and the sum of their gaps, `[rounds, values]`."""
    up_to, sums = (np.pad(each.cumsum(axis=1), ((0, 0), (1, 0))) for each in (images, gaps))
    total, draw = up_to[:, -1], np.arange(len(images))
    sizes, longer = np.divmod(total, bins)
    at_edges = np.zeros((len(images), bins + 1))
    for number in range(1, bins + 1):
        edge = number * sizes + np.minimum(number, longer)
        place = np.minimum((up_to[:, 1:] < edge[:, np.newaxis]).sum(axis=1), images.shape[1] - 1)
        part = (edge - up_to[draw, place]) / np.maximum(images[draw, place], 1)
        at_edges[:, number] = sums[draw, place] + part * gaps[draw, place]
    error: Values = np.abs(np.diff(at_edges)).sum(axis=1) / total
    return error


def _reaching(counts: Values, groups: NDArray[np.intp], edges: Values) -> NDArray[np.intp]:
    """Find the first of the ranked images at which the running number of images is at least each edge.

    Blocks of images are summed by group first, so that only the block of an edge is looked at image by image.

    Args:
        counts: how often each group was drawn, `[rounds, groups]`.
        groups: the group of each image in ranked order, `[N]`.
        edges: of each draw, `[rounds]`, at most the images of the draw.

    Returns:
        Positions among the ranked images, `[rounds]`.
    """
    number, every = counts.shape[1], np.arange(len(groups))
    blocks = len(groups) // BLOCK + 1
    cell = every // BLOCK * number + groups
    size = np.bincount(cell, minlength=blocks * number).reshape(blocks, number)
    images = (counts @ size.T).cumsum(axis=1)
    draw = np.arange(len(counts))
    block = (images < edges[:, np.newaxis]).sum(axis=1)
    places = np.minimum(block[:, np.newaxis] * BLOCK + np.arange(BLOCK), len(groups) - 1)
    drawn = counts[draw[:, np.newaxis], groups[places]]
    before = np.where(block > 0, images[draw, block - 1], 0.0)
    within = drawn.cumsum(axis=1) + before[:, np.newaxis]
    step = (within < edges[:, np.newaxis]).sum(axis=1)
    found: NDArray[np.intp] = block * BLOCK + step
    return found
