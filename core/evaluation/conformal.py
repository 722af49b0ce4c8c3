"""Class-conditional conformal prediction, read as an inconclusive band.

Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World (2005), chapter 4.5 (Mondrian); Sadinle, Lei and
Wasserman, Least Ambiguous Set-Valued Classifiers with Bounded Error Levels (JASA 2019).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.errors import EvaluationError
from core.verdict import Thresholds


def class_conditional(
    p_ai: NDArray[np.floating], is_ai: NDArray[np.bool_], human_called_ai: float, ai_called_human: float
) -> Thresholds:
    """Return the band outside which a prediction set holds one class alone.

    A set holds each class that its own calibration works do not refute; it is wrong about human works with
    probability `human_called_ai` at most, and about ai works with `ai_called_human`, if new works of a class are
    exchangeable with those given. An empty set is inconclusive like one that holds both.

    Args:
        p_ai: of the calibration works `[N]`, in [0, 1].
        is_ai: what they are `[N]`.
        human_called_ai: in (0, 1).
        ai_called_human: in (0, 1).

    Raises:
        EvaluationError: if one of the classes is missing.
    """
    if is_ai.all() or not is_ai.any():
        raise EvaluationError("A conformal band needs works of both classes to be calibrated on.")
    human_up_to = _quantile(p_ai[~is_ai], human_called_ai)
    ai_from = 1 - _quantile(1 - p_ai[is_ai], ai_called_human)
    return Thresholds(min(human_up_to, ai_from), max(human_up_to, ai_from))


def _quantile(strangeness: NDArray[np.floating], error: float) -> float:
    """Return the ceil((n + 1)(1 - error))-th smallest of n values, or 1 if there is no such."""
    rank = int(np.ceil((len(strangeness) + 1) * (1 - error)))
    return float(np.sort(strangeness)[rank - 1]) if rank <= len(strangeness) else 1.0
