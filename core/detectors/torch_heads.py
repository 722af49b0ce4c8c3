"""Fitted pipelines as torch modules, so that what a head says can be followed back into the encoder.

They compute in float64 what scikit-learn's `decision_function` computes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import Tensor, nn

from core.errors import ExplanationError


class Standardise(nn.Module):
    """scikit-learn's StandardScaler: `(features - mean) / scale`, column by column."""

    mean: Tensor
    scale: Tensor

    def __init__(self, fitted: StandardScaler) -> None:
        super().__init__()
        size = fitted.n_features_in_
        self.register_buffer("mean", _kept(fitted.mean_ if fitted.with_mean else np.zeros(size)))
        self.register_buffer("scale", _kept(fitted.scale_ if fitted.with_std else np.ones(size)))

    def forward(self, features: Tensor) -> Tensor:
        """Map `[N, size]` to `[N, size]`."""
        return (features - self.mean) / self.scale


class LinearMargin(nn.Module):
    """Logistic regression: the log-odds of the second class."""

    weights: Tensor

    def __init__(self, fitted: LogisticRegression) -> None:
        super().__init__()
        self.register_buffer("weights", _kept(fitted.coef_[0]))
        self.intercept = float(fitted.intercept_[0])

    def forward(self, features: Tensor) -> Tensor:
        """Map `[N, size]` to `[N]`."""
        return features @ self.weights + self.intercept


class RadialMargin(nn.Module):
    """Support vector machine with an RBF kernel: the sum over its vectors v of `dual x exp(-gamma |x - v|²)`."""

    vectors: Tensor
    dual: Tensor

    def __init__(self, fitted: SVC) -> None:
        super().__init__()
        self.register_buffer("vectors", _kept(fitted.support_vectors_))
        self.register_buffer("dual", _kept(fitted.dual_coef_[0]))
        self.intercept = float(fitted.intercept_[0])
        self.gamma = float(fitted._gamma)  # noqa: SLF001  (what gamma="scale" came to has no public name)

    def forward(self, features: Tensor) -> Tensor:
        """Map `[N, size]` to `[N]`."""
        lengths = features.square().sum(dim=1, keepdim=True) + self.vectors.square().sum(dim=1)
        distances = lengths - 2 * features @ self.vectors.T
        return torch.exp(-self.gamma * distances) @ self.dual + self.intercept


def torch_head(pipeline: Pipeline, name: str) -> nn.Module:
    """Return a fitted pipeline as a module in float64, on the CPU, with nothing in it to train.

    Args:
        pipeline: a StandardScaler, or none, and then a LogisticRegression or an SVC with an RBF kernel, fitted on
            the classes 0 (human) and 1 (ai).
        name: of the model, for the message.

    Returns:
        what maps features `[N, size]`, of any precision, to margins, float64 `[N]`: score(`ai`) -
        score(`human`), as `decision_function` gives it. Differentiable.

    Raises:
        ExplanationError: if a step of the pipeline has no gradient.
    """
    return nn.Sequential(_Double(), *(_step(step, name) for _, step in pipeline.steps)).eval()


PLAIN_NAMES: Final = {
    "DecisionTreeClassifier": "a decision tree",
    "HistGradientBoostingClassifier": "gradient-boosted trees",
    "KNeighborsClassifier": "the most similar pictures it has seen (nearest neighbours)",
    "LogisticRegression": "a logistic regression",
    "RandomForestClassifier": "a random forest",
    "SVC": "a support vector machine",
}


def plain_name(step: object) -> str:
    """Return what a step of a pipeline is called in plain words."""
    what = type(step).__name__
    return PLAIN_NAMES.get(what, f"a {what}")


def not_followed(name: str, judges_by: str) -> ExplanationError:
    """Return the error that says why a model cannot show where it looked, and which kinds of model can."""
    return ExplanationError(
        f"Model '{name}' cannot show where it looked by Grad-CAM: it judges by {judges_by}, and only a ResNet-18, or a "
        "support vector machine (RBF kernel) or logistic regression on embeddings, can be followed back into the "
        "picture; choose one of these to see such a map."
    )


class _Double(nn.Module):
    def forward(self, features: Tensor) -> Tensor:
        return features.double()


STEPS: dict[type, Callable[..., nn.Module]] = {
    StandardScaler: Standardise,
    LogisticRegression: LinearMargin,
    SVC: RadialMargin,
}


def _step(step: object, name: str) -> nn.Module:
    what = plain_name(step)
    if isinstance(step, SVC) and step.kernel != "rbf":
        what = f"{what} with the kernel '{step.kernel}'"
    elif type(step) in STEPS:
        return STEPS[type(step)](step)
    raise not_followed(name, what)


def _kept(values: ArrayLike) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float64)
