"""Objectives that estimate and minimise an f-divergence D_f = ∫ q f(p/q) of data p and generated q.

    D_f >= F = E_p[T] - E_q[f*(T)],    T = g_f(V)      (equality for T = f'(p/q), Eqs. 4, 5)

    divergence        f(u)                                                g_f(v)                  f*(g_f(v))
    ----------------  ------------------------------------------------    --------------------    ---------------
    KL                u log u                                             v                       exp(v - 1)
    ReverseKL         -log u                                              -exp(-v)                v - 1
    Pearson           (u - 1)²                                            v                       v²/4 + v
    Neyman            (1 - u)² / u                                        1 - exp(-v)             2 - 2 exp(-v/2)
    SquaredHellinger  (√u - 1)²                                           1 - exp(-v)             exp(v) - 1
    Jeffrey           (u - 1) log u                                       v                       W + 1/W + v - 2
    JensenShannon     u log u - (u + 1) log((u + 1) / 2)                  log 2 - s(-v)           s(v) - log 2
    GANDivergence     u log u - (u + 1) log(u + 1)                        -s(-v)                  s(v)

s is softplus, W is Lambert's function of exp(1 - v), p stands for real images. Every g_f rises: a large v says "real".
An exponential in the table goes on along its tangent beyond exp(20), because g_f rises slower there (``tame``): losses
stay finite, and F a bound; only p/q beyond about exp(±20) is harder to express.

Nowozin et al., "f-GAN", 2016, Tables 1, 2, 6. https://arxiv.org/abs/1606.00709
"""

import math
from typing import Any, Literal, cast, get_args

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ganzoo.losses.objectives import Objective, tame

GeneratorLoss = Literal["minimax", "activation"]


class FDivergence(Objective):
    """The game of an f-divergence: D maximises F, G minimises it.

    Args:
        generator: What G minimises: "minimax" is -E_q[f*(T)], its part of F (Eq. 6); "activation" is -E_q[T], which
            pulls harder while D is sure (section 3.2).
    """

    def __init__(self, generator: GeneratorLoss = "minimax") -> None:
        if generator not in get_args(GeneratorLoss):
            raise ValueError(f"generator must be one of {', '.join(get_args(GeneratorLoss))}, got {generator!r}")
        self.generator = generator

    def f(self, u: Tensor) -> Tensor:
        """Return the convex function of the ratio u = p/q > 0."""
        raise NotImplementedError

    def derivative(self, u: Tensor) -> Tensor:
        """f'(u), without graph: the best T where p/q = u."""
        with torch.inference_mode(False), torch.enable_grad():
            u = u.detach().clone().requires_grad_()
            (slope,) = torch.autograd.grad(self.f(u).sum(), u)
        return slope

    def conjugate(self, t: Tensor) -> Tensor:
        """f*(t) = sup_u (u t - f(u)), for t that ``activation`` can take."""
        raise NotImplementedError

    def activation(self, v: Tensor) -> Tensor:
        """g_f(v): T of D's output; it maps the real line into the domain of f*. Here v itself."""
        return v

    @property
    def threshold(self) -> float:
        """f'(1): T above it says that an image is rather real."""
        return self.derivative(torch.ones((), dtype=torch.float64)).item()

    def real(self, t: Tensor) -> Tensor:
        """-g_f(t)."""
        return -self.activation(t)

    def fake(self, t: Tensor) -> Tensor:
        """f*(g_f(t))."""
        return self.conjugate(self.activation(t))

    def gen(self, t: Tensor) -> Tensor:
        """-f*(g_f(t)), or -g_f(t)."""
        return -self.fake(t) if self.generator == "minimax" else self.real(t)

    def estimate(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return F, the lower bound of D_f that D's outputs on real and generated images, each [N], attest."""
        return -self.d(real, fake)


class KL(FDivergence):
    """KL(p || q) = ∫ p log(p/q)."""

    def f(self, u: Tensor) -> Tensor:
        """Return u log u."""
        return torch.xlogy(u, u)

    def conjugate(self, t: Tensor) -> Tensor:
        """exp(t - 1)."""
        return torch.exp(t - 1)

    def activation(self, v: Tensor) -> Tensor:
        """Return v."""
        return tame(v)


class ReverseKL(FDivergence):
    """KL(q || p) = ∫ q log(q/p)."""

    def f(self, u: Tensor) -> Tensor:
        """-log u."""
        return -u.log()

    def conjugate(self, t: Tensor) -> Tensor:
        """-1 - log(-t), t < 0."""
        return -1 - torch.log(-t)

    def activation(self, v: Tensor) -> Tensor:
        """-exp(-v)."""
        return -torch.exp(tame(-v))

    def fake(self, t: Tensor) -> Tensor:
        """Return t - 1."""
        return -tame(-t) - 1


class Pearson(FDivergence):
    """χ² = ∫ (p - q)² / q; infinite for Gaussians if the variance of p is twice that of q or more."""

    def f(self, u: Tensor) -> Tensor:
        """(u - 1)²."""
        return (u - 1).square()

    def conjugate(self, t: Tensor) -> Tensor:
        """t²/4 + t."""
        return t.square() / 4 + t


class Neyman(FDivergence):
    """χ² = ∫ (p - q)² / p; infinite for Gaussians if the variance of q is twice that of p or more."""

    def f(self, u: Tensor) -> Tensor:
        """(1 - u)² / u."""
        return u - 2 + 1 / u

    def conjugate(self, t: Tensor) -> Tensor:
        """2 - 2 √(1 - t), t < 1."""
        return 2 - 2 * torch.sqrt(1 - t)

    def activation(self, v: Tensor) -> Tensor:
        """1 - exp(-v)."""
        return -torch.expm1(2 * tame(-v / 2))

    def fake(self, t: Tensor) -> Tensor:
        """2 - 2 exp(-t/2)."""
        return -2 * torch.expm1(tame(-t / 2))


class SquaredHellinger(FDivergence):
    """∫ (√p - √q)²."""

    def f(self, u: Tensor) -> Tensor:
        """(√u - 1)²."""
        return (u.sqrt() - 1).square()

    def conjugate(self, t: Tensor) -> Tensor:
        """Return t / (1 - t), t < 1."""
        return t / (1 - t)

    def activation(self, v: Tensor) -> Tensor:
        """1 - exp(-v)."""
        return -torch.expm1(tame(-tame(v)))

    def fake(self, t: Tensor) -> Tensor:
        """exp(t) - 1."""
        return torch.expm1(-tame(-tame(t)))


class Jeffrey(FDivergence):
    """KL(p || q) + KL(q || p)."""

    def f(self, u: Tensor) -> Tensor:
        """(u - 1) log u."""
        return (u - 1) * u.log()

    def conjugate(self, t: Tensor) -> Tensor:
        """Return W + 1/W + t - 2 with W = W(exp(1 - t)), which is 1/W - 1 - log W."""
        log_w = log_lambert(1 - t)
        return torch.expm1(-log_w) - log_w

    def activation(self, v: Tensor) -> Tensor:
        """Return v."""
        return tame(v)


class GANDivergence(FDivergence):
    """2 JSD - 2 log 2: the game of the original GAN, as ``Minimax``; its least value is -log 4, not 0."""

    shift = 0.0  # c below

    def f(self, u: Tensor) -> Tensor:
        """Return u log u - (u + 1) log(u + 1) + c (u + 1)."""
        return torch.xlogy(u, u) - torch.xlogy(u + 1, u + 1) + self.shift * (u + 1)

    def conjugate(self, t: Tensor) -> Tensor:
        """-log(1 - exp(t - c)) - c, t < c."""
        return -torch.log(-torch.expm1(t - self.shift)) - self.shift

    def activation(self, v: Tensor) -> Tensor:
        """Return c - softplus(-v)."""
        return self.shift - softplus(-v)

    def fake(self, t: Tensor) -> Tensor:
        """softplus(t) - c."""
        return softplus(t) - self.shift


class JensenShannon(GANDivergence):
    """2 JSD = KL(p || m) + KL(q || m) with m = (p + q)/2; at most 2 log 2.

    The paper's Table 6 has a factor 1/2 in front of the integral; its f, its experiments and this class do not.
    """

    shift = math.log(2)


def log_lambert(z: Tensor) -> Tensor:
    """Return log W(exp(z)), the root y of exp(y) + y = z, for z of any size; differentiable any number of times."""
    return cast(Tensor, _LogLambert.apply(z))


class _LogLambert(torch.autograd.Function):
    """Newton's method from the right of the root, whence it falls monotonically; dy/dz = 1 / (1 + exp(y))."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        y = torch.where(z > 1, z.clamp(min=1).log(), z)
        for _ in range(8):
            w = y.exp()
            y = y - (w + y - z) / (w + 1)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return cast(Tensor, grad / (1 + ctx.saved_tensors[0].exp()))
