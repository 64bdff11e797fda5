"""Nearest neighbours: precision, recall, density, coverage, and how far a generator copies its training set.

Every comparison of distances comes out as if each distance were the root of a sum of squared differences in
float64. Squared distances come from one float64 product, |a|² + |b|² - 2 a'b, whose rounding can tip a
comparison only if the two sides are closer than a known bound; these few pairs are computed again as Σ (a -
b)². So copies are at distance 0 and ties are ties. Memory is O(chunk N).
"""

import math
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from ganzoo.metrics.moments import check_features

PAIRS = 512  # a constant number of pairs is computed at once: the order of summation never changes


class PrecisionRecall(NamedTuple):
    """Shares, from 0 to 1, of generated images that look real and of real images that can be generated."""

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """Mean number, over k, of real neighbourhoods around a generated image; share of those that hold one."""

    density: float
    coverage: float


class Memorisation(NamedTuple):
    """What ``memorisation`` returns; the last two are median distances, in units of the features."""

    nn_ratio: float
    authenticity: float
    test_authenticity: float
    fake_to_train: float
    test_to_train: float


class _Points(NamedTuple):
    x: Tensor  # distinct rows, [n, d] float64
    weight: Tensor  # how often each occurs, [n]


def precision_recall(real: Tensor, fake: Tensor, k: int = 3, chunk: int = 1024) -> PrecisionRecall:
    """Return improved precision and recall.

        precision = mean over fakes f of [|f - r| <= NN_k(r) for some real r]    (Eq. 2)
        recall    = mean over reals r of [|r - f| <= NN_k(f) for some fake f]    (Eq. 2)

    NN_k(r) is the distance of r to its k-th nearest neighbour in its own set, itself excluded.

    Kynkäänniemi et al., "Improved Precision and Recall Metric for Assessing Generative Models", 2019.
    https://arxiv.org/abs/1904.06991

    Args:
        real: Features, [N, d].
        fake: Features, [M, d].
        k: Which neighbour sets the radius.
        chunk: Rows whose distances are held at once.

    Raises:
        ValueError: shapes that do not fit, values that are not finite, or a set of k or fewer rows.
    """
    reals = _distinct(real, "real", k=k)
    fakes = _distinct(fake, "fake", real.shape[1], k)
    real_radius, fake_radius = _radius(reals, k, chunk), _radius(fakes, k, chunk)
    precise, recalled = [], torch.zeros(len(reals.x), dtype=torch.bool, device=real.device)
    bound = _bound(fakes.x, reals.x)
    for rows, d in _distances(fakes.x, reals.x, chunk):
        _settle(d, bound, fakes.x[rows], reals.x, real_radius)
        precise.append((d <= real_radius).any(dim=1))
        _settle(d, bound, fakes.x[rows], reals.x, fake_radius[rows, None])
        recalled |= (d <= fake_radius[rows, None]).any(dim=0)
    return PrecisionRecall(_share(torch.cat(precise), fakes), _share(recalled, reals))


def density_coverage(real: Tensor, fake: Tensor, k: int = 5, chunk: int = 1024) -> DensityCoverage:
    """Return density and coverage.

        density  = 1 / (k M) Σ_f Σ_r [|f - r| < NN_k(r)]
        coverage = mean over reals r of [|f - r| < NN_k(r) for some fake f]

    Density is 1 on average for two sets of one distribution and may exceed 1. Coverage judges real
    neighbourhoods only, so outliers among the fakes cannot raise it.

    Naeem et al., "Reliable Fidelity and Diversity Metrics for Generative Models", 2020.
    https://arxiv.org/abs/2002.09797

    Args:
        real: Features, [N, d].
        fake: Features, [M, d].
        k: Which neighbour sets the radius.
        chunk: Rows whose distances are held at once.

    Raises:
        ValueError: shapes that do not fit, values that are not finite, no fake row, or k or fewer real rows.
    """
    reals = _distinct(real, "real", k=k)
    fakes = _distinct(fake, "fake", real.shape[1])
    radius, bound = _radius(reals, k, chunk), _bound(fakes.x, reals.x)
    inside, covered = 0.0, torch.zeros(len(reals.x), dtype=torch.bool, device=real.device)
    for rows, d in _distances(fakes.x, reals.x, chunk):
        _settle(d, bound, fakes.x[rows], reals.x, radius)
        within = d < radius
        covered |= within.any(dim=0)
        inside += float((within.double() @ reals.weight).dot(fakes.weight[rows]))
    return DensityCoverage(inside / (k * len(fake)), _share(covered, reals))


def nearest(queries: Tensor, points: Tensor, block: int = 1024) -> tuple[Tensor, Tensor]:
    """Return distance, [N] float64, and index, [N], of the point nearest to each query; of equals the first.

    Args:
        queries: [N, d].
        points: [M, d].
        block: Queries whose distances are held at once.

    Raises:
        ValueError: shapes that do not fit, values that are not finite, or no points.
    """
    check_features(points, name="points")
    check_features(queries, points.shape[1], "queries")
    if not len(points):
        raise ValueError("nearest needs at least 1 point, got none")
    return _nearest(queries.detach().double(), points.detach().double(), block)


def memorisation(train: Tensor, test: Tensor, fake: Tensor, block: int = 1024) -> Memorisation:
    """Return how much nearer generated images are to the training set than they should be.

    ``nn_ratio`` is the median distance of a generated image to its nearest training image over that of a
    held-out real image to its own. 1: as far from the training set as new real images are. 0: copies. More
    than 1: not copied, but perhaps not realistic either; read it beside precision.

    ``authenticity`` is the share of generated images g whose nearest training image t has another training
    image t' nearer than g: |t - t'| < |t - g|. Copies have 0, noisy copies nearly so, and since < is strict,
    a training image that occurs twice does not hide its copies. New real images have one third (in one
    dimension) to one half (in many), or more where a few training images are everyone's neighbours:
    ``test_authenticity`` is what the held-out images have.

    Alaa et al., "How Faithful is your Synthetic Data?", 2022. https://arxiv.org/abs/2102.08921

    Args:
        train: Features of the images that the generator was trained on, all of them, [N, d].
        test: Features of real images that it has not seen, [M, d].
        fake: Features of generated images, [K, d].
        block: Rows whose distances are held at once.

    Raises:
        ValueError: shapes that do not fit, values that are not finite, fewer than two training images, or an
            empty set.
    """
    if min(len(train), 2 * len(test), 2 * len(fake)) < 2:
        sizes = f"{len(train)}, {len(test)} and {len(fake)}"
        raise ValueError(f"memorisation needs 2 training, 1 test and 1 generated image or more, got {sizes}")
    fake_distance, fake_index = nearest(fake, train, block)
    test_distance, test_index = nearest(test, train, block)
    got, expected = float(fake_distance.quantile(0.5)), float(test_distance.quantile(0.5))
    if expected == 0:
        warnings.warn("half of the test images are training images: nn_ratio is left out", stacklevel=2)
    authenticity = _authenticity(train, fake_distance, fake_index, block)
    test_authenticity = _authenticity(train, test_distance, test_index, block)
    return Memorisation(got / expected if expected else math.nan, authenticity, test_authenticity, got, expected)


def _authenticity(train: Tensor, distance: Tensor, index: Tensor, block: int) -> float:
    used, inverse = torch.unique(index, return_inverse=True)
    points = train.detach().double()
    spacing, _ = _nearest(points[used], points, block, skip=used)
    return float((spacing[inverse] < distance).double().mean())


def _distinct(x: Tensor, name: str, dim: int | None = None, k: int = 0) -> _Points:
    """Merge equal rows: a generator that repeats one image would make all pairs ties."""
    check_features(x, dim, name)
    if len(x) < k + 1:
        raise ValueError(f"{name} needs more than k={k} rows, got {len(x)}: give more images or a smaller k")
    rows, count = torch.unique(x.detach().double(), dim=0, return_counts=True)
    return _Points(rows, count.double())


def _share(hit: Tensor, points: _Points) -> float:
    return float(hit.double().dot(points.weight) / points.weight.sum())


def _distances(x: Tensor, y: Tensor, chunk: int) -> Iterator[tuple[slice, Tensor]]:
    """Yield slices of x and their squared distances to y, [c, m], right up to ``_bound``."""
    size = y.square().sum(dim=1)
    for start in range(0, len(x), chunk):
        rows = slice(start, min(start + chunk, len(x)))
        yield rows, torch.addmm(x[rows].square().sum(dim=1)[:, None] + size, x[rows], y.T, alpha=-2)


def _bound(x: Tensor, y: Tensor) -> float:
    """Bound the difference of two squared distances, both rounded, that ``_settle`` must look at.

    A sum of d products errs by at most d ε of the sum of their sizes, and no size exceeds the largest |x|² +
    |y|². The factor covers three such sums, the direct one, and an order statistic on either side.
    """
    largest = float(x.square().sum(dim=1).max() + y.square().sum(dim=1).max())
    return 16 * (x.shape[1] + 4) * torch.finfo(torch.float64).eps * largest


def _settle(d: Tensor, bound: float, x: Tensor, y: Tensor, threshold: Tensor) -> None:
    """Write Σ (x - y)² into each entry of d, [n, m], that rounding could tip over the threshold."""
    i, j = ((d - threshold).abs_() <= bound).nonzero(as_tuple=True)
    if not len(i):
        return
    n_filler = -len(i) % PAIRS
    pairs = zip(torch.split(pad(i, (0, n_filler)), PAIRS), torch.split(pad(j, (0, n_filler)), PAIRS), strict=True)
    direct = torch.cat([(x[a] - y[b]).square().sum(dim=1) for a, b in pairs])
    d[i, j] = direct[: len(i)]


def _radius(points: _Points, k: int, chunk: int) -> Tensor:
    """Return the squared distance of each row to its k-th nearest neighbour, itself excluded, [n]."""
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    x, weight = points
    bound, parts = _bound(x, x), []
    for rows, d in _distances(x, x, chunk):
        _settle(d, bound, x[rows], x, _kth(d, weight, k + 1)[:, None])
        parts.append(_kth(d, weight, k + 1))
    return torch.cat(parts)


def _kth(d: Tensor, weight: Tensor, k: int) -> Tensor:
    """Return the k-th smallest of each row of d, [n, m], where column j counts ``weight[j]`` times, [n]."""
    values, columns = d.topk(min(k, d.shape[1]), dim=1, largest=False)
    which = (weight[columns].cumsum(dim=1) < k).sum(dim=1, keepdim=True)
    return values.gather(1, which)[:, 0]


def _nearest(queries: Tensor, points: Tensor, block: int, skip: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """``nearest`` of float64 rows; query i ignores point ``skip[i]``.

    Block x block distances at once: whole rows of 60,000 would not stay in the cache of a core.
    """
    best = queries.new_full((len(queries),), torch.inf)
    at = torch.zeros(len(queries), dtype=torch.long, device=queries.device)
    bound = _bound(queries, points) if len(queries) else 0.0
    for start in range(0, len(points), block):
        near = points[start : start + block]
        for rows, d in _distances(queries, near, block):
            if skip is not None:
                i = (skip[rows] // block == start // block).nonzero()[:, 0]
                d[i, skip[rows][i] - start] = torch.inf
            _settle(d, bound, queries[rows], near, d.amin(dim=1, keepdim=True))
            value, index = d.min(dim=1)
            less = value < best[rows]
            best[rows] = torch.where(less, value, best[rows])
            at[rows] = torch.where(less, index + start, at[rows])
    return best.sqrt(), at
