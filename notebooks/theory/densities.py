"""What a discriminator can know of two 1-D densities, by quadrature in float64.

Densities are values p, q of shape [N] on an increasing grid x [N]; logarithms are natural.

    V(D) = E_p[log D(x)] + E_q[log(1 - D(x))],    D* = argmax V = p / (p + q)                     (Eq. 1, Proposition 1)
    V(D*) = 2 JSD(p ‖ q) - 2 log 2                                                               (Theorem 1)

Goodfellow et al., "Generative Adversarial Networks", 2014. https://arxiv.org/abs/1406.2661
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ganzoo.losses.objectives import Objective


def line(start: float, stop: float, n: int = 4001) -> Tensor:
    """Return n equidistant points in float64, [n]."""
    return torch.linspace(start, stop, n, dtype=torch.float64)


def normal(x: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Return the density of N(mean, std²) at x."""
    return ((x - mean) / std).square().div(-2).exp() / (std * math.sqrt(2 * math.pi))


def mixture(x: Tensor, weights: Sequence[float], means: Sequence[float], stds: Sequence[float]) -> Tensor:
    """Return the density Σ_k w_k N(x; mean_k, std_k²).

    Raises:
        ValueError: the weights do not add up to 1.
    """
    if abs(sum(weights) - 1) > 1e-9:
        raise ValueError(f"the weights of a mixture must add up to 1, got {list(weights)}: divide by {sum(weights)}")
    parts = zip(weights, means, stds, strict=True)
    return torch.stack([weight * normal(x, mean, std) for weight, mean, std in parts]).sum(0)


def optimal_discriminator(p: Tensor, q: Tensor) -> Tensor:
    """Return D* = p / (p + q), Proposition 1; where neither has mass every D is as good, and 1/2 is returned."""
    return torch.where(p + q > 0, p / (p + q), 0.5)


def optimal_logit(p: Tensor, q: Tensor) -> Tensor:
    """Return log p - log q: the logit of D* is the logarithm of the density ratio."""
    return p.log() - q.log()


def expectation(p: Tensor, values: Tensor, x: Tensor) -> Tensor:
    """Return E_p[values]; where p is 0 the values do not count, infinite ones included."""
    return torch.trapezoid(torch.where(p > 0, p * values, 0.0), x)


def value(logit: Tensor, p: Tensor, q: Tensor, x: Tensor) -> Tensor:
    """Return V(D) = E_p[log D] + E_q[log(1 - D)], Eq. 1, of D = σ(logit), [N].

    It takes logits because D rounds to 1, and log(1 - D) to -∞, where q still counts.
    """
    return -expectation(p, softplus(-logit), x) - expectation(q, softplus(logit), x)


def kl(p: Tensor, q: Tensor, x: Tensor) -> Tensor:
    """Return KL(p ‖ q) = E_p[log(p / q)]; infinite if p has mass where q has none."""
    return expectation(p, p.log() - q.log(), x)


def jensen_shannon(p: Tensor, q: Tensor, x: Tensor) -> Tensor:
    """Return JSD = KL(p ‖ (p+q)/2) / 2 + KL(q ‖ (p+q)/2) / 2, which lies in [0, log 2]."""
    middle = (p + q) / 2
    return (kl(p, middle, x) + kl(q, middle, x)) / 2


def optimal_least_squares(p: Tensor, q: Tensor, a: float = -1.0, b: float = 1.0) -> Tensor:
    """Return the best discriminator of a least-squares GAN, (b p + a q) / (p + q).

    Mao et al., "Least Squares Generative Adversarial Networks", 2017, section 3.2. https://arxiv.org/abs/1611.04076
    """
    return a + (b - a) * optimal_discriminator(p, q)


def lsgan_cost(p: Tensor, q: Tensor, x: Tensor, a: float = -1.0, b: float = 1.0, c: float = 0.0) -> Tensor:
    """Return C(G) = E_p[(D* - c)²] / 2 + E_q[(D* - c)²] / 2 of a least-squares GAN.

    With b - c = 1 and b - a = 2 this is half of Pearson's χ²(p+q ‖ 2q) = ∫ (q - p)² / (p + q).

    Mao et al., 2017, section 3.2. https://arxiv.org/abs/1611.04076
    """
    return expectation(p + q, (optimal_least_squares(p, q, a, b) - c).square(), x) / 2


def gaussian_nodes(n: int = 801, reach: float = 20.0) -> tuple[Tensor, Tensor]:
    """Return points z and weights w, [n] each, such that E[f(z)] = Σ w f(z) for z ~ N(0, 1) and smooth f."""
    z = line(-reach, reach, n)
    weights = normal(z)
    return z, weights / weights.sum()


def generator_gradient(
    objective: Objective, mean: float | Tensor, logit: Callable[[Tensor], Tensor] | None = None
) -> Tensor:
    """Return d/dm E_z[gen(l(m + z))] for data N(0, 1) and samples m + z ~ N(m, 1), with the logit l held fixed.

    With the optimal logit l(x) = log p(x) - log q(x) = m²/2 - m x this is the gradient of

        Minimax              2 JSD(p ‖ q)
        NonSaturating        KL(q ‖ p) - 2 JSD(p ‖ q)        (Theorem 2.5)
        -exp(l)              KL(p ‖ q)

    Arjovsky & Bottou, "Towards Principled Methods for Training GANs", 2017. https://arxiv.org/abs/1701.04862

    Args:
        objective: Only its ``gen`` is used.
        mean: m, a number or [K]; the answer has the same shape.
        logit: What D says of x, [..., n]; by default the optimal logit for each m.
    """
    m = torch.as_tensor(mean, dtype=torch.float64).detach()[..., None]
    z, weights = gaussian_nodes()
    shift = m.clone().requires_grad_()
    x = shift + z
    t = m * (m / 2 - x) if logit is None else logit(x)
    (gradient,) = torch.autograd.grad((weights * objective.gen(t)).sum(), shift)
    return gradient.squeeze(-1)
