"""Discrete codes against labels: what one tells of the other, and accuracy where no code has a name."""

from typing import NamedTuple

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor


class Matching(NamedTuple):
    """What ``matched_accuracy`` returns: a share from 0 to 1, and the label that each matched code stands for."""

    accuracy: float
    labels: dict[int, int]


def joint_counts(codes: Tensor, labels: Tensor, n_codes: int, n_labels: int) -> Tensor:
    """Return how often each code meets each label, int64 [n_codes, n_labels], on the CPU.

    Args:
        codes: Whole numbers from 0 to ``n_codes`` - 1, [N].
        labels: Whole numbers from 0 to ``n_labels`` - 1, [N].
        n_codes: Number of codes that there are.
        n_labels: Number of labels that there are.

    Raises:
        ValueError: none, not as many codes as labels, no whole numbers, or one that is out of range.
    """
    codes, labels = codes.detach().cpu(), labels.detach().cpu()
    _check(codes, n_codes, "codes")
    _check(labels, n_labels, "labels")
    if len(codes) != len(labels):
        raise ValueError(f"expected a label for each code, got {len(labels)} labels for {len(codes)} codes")
    cells = codes.long() * n_labels + labels.long()
    return torch.bincount(cells, minlength=n_codes * n_labels).view(n_codes, n_labels)


def matched_accuracy(codes: Tensor, labels: Tensor, K: int, n_labels: int | None = None) -> Matching:
    """Return the accuracy of codes as classes, under the one-to-one matching that makes it largest.

        accuracy = max over one-to-one maps m of mean_i [m(c_i) = y_i]    (Hungarian method)

    InfoGAN's error of 5 % on MNIST is 1 - accuracy. Where there are more codes than labels, some codes stay
    without a label; where there are fewer, some labels without a code; their images count as wrong. The best
    matching profits from chance: codes that know nothing of K equally frequent labels get a little more than
    1 / K, much more where the images are few.

    Kuhn, "The Hungarian Method for the assignment problem", 1955. https://doi.org/10.1002/nav.3800020109
    Chen et al., "InfoGAN: Interpretable Representation Learning by Information Maximizing Generative
    Adversarial Nets", 2016. https://arxiv.org/abs/1606.03657

    Args:
        codes: Such as the argmax of Q's categorical logits, whole numbers from 0 to K - 1, [N].
        labels: Classes of the same images, whole numbers, [N].
        K: Number of codes.
        n_labels: Number of labels; None: K.

    Raises:
        ValueError: what ``joint_counts`` refuses.
    """
    counts = joint_counts(codes, labels, K, K if n_labels is None else n_labels)
    rows, columns = linear_sum_assignment(counts.numpy(), maximize=True)
    right = int(counts[rows, columns].sum())
    return Matching(right / len(codes), dict(zip(rows.tolist(), columns.tolist(), strict=True)))


def mutual_information(counts: Tensor) -> float:
    """Return the mutual information of two discrete variables, in nats.

        I(a; b) = H(a) + H(b) - H(a, b) = Σ p(a, b) log(p(a, b) / (p(a) p(b)))

    It is 0 for independent frequencies and log K for a one-to-one map between K equally frequent values. Of N
    samples of independent variables with A and B values it is about (A - 1) (B - 1) / (2 N), not 0.

    Args:
        counts: How often each pair of values occurs, such as from ``joint_counts``, [A, B].

    Raises:
        ValueError: no table, a negative or infinite count, or nothing counted.
    """
    if counts.ndim != 2:
        raise ValueError(f"expected a table of counts [A, B], got {list(counts.shape)}")
    table = counts.detach().cpu().double()
    if not torch.isfinite(table).all() or (table < 0).any() or not float(table.sum()):
        raise ValueError("counts must be finite, not negative, and not all 0")
    p = table / table.sum()
    return max(0.0, _entropy(p.sum(dim=1)) + _entropy(p.sum(dim=0)) - _entropy(p))


def _entropy(p: Tensor) -> float:
    return -float(torch.xlogy(p, p).sum())


def _check(values: Tensor, n: int, name: str) -> None:
    if values.ndim != 1 or not len(values) or values.is_floating_point() or values.is_complex():
        raise ValueError(f"{name} must be whole numbers [N], N > 0, got {values.dtype} {list(values.shape)}")
    if int(values.min()) < 0 or int(values.max()) >= n:
        raise ValueError(f"{name} must be from 0 to {n - 1}, got {int(values.min())} to {int(values.max())}")
