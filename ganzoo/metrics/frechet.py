"""Fréchet distance of two Gaussians, exact for many samples and for few.

    FD = |mu1 - mu2|² + tr S1 + tr S2 - 2 tr (S1 S2)^½

The eigenvalues of S1 S2 that are not zero are those of the symmetric matrix L'S2 L with S1 = L L', so no
eigenvalue of a non-symmetric matrix and no matrix root is needed. An eigenvalue that is exactly 0 comes back
as about 1e-16 of the largest one, and its root as 1e-8: hundreds of them, as when there are fewer samples
than dimensions, spoil the distance in the fourth digit. They are avoided, not thresholded: the matrix of
lower rank is factored, and its rank follows from the number of samples.

The distance is not clamped: of a set to itself it is about ±1e-13 of the trace.

Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium", 2017.
https://arxiv.org/abs/1706.08500
"""

import torch
from torch import Tensor

from ganzoo.metrics.moments import check_features


def factor(S: Tensor, rank: int | None = None) -> Tensor:
    """Return L, [d, r], with L L' = S.

    Columns that come from eigenvectors fall in size, and so do the rows and columns of L'S2 L. An eigensolver
    keeps the small eigenvalues of a matrix that is graded this way; in rising order they, and six digits of
    the distance at n = d, would be lost.

    Args:
        S: Symmetric positive semi-definite, [d, d] float64.
        rank: Rank r of S; of the covariance of n samples it is min(n - 1, d). None: d.
    """
    d = len(S)
    r = d if rank is None else min(rank, d)
    if r == d:
        L: Tensor
        L, info = torch.linalg.cholesky_ex(S)
        if int(info) == 0:
            return L
    w, V = torch.linalg.eigh(S)
    w, V = w[d - r :].flip(0), V[:, d - r :].flip(1)
    L = V[:, w > 0] * w[w > 0].sqrt()
    return L


def trace_sqrt(M: Tensor, drop: int = 0) -> float:
    """Return tr M^½ of a symmetric positive semi-definite matrix.

    Args:
        M: [r, r] float64, symmetric up to rounding.
        drop: Number of eigenvalues, the smallest, that are known to be zero.
    """
    return float(torch.linalg.eigvalsh((M + M.T) / 2)[drop:].clamp_min(0).sqrt().sum())


def frechet(
    mu1: Tensor,
    S1: Tensor,
    mu2: Tensor,
    S2: Tensor,
    n1: int | None = None,
    n2: int | None = None,
    L1: Tensor | None = None,
) -> float:
    """Return the Fréchet distance of two Gaussians.

    Its error is about 1e-12 of the traces for more samples than dimensions, for fewer and for as many, if the
    numbers of samples are given.

    Args:
        mu1: Mean of the reference, [d].
        S1: Its covariance, [d, d].
        mu2: Mean of the other set, [d].
        S2: Its covariance, [d, d].
        n1: Number of samples behind S1; None: full rank.
        n2: Number of samples behind S2; None: full rank.
        L1: ``factor(S1, min(n1 - 1, d))`` of an earlier call, to save time; unused where S2 has the lower
            rank.

    Raises:
        ValueError: shapes that do not fit, values that are not finite, or fewer than two samples.
    """
    mu1, S1 = _gaussian(mu1, S1)
    mu2, S2 = _gaussian(mu2, S2)
    if mu1.shape != mu2.shape:
        raise ValueError(f"both Gaussians must have the same dimension, got {len(mu1)} and {len(mu2)}")
    r1, r2 = _rank(n1, len(mu1)), _rank(n2, len(mu1))
    if r2 < r1:
        L, S = factor(S2, r2), S1
    else:
        L, S = factor(S1, r1) if L1 is None else _check_factor(L1, len(mu1)), S2
    root = trace_sqrt(L.T @ S @ L)
    return float((mu1 - mu2).square().sum() + S1.trace() + S2.trace()) - 2 * root


def frechet_from_features(x: Tensor, mu_ref: Tensor, S_ref: Tensor, n_ref: int | None = None) -> float:
    """Return the Fréchet distance of n <= d feature rows to a reference, with n x n matrices only.

    With F = (x - mean) / √(n - 1) the covariance of x is F'F, which is never formed, and tr (S_ref F'F)^½ =
    tr (F S_ref F')^½. The rows of F add up to 0, so exactly one eigenvalue is zero and is left out. The error
    is about 1e-12 of the traces up to n = d / 2 and rises to 1e-8 at n = d, where ``frechet`` is exact.

    Args:
        x: Features, [n, d] with 2 <= n <= d.
        mu_ref: Mean of the reference, [d].
        S_ref: Its covariance, [d, d].
        n_ref: Number of samples behind S_ref; None: at least n.

    Raises:
        ValueError: n is out of range, shapes do not fit, or values are not finite.
    """
    mu_ref, S_ref = _gaussian(mu_ref, S_ref)
    n, d = len(x), len(mu_ref)
    check_features(x, d)
    if not 2 <= n <= d:
        raise ValueError(f"frechet_from_features needs from 2 to {d} rows, got {n}: collect more in Moments")
    x = x.detach().to(mu_ref)
    mean = x.mean(dim=0)
    F = (x - mean) / (n - 1) ** 0.5
    root = trace_sqrt(F @ S_ref @ F.T, drop=n - min(n - 1, _rank(n_ref, d)))
    return float((mean - mu_ref).square().sum() + F.square().sum() + S_ref.trace()) - 2 * root


def _gaussian(mu: Tensor, S: Tensor) -> tuple[Tensor, Tensor]:
    if mu.ndim != 1 or S.shape != (len(mu), len(mu)):
        raise ValueError(f"expected a mean [d] and a covariance [d, d], got {list(mu.shape)} and {list(S.shape)}")
    if not (torch.isfinite(mu).all() and torch.isfinite(S).all()):
        raise ValueError("mean and covariance must be finite, got inf or nan")
    return mu.detach().double(), S.detach().double()


def _rank(n: int | None, d: int) -> int:
    if n is not None and n < 2:
        raise ValueError(f"a covariance needs at least 2 samples, got {n}")
    return d if n is None else min(n - 1, d)


def _check_factor(L: Tensor, d: int) -> Tensor:
    if L.ndim != 2 or len(L) != d:
        raise ValueError(f"L1 must have shape [{d}, r], got {list(L.shape)}")
    return L.double()
