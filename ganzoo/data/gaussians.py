"""Mixtures of Gaussians, for which every judgement has a closed form."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from ganzoo.data.base import ImageData
from ganzoo.data.order import mix

Kind = Literal["ring", "grid", "line"]
MOST = (10_000, 10_000_000)  # modes, points
DEFAULTS = {"ring": (8, 0.01), "grid": (25, 0.05), "line": (2, 0.1)}  # modes and std


class Gaussians(ImageData):
    """Points of p(x) = Σ w_k N(x; μ_k, std_k² I), labelled with the mode k that they come from.

    The defaults of ring (8 modes, radius 1, std 0.01) and grid (5 x 5 modes, 2 apart, std 0.05) are the
    protocol of Lin et al., "PacGAN", 2018. https://arxiv.org/abs/1712.04086

    Args:
        kind: "ring" and "grid" in the plane, "line" in one dimension.
        n_modes: Number of modes; none: 8, 25, 2.
        radius: Radius of the ring.
        spacing: Distance between neighbours of the grid or line.
        std: Standard deviation of all modes, or a list with that of each; none: 0.01, 0.05, 0.1.
        weights: Relative weights of the modes; none: equal.
        means: Centres of the line's modes; none: ``spacing`` apart around 0.
        n_points: Points per split.
        batch_size: Points per batch and process.
        seed: Seed of the order of the training points.

    Raises:
        ValueError: a mixture that cannot be.
    """

    name = "Gaussians"
    mixture = True

    def __init__(
        self,
        kind: Kind = "ring",
        n_modes: int | None = None,
        radius: float = 1.0,
        spacing: float = 2.0,
        std: float | list[float] | None = None,
        weights: list[float] | None = None,
        means: list[float] | None = None,
        n_points: int = 100_000,
        batch_size: int = 64,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size=batch_size, seed=seed)
        if kind not in DEFAULTS:
            raise ValueError(f"kind must be one of {', '.join(DEFAULTS)}, got {kind!r}")
        if means is not None and (kind != "line" or not means or n_modes not in (None, len(means))):
            raise ValueError(f"means are the centres of a line, one per mode; got {means} for a {kind} of {n_modes}")
        default_modes, default_std = DEFAULTS[kind]
        n_modes = (len(means) if means else default_modes) if n_modes is None else n_modes
        self.std = default_std if std is None else std
        if n_modes > MOST[0] or not 1 <= n_points <= MOST[1]:
            raise ValueError(f"n_modes and n_points must be at most {MOST}, got {n_modes} and {n_points}")
        if n_modes < 1 or min(_each(self.std, n_modes)) <= 0:
            raise ValueError(f"n_modes must be at least 1 and std positive, got n_modes={n_modes}, std={self.std}")
        self.means = torch.tensor(means)[:, None] if means else _centres(kind, n_modes, radius, spacing)
        self.weights = _weights(weights, n_modes)
        self.n_points, self.image_shape = n_points, (self.means.shape[1],)
        self.class_names = tuple(str(k) for k in range(n_modes))

    def read(self, split: str) -> tuple[Tensor, Tensor]:
        """Draw the points of a split, float [n_points, d], and their modes."""
        generator = torch.Generator().manual_seed(mix("gaussians", split))
        modes = torch.multinomial(self.weights, self.n_points, replacement=True, generator=generator)
        noise = torch.randn(self.n_points, *self.image_shape, generator=generator)
        return self.means[modes] + torch.tensor(_each(self.std, len(self.means)))[modes, None] * noise, modes


def _centres(kind: Kind, n: int, radius: float, spacing: float) -> Tensor:
    if kind == "ring":
        angles = torch.arange(n) * (2 * math.pi / n)
        return radius * torch.stack([angles.cos(), angles.sin()], dim=1)
    side = math.isqrt(n) if kind == "grid" else n
    if kind == "grid" and side * side != n:
        raise ValueError(f"a grid has a square number of modes, got {n}")
    line = spacing * (torch.arange(side) - (side - 1) / 2)
    return torch.cartesian_prod(line, line) if kind == "grid" else line[:, None]


def _each(std: float | Sequence[float], n: int) -> Sequence[float]:
    if not isinstance(std, Sequence):
        return [std] * n
    if len(std) != n:
        raise ValueError(f"std must be one number or one per mode, got {len(std)} for {n} modes")
    return std


def _weights(weights: Sequence[float] | None, n: int) -> Tensor:
    if weights is None:
        return torch.full((n,), 1 / n)
    if len(weights) != n or min(weights) < 0 or sum(weights) <= 0:
        raise ValueError(f"expected {n} weights, none negative and not all 0, got {weights}")
    return torch.tensor(weights) / sum(weights)
