"""Priors: what the latent z is made of."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ganzoo.config import Configurable


class Prior(Configurable):
    """A distribution of latents z, [N, dim].

    Args:
        dim: Size of z.
    """

    def __init__(self, dim: int = 100) -> None:
        if dim < 1:
            raise ValueError(f"dim must be at least 1, got {dim}")
        self.dim = dim

    def sample(
        self, n: int, device: torch.device | str | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw z, [n, dim], from ``generator`` (default: torch's own)."""
        raise NotImplementedError

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log p(z), [N], in nats."""
        raise NotImplementedError

    def seeded(self, seeds: range | list[int], device: torch.device | str | None = None) -> Tensor:
        """Return one z per seed, [len(seeds), dim]: seed i is the same z alone and in any range, on any device."""
        draws = [self.sample(1, generator=torch.Generator().manual_seed(check_seed(seed))) for seed in seeds]
        return torch.cat(draws).to(device) if draws else torch.empty(0, self.dim, device=device)


class Normal(Prior):
    """z ~ N(0, I)."""

    def __init__(self, dim: int = 100) -> None:
        super().__init__(dim)

    def sample(
        self, n: int, device: torch.device | str | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw z, [n, dim]."""
        return torch.randn(n, self.dim, device=device, generator=generator, dtype=torch.float32)

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log N(z; 0, I), [N]."""
        return -(z.square() + math.log(2 * math.pi)).sum(dim=1) / 2


class Uniform(Prior):
    """z ~ U[-1, 1]^dim."""

    def __init__(self, dim: int = 100) -> None:
        super().__init__(dim)

    def sample(
        self, n: int, device: torch.device | str | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw z, [n, dim]."""
        return torch.rand(n, self.dim, device=device, generator=generator, dtype=torch.float32) * 2 - 1

    def log_prob(self, z: Tensor) -> Tensor:
        """Return -dim log 2 inside the cube and -inf outside, [N]."""
        inside = (z.abs() <= 1).all(dim=1)
        density = torch.full_like(z[:, 0], -self.dim * math.log(2.0))
        return density.masked_fill(~inside, float("-inf"))


class Gaussian(NamedTuple):
    """N(mean, diag(exp(log_variance))) for each of N images.

    Args:
        mean: [N, dim].
        log_variance: [N, dim].
    """

    mean: Tensor
    log_variance: Tensor

    def draw(self) -> Tensor:
        """Draw z = mean + std · ε, [N, dim], differentiable with respect to both."""
        return self.mean + (self.log_variance / 2).exp() * torch.randn_like(self.mean)

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log N(z; mean, variance), [N], in nats."""
        scaled = (z - self.mean).square() * (-self.log_variance).exp()
        return -(scaled + self.log_variance + math.log(2 * math.pi)).sum(dim=1) / 2

    def kl(self) -> Tensor:
        """Return KL(N(mean, variance) || N(0, I)), [N], in nats."""
        return (self.mean.square() + self.log_variance.exp() - 1 - self.log_variance).sum(dim=1) / 2


def check_seed(seed: int) -> int:
    """Return ``seed`` if torch's generators can tell it from every other seed.

    Raises:
        ValueError: outside [0, 2^32): the CPU generator ignores the upper 32 bits.
    """
    if not 0 <= seed < 2**32:
        raise ValueError(f"a seed is a whole number from 0 to {2**32 - 1}, got {seed}")
    return seed
