"""A network's raw score as a probability that holds."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy.special import expit


class PlattScaling(BaseModel):
    """p_ai = sigmoid(slope x margin + intercept), after Platt, Probabilistic Outputs for SVMs (1999).

    `margin` is the score of `ai` minus the score of `human`, before any softmax. `fitted_on` names the
    images the two numbers were fitted on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["platt"] = "platt"
    slope: float
    intercept: float
    fitted_on: str

    def __call__(self, margins: NDArray[np.floating]) -> NDArray[np.float32]:
        """Map margins `[N]` to probabilities, float32 `[N]` in [0, 1]."""
        p_ai: NDArray[np.float32] = expit(self.slope * margins + self.intercept).astype(np.float32)
        return p_ai
