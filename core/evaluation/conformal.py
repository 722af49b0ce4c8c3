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
    human, ai = np.sort(p_ai[~is_ai]), np.sort(p_ai[is_ai])
    human_rank, ai_rank = _rank(human, human_called_ai), _rank(ai, ai_called_human)
    human_up_to = float(human[human_rank - 1]) if human_rank <= len(human) else 1.0
    ai_from = float(ai[-ai_rank]) if ai_rank <= len(ai) else 0.0
    return Thresholds(min(human_up_to, ai_from), max(human_up_to, ai_from))


def _rank(calibration: NDArray[np.floating], error: float) -> int:
    """Return which of n works, from the most usual on, is the last that is not strange: the ceil((n + 1)(1 - error))-th."""
    return int(np.ceil((len(calibration) + 1) * (1 - error)))
