"""Priors: what the latent z is made of."""

import math
from collections.abc import Sequence
from numbers import Integral
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ganzoo.config import Configurable

CODES = 1000  # the most that a prior has


class Code(NamedTuple):
    """Some columns of z that are meant to have a meaning of their own.

    Args:
        name: What the paper calls it: "c1", "c2", ...
        kind: "categorical": K columns, one of which is 1; "uniform" on [-1, 1] or "normal": one column.
        start: First column in z.
        size: Number of columns.
        low: Smallest value of a column that is worth a look: -1 of a uniform code, -3 of a normal one.
        high: Largest such value.
    """

    name: str
    kind: Literal["categorical", "uniform", "normal"]
    start: int
    size: int
    low: float
    high: float

    @property
    def variance(self) -> float:
        """Of a column that is not categorical."""
        return {"uniform": 1 / 3, "normal": 1.0}[self.kind]


class Prior(Configurable):
    """A distribution of latents z, [N, dim].

    Args:
        dim: Size of z; 0 of a translator that draws nothing.
    """

    codes: tuple[Code, ...] = ()  # columns of z with a meaning of their own, the last ones

    def __init__(self, dim: int = 100) -> None:
        if dim < 0:
            raise ValueError(f"dim must not be negative, got {dim}")
        self.dim = dim

    def sample(
        self, n: int, device: torch.device | str | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw z, [n, dim], from ``generator`` (default: torch's own)."""
        raise NotImplementedError

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log p(z), [N], in nats."""
        raise NotImplementedError

    def truncated(self, z: Tensor, psi: float) -> Tensor:
        """Return latents z, [N, dim], moved towards the mean: images that are more alike, and more often good ones.

        Raises:
            ValueError: the prior is not densest at its mean, or psi is not in [0, 1].
        """
        raise ValueError(f"truncation moves z towards the mean of a Normal prior: it means nothing for {self}")

    def __repr__(self) -> str:
        arguments = self.config()["init_args"]
        return f"{type(self).__name__}({', '.join(f'{k}={getattr(self, k, v)}' for k, v in arguments.items())})"

    def seeded(self, seeds: Sequence[int], device: torch.device | str | None = None) -> Tensor:
        """Return one z per seed, [len(seeds), dim]: seed i is the same z alone and in any range, on any device."""
        draws = [self.sample(1, generator=torch.Generator().manual_seed(check_seed(seed))) for seed in seeds]
        return torch.cat(draws).to(device) if draws else torch.empty(0, self.dim, device=device)

    def start(self, seed: int = 0, scale: float = 0.3) -> Tensor:
        """Return where to look for latents from, [1, dim]: the z of a seed, shortened; no value of a categorical code.

        At z = 0 no unit behind a first ReLU may be alive, and draws of full length are far from where most images are.
        """
        z = scale * self.seeded([seed])
        for code in self.codes:
            if code.kind == "categorical":
                z[:, code.start : code.start + code.size] = 1 / code.size
        return z


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

    def truncated(self, z: Tensor, psi: float) -> Tensor:
        """Return ψ z, [N, dim], which is N(0, ψ² I): 1 leaves z as it is, 0 makes it the mean.

        Karras et al., "A Style-Based Generator Architecture for Generative Adversarial Networks", 2019, appendix B:
        w̄ + ψ (w - w̄), here in z, whose mean is 0. https://arxiv.org/abs/1812.04948
        Differs from BigGAN, which draws again what lies beyond a threshold: here the z of a seed moves on a line.
        """
        if not self.dim:
            return super().truncated(z, psi)
        if not 0 <= psi <= 1:
            raise ValueError(f"truncation must be from 0 (the mean alone) to 1 (none), got {psi}")
        return psi * z


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


class Coded(Prior):
    """z = [noise, c_1, .., c_L]: noise, and codes that are independent of it and of each other.

        c_l ~ Cat(K_l, 1 / K_l) as a one-hot vector, or c_l ~ U[-1, 1]

    Chen et al., "InfoGAN: Interpretable Representation Learning by Information Maximizing Generative Adversarial
    Nets", 2016. https://arxiv.org/abs/1606.03657

    Args:
        noise: The distribution of the columns without a meaning, which come first.
        categorical: Numbers of values K_l of the categorical codes, which come next.
        uniform: Number of uniform codes, which come last.

    Raises:
        ValueError: there is no code, a categorical one has fewer than two values, or the noise has codes.
    """

    def __init__(self, noise: Prior = Uniform(dim=62), categorical: Sequence[int] = (10,), uniform: int = 2) -> None:
        if noise.codes:
            raise ValueError(f"noise must have no codes of its own, got {type(noise).__name__}: give Uniform or Normal")
        if any(K < 2 for K in categorical):
            raise ValueError(f"a categorical code needs at least 2 values, got categorical={tuple(categorical)}")
        if len(categorical) + uniform > CODES:
            raise ValueError(f"at most {CODES} codes, got {len(categorical)} categorical and {uniform} uniform ones")
        if uniform < 0 or not (uniform or categorical):
            raise ValueError(
                f"Coded needs a code: give sizes such as categorical=(10,), or uniform=2;"
                f" got categorical={tuple(categorical)}, uniform={uniform}"
            )
        super().__init__(noise.dim + sum(categorical) + uniform)
        self.noise, self.categorical, self.uniform = noise, tuple(categorical), uniform
        kinds: list[tuple[Literal["categorical", "uniform"], int]] = [("categorical", K) for K in categorical]
        kinds += [("uniform", 1)] * uniform
        codes, start = [], noise.dim
        for number, (kind, size) in enumerate(kinds, 1):
            codes.append(Code(f"c{number}", kind, start, size, low=0.0 if kind == "categorical" else -1.0, high=1.0))
            start += size
        self.codes = tuple(codes)

    def sample(
        self, n: int, device: torch.device | str | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw z, [n, dim]; every row has codes of its own."""
        parts = [self.noise.sample(n, device, generator)]
        for K in self.categorical:
            values = torch.randint(K, (n,), device=device, generator=generator)
            parts.append(F.one_hot(values, K).to(parts[0].dtype))
        if self.uniform:
            parts.append(Uniform(self.uniform).sample(n, device, generator))
        return torch.cat(parts, dim=1)

    def truncated(self, z: Tensor, psi: float) -> Tensor:
        """Return z, [N, dim], with the noise truncated; the codes stay."""
        noise, codes = z[:, : self.noise.dim], z[:, self.noise.dim :]
        return torch.cat([self.noise.truncated(noise, psi), codes], dim=1)

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log p(noise) - Σ log K_l - L_uniform log 2, or -inf where a code has no such value, [N]."""
        total = self.noise.log_prob(z[:, : self.noise.dim])
        for code in self.codes:
            c = z[:, code.start : code.start + code.size]
            if code.kind == "categorical":
                possible = ((c == 1).sum(dim=1) == 1) & ((c == 0).sum(dim=1) == code.size - 1)
                total = (total - math.log(code.size)).masked_fill(~possible, float("-inf"))
            else:
                total = total + Uniform(1).log_prob(c)
        return total


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
        """Return KL(N(mean, variance) || N(0, I)), [N], in nats; in single precision at least.

        Near N(0, I) its terms cancel: in bfloat16 it would be negative, and its gradient 0.
        """
        mean, log_variance = (part.to(torch.promote_types(part.dtype, torch.float32)) for part in self)
        return (mean.square() + log_variance.expm1() - log_variance).sum(dim=1) / 2


def check_seed(seed: int) -> int:
    """Return ``seed`` if torch's generators can tell it from every other seed.

    Raises:
        ValueError: no whole number, or outside [0, 2^32): the CPU generator ignores the upper 32 bits.
    """
    if not isinstance(seed, Integral) or not 0 <= seed < 2**32:
        raise ValueError(f"a seed is a whole number from 0 to {2**32 - 1}, got {seed}")
    return int(seed)


def which_seeds(n: int | None, seed: int | None, seeds: Sequence[int] | None) -> Sequence[int]:
    """Return ``seeds``, or the ``n`` from ``seed`` (None: 0) on.

    Raises:
        ValueError: both or neither are given, ``n`` is negative, or a seed is out of range.
    """
    if seeds is None:
        if n is None:
            raise ValueError("say how many images, as in sample(16, seed=0), or which, as in sample(seeds=[3, 7])")
        if n < 0:
            raise ValueError(f"n must not be negative, got {n}")
        return range(check_seed(seed or 0), (seed or 0) + n)
    if n is not None or seed is not None:
        raise ValueError(f"seeds says which images: leave out n and seed, got n={n} and seed={seed}")
    if isinstance(seeds, Integral):
        raise ValueError(f"seeds must be a list such as [3, 7], got {seeds}: one image is sample(1, seed={seeds})")
    return [check_seed(one) for one in (seeds.tolist() if isinstance(seeds, Tensor) else seeds)]
