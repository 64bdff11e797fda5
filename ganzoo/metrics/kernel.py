"""Kernel distance: the squared maximum mean discrepancy with a cubic kernel, k(x, y) = (x'y / d + 1)³.

    MMD² = Σ_{i≠j} k(x_i, x_j) / (m (m - 1)) + Σ_{i≠j} k(y_i, y_j) / (n (n - 1))
           - 2 Σ_{i,j} k(x_i, y_j) / (m n)

The estimate is unbiased: of two sets from one distribution it scatters around 0, and negative values are
right.

Bińkowski et al., "Demystifying MMD GANs", 2018. https://arxiv.org/abs/1801.01401
"""

import torch
from torch import Tensor

from ganzoo.metrics.moments import check_features


def kernel_distance(x: Tensor, y: Tensor, block: int = 1024) -> float:
    """Return the kernel distance over all pairs, without subsets and so without randomness.

    Time grows with the square of the number of rows (for more than about 20 000 see
    ``kernel_distance_subsets``), memory stays at a few blocks of ``block`` x ``block``. Products are float32
    on the CPU unless one of the inputs is float64, and float64 on other devices, where float32 may silently
    mean TF32; everything after is float64.

    Args:
        x: Features, [m, d].
        y: Features, [n, d].
        block: Rows that are multiplied at once.

    Raises:
        ValueError: shapes that do not fit, values that are not finite, or fewer than two rows.
    """
    check_features(x, name="x")
    check_features(y, x.shape[1], name="y")
    if min(len(x), len(y)) < 2:
        raise ValueError(f"a kernel distance needs at least 2 rows in each set, got {len(x)} and {len(y)}")
    if block < 1:
        raise ValueError(f"block must be at least 1, got {block}")
    double = torch.float64 in (x.dtype, y.dtype) or x.device.type != "cpu"
    x, y = (v.detach().to(torch.float64 if double else torch.float32) for v in (x, y))
    return _mean_within(x, block) + _mean_within(y, block) - 2 * _mean_between(x, y, block)


def kernel_distance_subsets(
    x: Tensor, y: Tensor, indices_x: Tensor, indices_y: Tensor, block: int = 1024
) -> tuple[float, float]:
    """Return mean and standard deviation (ddof=0) of the kernel distance over subsets.

    The deviation is that of one subset, not the standard error of the mean.

    Args:
        x: Features, [m, d].
        y: Features, [n, d].
        indices_x: Rows of x, one subset per line, [n_subsets, size]; ``draw_subsets`` makes them.
        indices_y: Rows of y, [n_subsets, size].
        block: Rows that are multiplied at once.

    Raises:
        ValueError: not as many subsets of x as of y, or what ``kernel_distance`` refuses.
    """
    if indices_x.ndim != 2 or indices_y.ndim != 2 or len(indices_x) != len(indices_y) or len(indices_x) == 0:
        raise ValueError(
            "indices_x and indices_y must be [n_subsets, size] with as many subsets each, "
            f"got {list(indices_x.shape)} and {list(indices_y.shape)}"
        )
    values = [kernel_distance(x[i], y[j], block) for i, j in zip(indices_x, indices_y, strict=True)]
    distances = torch.tensor(values, dtype=torch.float64)
    return float(distances.mean()), float(distances.std(correction=0))


def draw_subsets(n: int, n_subsets: int = 100, size: int = 1000, generator: torch.Generator | None = None) -> Tensor:
    """Return row numbers without repetition within a subset, [n_subsets, size].

    Draw for x and then for y from one seeded generator: then the two are independent and repeatable.

    Raises:
        ValueError: fewer than ``size`` rows.
    """
    if not 1 <= size <= n or n_subsets < 1:
        raise ValueError(f"expected at least 1 subset of 1 to {n} rows, got {n_subsets} of {size}")
    return torch.stack([torch.randperm(n, generator=generator)[:size] for _ in range(n_subsets)])


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    # numpy on the CPU: neither autocast nor torch's float32 precision setting can reach it
    product = torch.from_numpy(a.numpy() @ b.numpy().T).double() if a.device.type == "cpu" else a @ b.T
    return product.div_(a.shape[1]).add_(1).pow_(3)


def _mean_within(x: Tensor, block: int) -> float:
    total, parts = 0.0, torch.split(x, block)
    for i, a in enumerate(parts):
        k = _kernel(a, a)
        total += float(k.sum() - k.diagonal().sum())
        total += 2 * sum(float(_kernel(a, b).sum()) for b in parts[i + 1 :])
    return total / (len(x) * (len(x) - 1))


def _mean_between(x: Tensor, y: Tensor, block: int) -> float:
    sums = (float(_kernel(a, b).sum()) for a in torch.split(x, block) for b in torch.split(y, block))
    return sum(sums) / (len(x) * len(y))
