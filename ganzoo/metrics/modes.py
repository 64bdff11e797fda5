"""Modes: how many of them samples reach, and how evenly, where the modes are known."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ganzoo.metrics.moments import check_features

REACH = 3.0  # standard deviations within which a point is of high quality
ROWS = 8192  # points that are compared with all modes at once


class Modes(NamedTuple):
    """What ``mode_report`` returns: a count, a share from 0 to 1, and nats."""

    modes: int
    high_quality: float
    reverse_kl: float


class ClassModes(NamedTuple):
    """What ``class_report`` returns: a count, and nats."""

    modes: int
    kl_uniform: float


def mode_report(
    points: Tensor, means: Tensor, std: float | Sequence[float] | Tensor, weights: Sequence[float] | Tensor
) -> Modes:
    """Return how points cover a mixture of isotropic Gaussians, Σ w_k N(x; μ_k, std_k² I).

        high quality: |x - μ_k| <= 3 std_k for the nearest mode k; its share is 1 - exp(-9/2) = 98.89 % of the
            mixture's own points in the plane, never 100 %
        modes: the number of modes that are nearest to one high-quality point or more
        reverse KL: Σ p_k log(p_k / w_k), p the histogram of the high-quality points over the modes; about
            (K - 1) / (2 N) for N of the mixture's own points. It is inf where no point is of high quality, or
            one of them has a mode of weight 0

    Where the standard deviations differ, the nearest mode is the one at the fewest of its own.

    Lin et al., "PacGAN: The power of two samples in generative adversarial networks", 2018.
    https://arxiv.org/abs/1712.04086

    Args:
        points: [N, d].
        means: Centres of the modes, [K, d].
        std: Standard deviation of all modes, or of each, [K].
        weights: Relative weights of the modes, [K].

    Raises:
        ValueError: shapes that do not fit, values that are not finite, or a mixture that cannot be.
    """
    check_features(points)
    means, std, weights = _mixture(means, std, weights, points.shape[1])
    near = [_nearest(rows, means, std) for rows in points.detach().cpu().double().split(ROWS)]
    mode, distance = torch.cat([k for k, _ in near]), torch.cat([d for _, d in near])
    good = mode[distance <= REACH]
    counts = torch.bincount(good, minlength=len(means)).double()
    return Modes(int((counts > 0).sum()), len(good) / len(points), _divergence(counts, weights))


def class_report(classes: Tensor, num_classes: int) -> ClassModes:
    """Return how many classes occur, and KL(p̂ || uniform) = Σ p̂_k log(p̂_k K) of their histogram.

    Of N samples that are uniform the divergence is about (K - 1) / (2 N), not 0.

    Args:
        classes: Class numbers, int64 [N].
        num_classes: K, the number of classes that there are.

    Raises:
        ValueError: there are none, or one is out of range.
    """
    flat = classes.detach().cpu()
    if flat.ndim != 1 or not len(flat) or flat.is_floating_point():
        raise ValueError(f"expected class numbers [N], N > 0, got {classes.dtype} {list(classes.shape)}")
    if int(flat.min()) < 0 or int(flat.max()) >= num_classes:
        raise ValueError(f"classes must be from 0 to {num_classes - 1}, got {int(flat.min())} to {int(flat.max())}")
    counts = torch.bincount(flat, minlength=num_classes).double()
    uniform = torch.full_like(counts, 1 / num_classes)
    return ClassModes(int((counts > 0).sum()), _divergence(counts, uniform))


def stacked_report(class_triples: Tensor) -> ClassModes:
    """Return how many of the 1,000 modes of stacked MNIST occur, and KL(p̂ || uniform).

    26,000 of the data's own images get 1,000 modes and about 0.0235, of which 0.0192 is due to the size of the sample
    and 0.004 to MNIST, which has more images of some digits; the standard deviation is 0.001. Less is noise.

    Metz et al., "Unrolled Generative Adversarial Networks", 2017. https://arxiv.org/abs/1611.02163

    Args:
        class_triples: The digits of the three channels, int64 [N, 3].

    Raises:
        ValueError: they are not triples of digits.
    """
    if class_triples.ndim != 2 or class_triples.shape[1] != 3:
        raise ValueError(f"expected the digits of three channels, [N, 3], got {list(class_triples.shape)}")
    if len(class_triples) and not 0 <= int(class_triples.min()) <= int(class_triples.max()) <= 9:
        raise ValueError(f"digits are from 0 to 9, got {int(class_triples.min())} to {int(class_triples.max())}")
    return class_report(class_triples @ class_triples.new_tensor([100, 10, 1]), 1000)


def _mixture(means: Tensor, std: object, weights: object, dim: int) -> tuple[Tensor, Tensor, Tensor]:
    means = torch.as_tensor(means, dtype=torch.float64, device="cpu")
    if means.ndim != 2 or means.shape[1] != dim:
        raise ValueError(f"means must have shape [K, {dim}] for points of {dim} coordinates, got {list(means.shape)}")
    stds = torch.as_tensor(std, dtype=torch.float64, device="cpu").flatten()
    shares = torch.as_tensor(weights, dtype=torch.float64, device="cpu").flatten()
    if len(stds) not in (1, len(means)) or len(shares) != len(means):
        raise ValueError(f"expected one std or {len(means)}, and {len(means)} weights, got {len(stds)}, {len(shares)}")
    if not (stds > 0).all() or not (shares >= 0).all() or not 0 < float(shares.sum()) < math.inf:
        raise ValueError(f"std must be positive and weights not negative, got {stds.tolist()}, {shares.tolist()}")
    return means, stds.expand(len(means)), shares / shares.sum()


def _nearest(points: Tensor, means: Tensor, std: Tensor) -> tuple[Tensor, Tensor]:
    """Return the nearest mode of each point, [N], and its distance in standard deviations, [N]."""
    distances = torch.cdist(points, means, compute_mode="donot_use_mm_for_euclid_dist") / std
    distance, mode = distances.min(dim=1)
    return mode, distance


def _divergence(counts: Tensor, weights: Tensor) -> float:
    """Return KL(counts / their sum || weights), in nats; inf for no counts at all."""
    if not float(counts.sum()):
        return math.inf
    p = counts / counts.sum()
    return float((torch.xlogy(p, p) - torch.xlogy(p, weights)).sum())
