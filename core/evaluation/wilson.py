"""The interval of Wilson (1927) of a share."""

from __future__ import annotations

from scipy.stats import binomtest


def wilson(count: int, works: int) -> tuple[float, float]:
    """Return the ends of the 95 % interval of `count` of `works` as a share in [0, 1]; `works` is at least 1."""
    interval = binomtest(count, works).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)
