"""The linear SVM finds the minimum that scikit-learn's coordinate descent finds."""

import numpy as np
import pytest
import torch
from sklearn.svm import LinearSVC

from ganzoo.metrics.svm import L2SVM


def task(n, d, classes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=generator, dtype=torch.float64)
    scores = x @ torch.randn(d, classes, generator=generator, dtype=torch.float64)
    return x.numpy(), (scores + torch.randn(n, classes, generator=generator)).argmax(dim=1).numpy()


@pytest.mark.parametrize("C", [1e-4, 1e-2, 1.0])
@pytest.mark.parametrize(("n", "d", "classes"), [(200, 5, 3), (40, 120, 4), (60, 8, 2), (30, 29, 3), (30, 30, 3)])
def test_the_weights_are_those_of_coordinate_descent(n, d, classes, C):
    x, y = task(n, d, classes)
    svm = L2SVM(C).fit(x, y)
    other = LinearSVC(C=C, dual="auto", tol=1e-10, max_iter=1_000_000, random_state=0).fit(x, y)
    expected = torch.from_numpy(np.column_stack([other.coef_, other.intercept_]).T)
    got = svm.weights_ if classes > 2 else svm.weights_[:, 1:]
    torch.testing.assert_close(got, expected, rtol=0, atol=3e-4 * float(expected.abs().max()))
    new, _ = task(300, d, classes, seed=1)
    assert (svm.predict(new) == other.predict(new)).mean() > 0.99


def test_two_rows_by_hand():
    """x = ±1 of classes ±1: w minimises ½ w² + 2 C (1 - w)², and b is 0."""
    svm = L2SVM(C=0.5).fit(np.array([[1.0], [-1.0]]), np.array([1, 0]))
    torch.testing.assert_close(svm.weights_[:, 1], torch.tensor([2 / 3, 0.0]).double(), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(svm.weights_[:, 0], -svm.weights_[:, 1], rtol=1e-4, atol=1e-6)


def test_classes_may_have_any_names():
    x, y = task(50, 4, 3)
    names = np.array(["b", "c", "a"])
    assert (L2SVM(0.1).fit(x, names[y]).predict(x) == names[L2SVM(0.1).fit(x, y).predict(x)]).all()
