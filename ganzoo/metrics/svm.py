"""A linear support vector machine for many features: all classes at once, by L-BFGS."""

from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from sklearn.base import BaseEstimator, ClassifierMixin
from torch import Tensor

PRECISION = 1e-5  # of the gradient at the end, as a share of the gradient at the start


class L2SVM(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Linear SVM with squared hinge loss and squared weights, one class against all others.

        min over w, b of ½ (|w|² + b²) + C Σ_i max(0, 1 - t_i (w'x_i + b))²,    t_i = 1 or -1

    This is what scikit-learn's ``LinearSVC`` solves, by coordinate descent; the loss is smooth, so L-BFGS solves it
    too, in fewer passes where features are many and alike. The intercept is the weight of one more feature,
    which is 1. With fewer rows than features the weights lie in the span of the rows, X' = Q R, and only their
    coordinates Q'w are sought.

    Fan et al., "LIBLINEAR: A Library for Large Linear Classification", 2008.
    https://www.jmlr.org/papers/v9/fan08a.html

    Args:
        C: Weight of the errors.
    """

    def __init__(self, C: float = 1.0) -> None:
        self.C = C

    def fit(self, x: Any, y: Any) -> "L2SVM":
        """Find the weights of rows x, [n, d], and their classes, [n]."""
        self.classes_, of_row = np.unique(y, return_inverse=True)
        T = 2 * torch.nn.functional.one_hot(torch.from_numpy(of_row), len(self.classes_)).double() - 1  # [n, K]
        X, Q = _with_ones(x), None
        if len(X) < X.shape[1]:
            Q, R = torch.linalg.qr(X.T)
            X = R.T.contiguous()

        def loss(flat: Any) -> tuple[float, Any]:
            W = torch.from_numpy(flat).view(X.shape[1], -1)
            errors = (1 - T * (X @ W)).clamp_(min=0)
            slope = W - 2 * self.C * (X.T @ (T * errors))
            return float(W.square().sum() / 2 + self.C * errors.square().sum()), slope.flatten().numpy()

        start = np.zeros(X.shape[1] * T.shape[1])
        options = {"gtol": PRECISION * np.abs(loss(start)[1]).max(), "ftol": 0.0, "maxcor": 20}
        limits = {"maxiter": 10_000, "maxfun": 20_000}
        found = torch.from_numpy(minimize(loss, start, jac=True, method="L-BFGS-B", options={**options, **limits}).x)
        weights = found.view(X.shape[1], -1)
        self.weights_ = weights if Q is None else Q @ weights
        return self

    def predict(self, x: Any) -> Any:
        """Return the class of the largest w'x + b of each row."""
        return self.classes_[(_with_ones(x) @ self.weights_).argmax(dim=1).numpy()]


def _with_ones(x: Any) -> Tensor:
    """Return rows [n, d] as float64 with a last column of ones."""
    X = torch.as_tensor(x, dtype=torch.float64)
    return torch.cat([X, torch.ones(len(X), 1, dtype=torch.float64)], dim=1)
