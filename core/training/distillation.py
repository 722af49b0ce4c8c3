"""Distillation: the network's features learn to say what a frozen encoder says of the clean picture.

Hinton et al., Distilling the Knowledge in a Neural Network (2015); Romero et al., FitNets: Hints for Thin Deep
Nets (2015), from which the learned projection between features of different size is taken.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from core.errors import TrainingError

Targets = NDArray[np.float32]


class Hint(nn.Module):
    """A linear projection of features, trained with the network, and what it is to match.

    The targets are standardised, number by number: embeddings of whatever pictures have most of their length in
    common, and a projection that says nothing but this would be close to all of them.

    Args:
        features: length of the network's pooled feature.
        targets: embeddings of the clean training pictures, float32 `[N, D]`, in the order of the examples.
        seed: of the projection's random weights.
    """

    targets: Tensor

    def __init__(self, features: int, targets: Targets, seed: int) -> None:
        super().__init__()
        standardised = StandardScaler().fit_transform(targets).astype(np.float32)
        self.register_buffer("targets", torch.from_numpy(standardised), persistent=False)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.projection = nn.Linear(features, targets.shape[1])

    def distance(self, pooled: Tensor, indices: Tensor) -> Tensor:
        """Return the mean of 1 - cosine, in [0, 2], between projection and standardised target.

        Args:
            pooled: features of a batch, float32 `[B, features]`.
            indices: which examples they are of, int64 `[B]`.
        """
        projected = self.projection(pooled)
        distances: Tensor = 1 - cosine_similarity(projected, self.targets[indices.to(self.targets.device)])
        return distances.mean()


def require_targets(targets: Targets | None, examples: int, recipe: str) -> Targets:
    """Return `targets` if there is one for each example.

    Raises:
        TrainingError: if there are none, or of another number.
    """
    if targets is None or len(targets) != examples:
        found = "none" if targets is None else f"{len(targets)}"
        raise TrainingError(
            f"Recipe '{recipe}' distils an encoder and needs its embedding of each of the {examples} training "
            f"images, but was given {found}; give one row per image."
        )
    return targets
