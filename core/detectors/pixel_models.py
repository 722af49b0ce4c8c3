"""Models for thousands of pictures of 172 800 pixel values each, fitted without a float64 copy of them.

scikit-learn's own classes for these copy all pixels to float64 (4 GB for 3 000 pictures). Here pictures stay in
uint8; distances between them are summed over blocks of columns. They are whole numbers, and every partial sum
fits into the 24 bits that float32 holds exactly, so the distances are exact.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.svm import SVC

BLOCK = 1024
MIDDLE = 128
"""With levels counted from here, a product is at most 2**14 and the sum of a block's at most 2**24."""

LEVELS = 255
"""Level v stands for the value v / `LEVELS`."""

Pictures = NDArray[np.uint8]
Labels = NDArray[np.int64]
Numbers = NDArray[np.float64]


def squared_distances(left: Pictures, right: Pictures) -> Numbers:
    """Return the squared Euclidean distances in grey levels, exactly: float64 `[N, M]` for `[N, F]`, `[M, F]`."""
    products = np.zeros((len(left), len(right)))
    of_left, of_right = np.zeros(len(left)), np.zeros(len(right))
    for start in range(0, left.shape[1], BLOCK):
        columns = slice(start, start + BLOCK)
        a = _centred(left[:, columns])
        b = a if right is left else _centred(right[:, columns])
        products += a @ b.T
        of_left += np.einsum("ij,ij->i", a, a)
        of_right += np.einsum("ij,ij->i", b, b)
    products *= -2
    products += of_left[:, None]
    products += of_right[None, :]
    return products


def _centred(levels: Pictures) -> NDArray[np.float32]:
    return levels.astype(np.float32) - np.float32(MIDDLE)


def scaled_gamma(pictures: Pictures) -> float:
    """Return scikit-learn's gamma="scale" for values in [0, 1]: 1 / (values per picture x their variance)."""
    counts = np.zeros(LEVELS + 1)
    for picture in pictures:
        counts += np.bincount(picture, minlength=LEVELS + 1)
    values = np.arange(LEVELS + 1) / LEVELS
    mean = np.average(values, weights=counts)
    variance = float(np.average((values - mean) ** 2, weights=counts))
    return 1 / (pictures.shape[1] * variance) if variance else 1.0


def by_columns(pictures: Pictures | NDArray[np.float32], rows: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return rows as scikit-learn's trees read them: float32, column after column, `[len(rows), F]`.

    The trees then make no copy of their own, and nothing but this one is made here.
    """
    found = np.empty((len(rows), pictures.shape[1]), np.float32, order="F")
    for start in range(0, pictures.shape[1], BLOCK):
        columns = slice(start, start + BLOCK)
        found[:, columns] = pictures[rows, columns]
    return found


class PixelSVM(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Support vector machine with an RBF kernel: scikit-learn's SVC(C=c) on the kernel's matrix."""

    def __init__(self, c: float = 1.0) -> None:
        self.c = c

    def fit(self, pictures: Pictures, labels: Labels, sample_weight: Numbers | None = None) -> Self:
        """Fit on uint8 `[N, F]` and the classes `[N]`."""
        self.gamma_ = scaled_gamma(pictures)
        machine = SVC(C=self.c, kernel="precomputed")
        machine.fit(self._kernel(pictures, pictures), labels, sample_weight)
        self.classes_ = machine.classes_
        self.n_features_in_ = pictures.shape[1]
        self.support_vectors_ = pictures[machine.support_]
        self.dual_coef_ = machine.dual_coef_[0]
        self.intercept_ = float(machine.intercept_[0])
        return self

    def _kernel(self, left: Pictures, right: Pictures) -> Numbers:
        exponents = squared_distances(left, right)
        exponents *= -self.gamma_ / LEVELS**2
        return np.exp(exponents, out=exponents)

    def decision_function(self, pictures: Pictures) -> Numbers:
        """Return the signed distance from the boundary, positive for the second class: `[N]`."""
        found: Numbers = self._kernel(pictures, self.support_vectors_) @ self.dual_coef_ + self.intercept_
        return found

    def predict(self, pictures: Pictures) -> Labels:
        """Return the class of each picture: `[N]`."""
        found: Labels = self.classes_[(self.decision_function(pictures) > 0).astype(int)]
        return found


class PixelKNN(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Vote of the `k` nearest neighbours; of neighbours equally far, those that were fitted first count."""

    def __init__(self, k: int = 5) -> None:
        self.k = k

    def fit(self, pictures: Pictures, labels: Labels) -> Self:
        """Remember uint8 `[N, F]` and the classes `[N]`."""
        self.classes_, self.votes_ = np.unique(labels, return_inverse=True)
        self.n_features_in_ = pictures.shape[1]
        self.pictures_ = pictures
        return self

    def predict_proba(self, pictures: Pictures) -> Numbers:
        """Return the share of votes for each class: `[N, classes]`."""
        nearest = np.argsort(squared_distances(pictures, self.pictures_), axis=1, kind="stable")[:, : self.k]
        votes = self.votes_[nearest]
        return np.stack([(votes == number).mean(axis=1) for number in range(len(self.classes_))], axis=1)

    def predict(self, pictures: Pictures) -> Labels:
        """Return the class of each picture, the first of those with equal votes: `[N]`."""
        found: Labels = self.classes_[self.predict_proba(pictures).argmax(axis=1)]
        return found
