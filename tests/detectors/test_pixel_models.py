import numpy as np
import pytest
import skops.io
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

from core.detectors.classical import ALLOWED_TYPES
from core.detectors.pixel_models import (
    BLOCK,
    PixelKNN,
    PixelSVM,
    by_columns,
    scaled_gamma,
    squared_distances,
)

SIZES = [7, BLOCK, 3 * BLOCK + 5]


def drawn(count, size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, size), dtype=np.uint8)


@pytest.fixture(params=SIZES)
def pictures(request):
    """Pictures to fit on, of which the first half is darker, their classes, and pictures to judge."""
    fitted = drawn(60, request.param)
    fitted[:30] -= fitted[:30] // 8
    return fitted, np.repeat([0, 1], 30), drawn(20, request.param, seed=1)


@pytest.mark.parametrize("size", SIZES)
def test_distances_are_exact(size):
    left, right = drawn(9, size), drawn(5, size, seed=1)
    expected = [[int(((a.astype(int) - b.astype(int)) ** 2).sum()) for b in right] for a in left]
    np.testing.assert_array_equal(squared_distances(left, right), expected)
    assert not squared_distances(left, left).diagonal().any()


def test_the_largest_distances_are_exact():
    black, white = np.zeros((1, 2 * BLOCK), np.uint8), np.full((1, 2 * BLOCK), 255, np.uint8)
    assert squared_distances(black, white) == 255**2 * 2 * BLOCK


@pytest.mark.parametrize("weights", [None, np.linspace(0.5, 2, 60)])
def test_the_svm_is_that_of_scikit_learn(pictures, weights):
    fitted, labels, judged = pictures
    ours = PixelSVM(c=10).fit(fitted, labels, weights)
    theirs = SVC(kernel="rbf", C=10).fit(fitted / 255, labels, weights)
    assert ours.gamma_ == pytest.approx(theirs._gamma, rel=1e-9)
    np.testing.assert_allclose(
        ours.decision_function(judged), theirs.decision_function(judged / 255), atol=1e-6
    )
    np.testing.assert_array_equal(ours.predict(judged), theirs.predict(judged / 255))


def test_the_neighbours_are_those_of_scikit_learn(pictures):
    fitted, labels, judged = pictures
    ours = PixelKNN(k=4).fit(fitted, labels)
    theirs = KNeighborsClassifier(4).fit(fitted / 255, labels)
    distances = np.sort(euclidean_distances(judged.astype(float), fitted.astype(float)), axis=1)
    clear = distances[:, 4] - distances[:, 3] > 1e-9  # of neighbours equally far either may count
    assert clear.any()
    np.testing.assert_array_equal(
        ours.predict_proba(judged)[clear], theirs.predict_proba(judged / 255)[clear]
    )
    np.testing.assert_array_equal(ours.predict(judged)[clear], theirs.predict(judged / 255)[clear])


def test_trees_are_given_columns_and_no_second_copy(pictures):
    fitted, _, _ = pictures
    rows = np.array([5, 0, 59, 7])
    columns = by_columns(fitted, rows)
    np.testing.assert_array_equal(columns, fitted[rows])
    assert columns.dtype == np.float32
    assert columns.flags.f_contiguous


def test_of_neighbours_equally_far_the_first_count():
    fitted = np.full((6, 12), 100, np.uint8)
    assert PixelKNN(k=4).fit(fitted, [1, 1, 1, 0, 0, 0]).predict_proba(fitted[:1]).tolist() == [[0.25, 0.75]]


def test_pictures_without_variance_have_the_gamma_of_scikit_learn():
    assert scaled_gamma(np.full((4, 9), 7, np.uint8)) == 1.0


@pytest.mark.parametrize("model", [PixelSVM(c=10), PixelKNN(k=4)])
def test_what_is_saved_judges_alike(pictures, model):
    fitted, labels, judged = pictures
    pipeline = Pipeline([("judge", model)]).fit(fitted, labels)
    loaded = skops.io.loads(skops.io.dumps(pipeline), trusted=list(ALLOWED_TYPES))
    method = "decision_function" if isinstance(model, PixelSVM) else "predict_proba"
    np.testing.assert_array_equal(getattr(loaded, method)(judged), getattr(pipeline, method)(judged))
    assert loaded.n_features_in_ == fitted.shape[1]
    assert loaded.classes_.tolist() == [0, 1]
