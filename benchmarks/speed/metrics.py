"""Time the arithmetic of evaluation beside that of torchmetrics, torch-fidelity, SciPy and scikit-learn.

python -m benchmarks.speed.metrics [--threads 1] [--repeats 3] [--dim 2048]
"""

import os
from argparse import ArgumentParser, Namespace


def parse() -> Namespace:
    """Read the command line and, before numpy and torch are imported, limit their threads."""
    parser = ArgumentParser(description="Time the arithmetic of evaluation.")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--dim", type=int, default=2048)
    args = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(args.threads)
    return args


ARGS = parse()

import time  # noqa: E402
from collections.abc import Callable  # noqa: E402

import numpy as np  # noqa: E402
import scipy.linalg  # noqa: E402
import torch  # noqa: E402
from sklearn.neighbors import NearestNeighbors  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torchmetrics.image.fid import FrechetInceptionDistance, _compute_fid  # noqa: E402

from benchmarks.machine import made  # noqa: E402
from ganzoo.metrics.frechet import factor, frechet, frechet_from_features  # noqa: E402
from ganzoo.metrics.moments import Moments  # noqa: E402
from ganzoo.metrics.neighbours import nearest  # noqa: E402

Row = tuple[str, float, float, float]
BATCH = 64


class PassThrough(nn.Module):
    """Takes features for images, so that torchmetrics times its own arithmetic only."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.num_features = dim

    def forward(self, x: Tensor) -> Tensor:
        """Return x."""
        return x


def best(run: Callable[[], float]) -> tuple[float, float]:
    """Return the least seconds of a few runs and their value."""
    seconds, value = [], 0.0
    for _ in range(ARGS.repeats):
        start = time.perf_counter()
        value = run()
        seconds.append(time.perf_counter() - start)
    return min(seconds), value


def table(title: str, exact: float, runs: dict[str, Callable[[], float]]) -> None:
    """Print seconds, their ratio to the first row, and the value minus ``exact``."""
    print(f"\n{title}\n\n| method | seconds | times the first | value - exact |\n|---|---|---|---|")
    first = 0.0
    for name, run in runs.items():
        seconds, value = best(run)
        first = first or seconds
        print(f"| {name} | {seconds:.3f} | {seconds / first:.2f} | {value - exact:+.1e} |", flush=True)


def features(n: int, seed: int) -> Tensor:
    """Draw features with a falling spectrum and a mean, [n, dim] float32."""
    generator = torch.Generator().manual_seed(seed)
    scale = torch.arange(1, ARGS.dim + 1) ** -0.6
    mix = torch.randn(ARGS.dim, ARGS.dim, generator=torch.Generator().manual_seed(99)) / ARGS.dim**0.5
    return torch.randn(n, ARGS.dim, generator=generator) * scale @ mix + 0.4


def moments(n: int = 4096) -> None:
    """Time the mean and covariance of n rows in batches of 64."""
    x = features(n, 0)
    batches = x.split(BATCH)

    def ours() -> float:
        state = Moments(ARGS.dim)
        for rows in batches:
            state.update(rows)
        return float(state.cov().trace())

    def theirs() -> float:
        metric = FrechetInceptionDistance(feature=PassThrough(ARGS.dim), normalize=True)
        for rows in batches:
            metric.update(rows, real=True)
        mean = metric.real_features_sum / n
        return float((metric.real_features_cov_sum - n * torch.outer(mean, mean)).trace() / (n - 1))

    exact = float(x.double().var(0).sum())
    runs = {"ganzoo Moments": ours, "torchmetrics FrechetInceptionDistance.update": theirs}
    table(
        f"Moments of {n} x {ARGS.dim} features in batches of {BATCH} (value: trace of the covariance)",
        exact,
        runs,
    )


def warped(n: int) -> tuple[Tensor, Tensor, Tensor, float]:
    """Return centred rows x, a symmetric T, the covariance of x T, and the exact distance of x to x T."""
    x = features(n, 1).double()
    x = x - x.mean(0)
    noise = torch.randn(ARGS.dim, ARGS.dim, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    T = torch.eye(ARGS.dim, dtype=torch.float64) + 0.075 * (noise + noise.T) / ARGS.dim**0.5
    S = x.T @ x / (n - 1)
    gap = x - x @ T
    return x, T, S, float(gap.square().sum() / (n - 1))


def full_rank() -> None:
    """Time the distance of two covariances of full rank."""
    n = 4 * ARGS.dim
    _, T, S1, exact = warped(n)
    S2 = T @ S1 @ T
    zero = torch.zeros(ARGS.dim, dtype=torch.float64)
    traces = float(S1.trace() + S2.trace())
    a, b = S1.numpy(), S2.numpy()
    L1 = factor(S1, ARGS.dim)
    runs = {
        "ganzoo, cached factor": lambda: frechet(zero, S1, zero, S2, n, n, L1),
        "ganzoo": lambda: frechet(zero, S1, zero, S2, n, n),
        "torch.linalg.eigvals (torchmetrics)": lambda: float(_compute_fid(zero, S1, zero, S2)),
        "numpy.linalg.eigvals (torch-fidelity)": lambda: (
            traces - 2 * float(np.sqrt(np.linalg.eigvals(a @ b).astype(complex)).real.sum())
        ),
        "scipy.linalg.sqrtm (pytorch-fid)": lambda: traces - 2 * float(np.trace(scipy.linalg.sqrtm(a @ b)).real),
    }
    table(f"Distance of two {ARGS.dim} x {ARGS.dim} covariances, n = {n}", exact, runs)


def few_samples(n: int = 500) -> None:
    """Time the distance of n < dim rows of features to a reference of many; exact by singular values."""
    n, n_ref = min(n, ARGS.dim // 2), 4 * ARGS.dim
    S_ref = warped(n_ref)[2]
    x = features(n, 3).double()
    mu, zero = x.mean(0), torch.zeros(ARGS.dim, dtype=torch.float64)
    F = (x - mu) / (n - 1) ** 0.5
    root = torch.linalg.svdvals(F @ torch.linalg.cholesky(S_ref)).sum()
    exact = float(mu.square().sum() + F.square().sum() + S_ref.trace() - 2 * root)
    runs = {
        "ganzoo frechet_from_features": lambda: frechet_from_features(x, zero, S_ref, n_ref),
        "ganzoo frechet of the covariance": lambda: frechet(zero, S_ref, mu, x.T.cov(), n_ref, n),
        "eigvals of the covariance (torchmetrics)": lambda: float(_compute_fid(zero, S_ref, mu, x.T.cov())),
    }
    table(f"Distance of {n} x {ARGS.dim} features to a reference of {n_ref}", exact, runs)


def nearest_rows(n: int = 1000, m: int = 60_000, dim: int = 64) -> None:
    """Time the search for the nearest of m rows; every query is a copy, so the mean distance is 0."""
    y = torch.randn(m, dim, generator=torch.Generator().manual_seed(4)).relu()
    x = y[:n].clone()
    brute = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(y.numpy())

    def by_cdist(mode: str) -> float:
        parts = [torch.cdist(rows, y, compute_mode=mode).amin(dim=1) for rows in x.split(256)]
        return float(torch.cat(parts).mean())

    runs = {
        "ganzoo nearest": lambda: float(nearest(x, y)[0].mean()),
        "torch.cdist, differences": lambda: by_cdist("donot_use_mm_for_euclid_dist"),
        "torch.cdist, products": lambda: by_cdist("use_mm_for_euclid_dist"),
        "scikit-learn NearestNeighbors, brute": lambda: float(brute.kneighbors(x.numpy())[0].mean()),
    }
    table(f"Nearest of {m} rows of {dim} numbers to each of {n} copies (value: mean distance)", 0.0, runs)


def main() -> None:
    """Run all comparisons."""
    torch.set_num_threads(ARGS.threads)
    conditions = made("numpy", "scipy", "torchmetrics", "scikit-learn")
    print(f"{'; '.join(conditions.values())}; {ARGS.threads} thread(s), best of {ARGS.repeats}")
    moments()
    full_rank()
    few_samples()
    nearest_rows()


if __name__ == "__main__":
    main()
