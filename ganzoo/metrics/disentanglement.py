"""Disentanglement of representations whose true factors are known: MIG, SAP, DCI. They take arrays, not models.

Here, and in ``ganzoo.metrics.higgins``, codes are the rows of a representation, [N, d], such as posterior means.

Draw the rows at random from all combinations of the factors (the field's size is 10,000): where the factors
depend on each other in the sample, so do the scores. ``ganzoo.metrics.higgins`` has the two metrics that fix
factors on purpose.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.svm import LinearSVC
from torch import Tensor
from torch.nn.functional import normalize
from tqdm import tqdm

from ganzoo.metrics.codes import joint_counts, mutual_information
from ganzoo.metrics.moments import check_features

ROUNDING = 1e-6  # a coordinate whose range is less than this share of its size is constant: float32 noise
LEAF = 0.01  # share of the rows that a leaf of a tree must hold at least


class DCI(NamedTuple):
    """What ``dci`` returns: three shares, from 0 to 1."""

    disentanglement: float
    completeness: float
    informativeness: float


def varying(codes: Tensor) -> Tensor:
    """Return which coordinates of codes, [N, d], vary by more than rounding, bool [d]."""
    low, high = codes.aminmax(dim=0)
    return (high - low) > ROUNDING * torch.maximum(low.abs(), high.abs())


def mig(codes: Tensor, factors: Tensor, n_bins: int = 20) -> float:
    """Return the mutual information gap.

        MIG = mean over factors k of (I(z_j*; v_k) - max over j != j* of I(z_j; v_k)) / H(v_k),
        j* the coordinate of the largest I(z_j; v_k)

    Each coordinate is cut into ``n_bins`` bins of equal width over its range. It is 1 for the independent true
    factors themselves if no factor has more values than there are bins (40 values in 20 bins: log 20 / log 40 =
    0.81), and 0 for constant codes. Of few rows every I is too large, and the gap too small.

    Chen et al., "Isolating Sources of Disentanglement in Variational Autoencoders", 2018.
    https://arxiv.org/abs/1802.04942

    Differs from the paper: I is that of the histogram of posterior means, as in later comparisons, and not that
    of samples from the posterior.

    Args:
        codes: Representation, such as the posterior mean, [N, d].
        factors: Values of the true factors, int64 [N, F].
        n_bins: Bins of a coordinate.

    Raises:
        ValueError: shapes that do not fit, codes that are not finite, a factor of one value, or no bin.
    """
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1, got {n_bins}")
    z, v = _checked(codes, factors)
    bins = [_binned(column, n_bins) for column in z.T]
    values = [torch.unique(column, return_inverse=True)[1] for column in v.T]
    told = torch.tensor([[_information(b, value) for value in values] for b in bins], dtype=torch.float64)
    entropy = torch.tensor([_information(value, value) for value in values], dtype=torch.float64)
    return float((_gap(told) / entropy).mean())


def sap(codes: Tensor, factors: Tensor, categorical: Iterable[int] = (), seed: int = 0) -> float:
    """Return the separated attribute predictability: how much better the best coordinate is than the second.

        SAP = mean over factors k of (S_(1)k - S_(2)k), the two largest S_jk over the coordinates j
        S_jk = Cov(z_j, v_k)² / (Var(z_j) Var(v_k)) where the values of v_k have an order: R² of a line
        S_jk = accuracy of a linear SVM from z_j to v_k, on rows that it has not seen, where they have none

    With ordered factors it is 1 for a one-to-one linear code of factors that are uncorrelated in the sample. A
    categorical factor of K values adds 1 - 1/K at most, since the second coordinate has chance, and less where
    K > 2: a line cannot cut out a class in the middle. Constant codes have 0.

    Kumar et al., "Variational Inference of Disentangled Latent Concepts from Unlabeled Observations", 2018.
    https://arxiv.org/abs/1711.00848

    Differs from the paper: a linear SVM (C = 0.01, classes balanced) instead of thresholds; it is what later
    comparisons used, for all factors: give all of them as categorical to compare with those.

    Args:
        codes: Representation, [N, d].
        factors: Values of the true factors, int64 [N, F].
        categorical: Numbers of the factors whose values have no order.
        seed: Of the third of the rows on which the SVM is scored.

    Raises:
        ValueError: shapes that do not fit, codes that are not finite, a factor of one value, or a number in
            ``categorical`` that is no factor.
    """
    z, v = _checked(codes, factors)
    scores = (_unit(z).T @ _unit(v.double())).square()
    for k in categorical:
        if not 0 <= k < v.shape[1]:
            raise ValueError(f"categorical must hold numbers of factors from 0 to {v.shape[1] - 1}, got {k}")
        scores[:, k] = scores.new_tensor([_separability(column, v[:, k], seed) for column in z.T])
    return float(_gap(scores).mean())


def dci(codes: Tensor, factors: Tensor, n_trees: int = 10, seed: int = 0) -> DCI:
    """Return disentanglement, completeness and informativeness.

        R_jk: importance of coordinate j for predicting factor k (mean decrease of impurity in a random forest)
        disentanglement = Σ_j (Σ_k R_jk / Σ_jk R_jk) (1 - H(R_j· / Σ_k R_jk) / log F)    one factor per coordinate
        completeness = mean over k of 1 - H(R_·k / Σ_j R_jk) / log d                     one coordinate per factor
        informativeness = mean over k of the forest's accuracy on a third of the rows that it has not seen

    For the true factors all three are 1 if each value has more than a hundredth of the rows, the least that a leaf
    may hold: trees that are grown to the end give importance to noise. Constant codes have disentanglement and
    completeness 0; their informativeness is chance, the share of the most frequent value.

    Eastwood and Williams, "A Framework for the Quantitative Evaluation of Disentangled Representations", 2018.
    https://openreview.net/forum?id=By-7dz-AZ

    Differs from the paper: informativeness is an accuracy, not an error, and trees are limited by the size of
    their leaves instead of a depth that is tuned.
    Later comparisons took gradient boosting: their numbers are not comparable.

    Args:
        codes: Representation, [N, d].
        factors: Values of the true factors, int64 [N, F], F > 1.
        n_trees: Trees of a forest; there is one forest for each factor.
        seed: Of the split and of the forests.

    Raises:
        ValueError: shapes that do not fit, codes that are not finite, a factor of one value, or one factor only.
    """
    z, v = _checked(codes, factors)
    if v.shape[1] < 2:
        raise ValueError(f"dci needs at least 2 factors to tell apart, got {v.shape[1]}")
    train, test = _split(len(z), seed)
    columns, accuracies = [], []
    for values in tqdm(v.T, desc="DCI", unit="factor", leave=False, disable=None):
        forest = RandomForestClassifier(n_trees, max_features=None, min_samples_leaf=LEAF, random_state=seed)
        forest.fit(z[train].numpy(), values[train].numpy())
        columns.append(torch.from_numpy(forest.feature_importances_))
        accuracies.append(float(forest.score(z[test].numpy(), values[test].numpy())))
    importance = torch.stack(columns, dim=1)
    weights = importance.sum(dim=1)
    disentanglement = float((_concentration(importance) * weights).sum() / weights.sum()) if weights.any() else 0.0
    return DCI(disentanglement, float(_concentration(importance.T).mean()), math.fsum(accuracies) / len(accuracies))


def _checked(codes: Tensor, factors: Tensor) -> tuple[Tensor, Tensor]:
    """Return codes as float64 [N, d], 0 where a coordinate is constant, and factors, both on the CPU."""
    check_features(codes, name="codes")
    if factors.ndim != 2 or not factors.shape[1] or len(factors) != len(codes) or factors.dtype != torch.int64:
        raise ValueError(f"factors must be int64 [{len(codes)}, F], got {factors.dtype} {list(factors.shape)}")
    if len(codes) < 3:
        raise ValueError(f"expected at least 3 rows, got {len(codes)}")
    z, v = codes.detach().cpu().double(), factors.cpu()
    constant = (v == v[0]).all(dim=0).nonzero().flatten().tolist()
    if constant:
        raise ValueError(f"factors {constant} have one value only: leave them out")
    return z.where(varying(z), 0), v


def _binned(column: Tensor, n_bins: int) -> Tensor:
    """Return the bin of each value, [N]: equal widths from the smallest to the largest value."""
    low, high = float(column.min()), float(column.max())
    inner = torch.linspace(low, high, n_bins + 1, dtype=column.dtype)[1:-1]
    return torch.bucketize(column.contiguous(), inner, right=True)


def _information(a: Tensor, b: Tensor) -> float:
    return mutual_information(joint_counts(a, b, int(a.max()) + 1, int(b.max()) + 1))


def _gap(scores: Tensor) -> Tensor:
    """Return the largest minus the second largest score of each column of [d, F]; a missing second is 0."""
    top = torch.cat([scores, scores.new_zeros(1, scores.shape[1])]).topk(2, dim=0).values
    return top[0] - top[1]


def _unit(columns: Tensor) -> Tensor:
    """Return the columns of [N, m], centred and of length 1; constant ones are 0."""
    return normalize(columns - columns.mean(dim=0), dim=0)


def _separability(column: Tensor, values: Tensor, seed: int) -> float:
    train, test = _split(len(column), seed)
    svm = LinearSVC(C=0.01, dual="auto", class_weight="balanced", random_state=seed)
    svm.fit(column[train, None].numpy(), values[train].numpy())
    return float(svm.score(column[test, None].numpy(), values[test].numpy()))


def _split(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return the numbers of two thirds of n rows, and those of the others."""
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    return order[n // 3 :], order[: n // 3]


def _concentration(importance: Tensor) -> Tensor:
    """Return 1 - entropy / log m of each row of [n, m]: 1 for all in one place, 0 for even rows or none at all."""
    total = importance.sum(dim=1, keepdim=True)
    p = importance / total.where(total > 0, 1)
    evenness = -torch.xlogy(p, p).sum(dim=1) / math.log(max(2, importance.shape[1]))
    return (1 - evenness) * (total[:, 0] > 0)
