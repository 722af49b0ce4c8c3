import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from core.detectors.encoder import joined, reference_pictures
from core.detectors.torch_heads import torch_head
from core.errors import ExplanationError

TOLERANCE = 1e-4
"""Largest accepted difference from `decision_function`."""

JUDGES = {
    "svm": lambda: SVC(C=3.0),
    "svm, gamma given": lambda: SVC(C=0.5, gamma=0.03),
    "logistic-regression": lambda: LogisticRegression(C=0.1, max_iter=2000),
}


def fitted(judge, size, scaler=None, seed=0):
    """A pipeline fitted on random features of unequal scales, with weights as recipes give."""
    chance = np.random.default_rng(seed)
    features = (chance.normal(size=(120, size)) * chance.uniform(0.01, 5, size) + 2).astype(np.float32)
    labels = (features[:, 0] + features[:, 1] > np.median(features[:, 0] + features[:, 1])).astype(int)
    pipeline = Pipeline([("standardise", scaler or StandardScaler()), ("judge", judge())])
    return pipeline.fit(features, labels, judge__sample_weight=chance.uniform(0.5, 2, 120)), features


@pytest.mark.parametrize("judge", JUDGES.values(), ids=JUDGES)
@pytest.mark.parametrize("size", [2, 40, 768])
@pytest.mark.parametrize("seed", range(3))
def test_a_head_says_what_scikit_learn_says(judge, size, seed):
    pipeline, features = fitted(judge, size, seed=seed)
    new = np.random.default_rng(99).normal(size=(50, size)).astype(np.float32)
    for given in (features, new, features[:1], features[:0]):
        found = torch_head(pipeline, "m")(torch.from_numpy(given))
        assert found.dtype == torch.float64
        assert found.shape == (len(given),)
        if len(given):
            expected = pipeline.decision_function(given.astype(np.float64))
            np.testing.assert_allclose(found.numpy(), expected, atol=1e-9)
            np.testing.assert_allclose(found.numpy(), pipeline.decision_function(given), atol=TOLERANCE)


@pytest.mark.parametrize("judge", JUDGES.values(), ids=JUDGES)
@pytest.mark.parametrize(("mean", "deviation"), [(False, True), (True, False), (False, False)])
def test_a_scaler_may_leave_out_mean_or_deviation(judge, mean, deviation):
    pipeline, features = fitted(judge, 6, StandardScaler(with_mean=mean, with_std=deviation))
    found = torch_head(pipeline, "m")(torch.from_numpy(features))
    np.testing.assert_allclose(found.numpy(), pipeline.decision_function(features), atol=TOLERANCE)


@pytest.mark.parametrize("judge", JUDGES.values(), ids=JUDGES)
def test_its_gradient_is_that_of_scikit_learns_function(judge):
    pipeline, features = fitted(judge, 5)
    given = torch.from_numpy(features[:7].astype(np.float64)).requires_grad_()
    torch_head(pipeline, "m")(given).sum().backward()
    step = 1e-5
    for column in range(5):
        ahead, behind = features[:7].astype(np.float64), features[:7].astype(np.float64)
        ahead[:, column] += step
        behind[:, column] -= step
        slope = (pipeline.decision_function(ahead) - pipeline.decision_function(behind)) / (2 * step)
        np.testing.assert_allclose(given.grad[:, column].numpy(), slope, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("judge", JUDGES.values(), ids=JUDGES)
@pytest.mark.parametrize("taps", [("pooled",), ("spread-1", "class-2", "pooled", "patches-1")])
def test_what_taps_give_joined_and_scaled_is_judged_as_the_features_are(judge, taps, encoder):
    pipeline, _ = fitted(judge, len(taps) * encoder.size)
    windows = reference_pictures(encoder.side)
    features = encoder.embed_each([windows, windows[:1]], taps)
    expected = pipeline.decision_function(features.astype(np.float64))
    joint = torch.stack([joined(encoder.embed_windows(each, taps)) for each in (windows, windows[:1])])
    found = torch_head(pipeline, "m")(joint)
    np.testing.assert_allclose(found.numpy(), expected, atol=TOLERANCE)


def test_nothing_in_it_can_be_trained():
    pipeline, _ = fitted(JUDGES["svm"], 4)
    assert list(torch_head(pipeline, "m").parameters()) == []


@pytest.mark.parametrize(
    ("judge", "found"),
    [
        (DecisionTreeClassifier(), "a decision tree"),
        (KNeighborsClassifier(3), r"the most similar pictures it has seen \(nearest neighbours\)"),
        (SVC(kernel="poly"), "a support vector machine with the kernel 'poly'"),
    ],
)
def test_a_model_without_gradient_is_named(judge, found):
    chance = np.random.default_rng(0)
    pipeline = Pipeline([("standardise", StandardScaler()), ("judge", judge)])
    pipeline.fit(chance.normal(size=(20, 3)), np.arange(20) % 2)
    with pytest.raises(ExplanationError, match=f"Model 'm' cannot show .* judges by {found}, .*; choose"):
        torch_head(pipeline, "m")
