"""Mean and covariance of features that arrive in batches."""

import torch
from torch import Tensor


def check_features(x: Tensor, dim: int | None = None, name: str = "features") -> None:
    """Accept finite floating-point features [N, d] only.

    Args:
        x: What to check.
        dim: The d that is expected; None: any.
        name: What the error calls them.

    Raises:
        ValueError: wrong shape, whole numbers, or a value that is infinite or not a number.
    """
    if x.ndim != 2 or x.shape[1] == 0 or (dim is not None and x.shape[1] != dim):
        raise ValueError(f"{name} must have shape [N, {'d' if dim is None else dim}], got {list(x.shape)}")
    if not x.is_floating_point():
        raise ValueError(f"{name} must be floating point, got {x.dtype}: extract features from images first")
    if not torch.isfinite(x).all():
        raise ValueError(f"{name} must be finite, got inf or nan: look for a diverged model or half precision")


def _gram(x: Tensor) -> Tensor:
    """Return x'x, [d, d], of float64 rows [N, d]."""
    if x.device.type != "cpu":
        return x.T @ x
    rows = x.numpy()
    return torch.from_numpy(rows.T @ rows)  # numpy sees the symmetry (dsyrk): half the work of torch's product


class Moments:
    """Streaming mean and covariance in float64, safe against features with a large mean.

    Rows wait until ``chunk`` of them can be centred and multiplied at once; blocks, and states of other
    processes, are joined by

        delta = m - mu,  t = n + k
        C <- C + G + (n k / t) delta delta',   mu <- mu + (k / t) delta,   n <- t

    where (n, mu, C) is the count, mean and scatter so far and (k, m, G) that of the newcomer.

    Rows are kept until their turn, not copied: do not write into features that were given to ``update``.

    Chan et al., "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979.
    http://i.stanford.edu/pub/cstr/reports/cs/tr/79/773/CS-TR-79-773.pdf

    Args:
        dim: Size d of a feature.
        chunk: Rows that are folded in at once.
        device: Where the state lives and the products are computed; it must know float64.
    """

    def __init__(self, dim: int, chunk: int = 2048, device: torch.device | str = "cpu") -> None:
        if dim < 1 or chunk < 1:
            raise ValueError(f"dim and chunk must be at least 1, got {dim} and {chunk}")
        self.dim, self.chunk = dim, chunk
        self._n = 0
        self._mean = torch.zeros(dim, dtype=torch.float64, device=device)
        self._scatter = torch.zeros(dim, dim, dtype=torch.float64, device=device)
        self._waiting: list[Tensor] = []
        self._n_waiting = 0

    @property
    def n(self) -> int:
        """Number of rows so far."""
        return self._n + self._n_waiting

    @property
    def mean(self) -> Tensor:
        """Mean of the rows so far, [d]."""
        self.flush()
        return self._mean

    def update(self, features: Tensor) -> None:
        """Add a batch of features [N, d] of any floating-point type.

        Raises:
            ValueError: wrong shape or type, or a value that is not finite.
        """
        check_features(features, self.dim)
        self._waiting.append(features.detach())
        self._n_waiting += len(features)
        if self._n_waiting >= self.chunk:
            self.flush()

    def flush(self) -> None:
        """Fold the rows that wait into the state."""
        if self._n_waiting:
            rows = torch.cat(self._waiting)
            for part in rows.tensor_split(max(1, len(rows) // self.chunk)):
                self._fold(part)
        self._waiting, self._n_waiting = [], 0

    def _fold(self, rows: Tensor) -> None:
        x = rows.to(self._mean.device, torch.float64)
        mean = x.mean(dim=0)
        self._join(len(x), mean, _gram(x.sub_(mean)))  # x is the copy that torch.cat made

    def _join(self, n: int, mean: Tensor, scatter: Tensor) -> None:
        delta, total = mean - self._mean, self._n + n
        self._scatter.add_(scatter).addr_(delta, delta, alpha=self._n * n / total)
        self._mean = self._mean + delta * (n / total)
        self._n = total

    def state(self) -> tuple[int, Tensor, Tensor]:
        """Return count, mean [d] and scatter [d, d]: what another ``Moments`` can ``merge``."""
        self.flush()
        return self._n, self._mean, self._scatter.clone()

    def merge(self, n: int, mean: Tensor, scatter: Tensor) -> None:
        """Join the ``state()`` of another ``Moments``: ``a.merge(*b.state())``.

        Args:
            n: Number of rows; 0 changes nothing.
            mean: Their mean, [d].
            scatter: Sum of the outer products of the centred rows, [d, d].

        Raises:
            ValueError: a negative count, a wrong shape, or a value that is not finite.
        """
        if n < 0 or mean.shape != (self.dim,) or scatter.shape != (self.dim, self.dim):
            raise ValueError(
                f"expected n >= 0, mean [{self.dim}] and scatter [{self.dim}, {self.dim}], "
                f"got {n}, {list(mean.shape)} and {list(scatter.shape)}"
            )
        if not (torch.isfinite(mean).all() and torch.isfinite(scatter).all()):
            raise ValueError("mean and scatter must be finite, got inf or nan")
        self.flush()
        if n:
            self._join(n, mean.to(self._mean), scatter.to(self._scatter))

    def cov(self, ddof: int = 1) -> Tensor:
        """Return the covariance, scatter / (n - ddof), [d, d].

        Raises:
            ValueError: not more rows than ``ddof``.
        """
        self.flush()
        if self._n <= ddof:
            raise ValueError(f"a covariance with ddof={ddof} needs more than {ddof} rows, got {self._n}")
        return self._scatter / (self._n - ddof)
