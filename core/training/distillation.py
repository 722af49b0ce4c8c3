"""Distillation: a network learns to say what a frozen encoder, and a head on it, say of the same view of a picture."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity


class Hint(nn.Module):
    """A linear projection of features, trained with the network, that is to match embeddings.

    Romero et al., FitNets: Hints for Thin Deep Nets (2015).

    Args:
        features: length of the network's pooled feature.
        width: length of an embedding.
        seed: of the projection's random weights.
    """

    def __init__(self, features: int, width: int, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.projection = nn.Linear(features, width)

    def distance(self, pooled: Tensor, targets: Tensor) -> Tensor:
        """Return the mean of 1 - cosine, in [0, 2], between projection and embedding.

        Args:
            pooled: features of a batch, float32 `[B, features]`.
            targets: embeddings of the batch, standardised number by number, float32 `[B, width]`: those of whatever
                pictures have most of their length in common, and a projection that says nothing but this would be close
                to all of them.
        """
        distances: Tensor = 1 - cosine_similarity(self.projection(pooled), targets)
        return distances.mean()
