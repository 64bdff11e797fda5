"""Ways between latents: straight lines, great circles, and paths through several of them."""

import math

import torch
from torch import Tensor

from ganzoo.priors import Coded, Normal, Prior

NARROW = 1e-7  # sine of an angle below which two float32 directions are the same, or opposite


def lerp(a: Tensor, b: Tensor, t: Tensor | float) -> Tensor:
    """Return (1 - t) a + t b, row by row, [N, dim]; a at t = 0 and b at t = 1, bit for bit.

    Args:
        a: [N, dim].
        b: [N, dim].
        t: One number for all rows, or [N].

    Raises:
        ValueError: a and b are not [N, dim] of one shape, or t is not one number or N.
    """
    t = _share(a, b, t)
    return torch.where(t == 1, b, a + t * (b - a))


def slerp(a: Tensor, b: Tensor, t: Tensor | float) -> Tensor:
    """Return the latents on the arc from a to b, row by row, [N, dim]; a at t = 0 and b at t = 1, bit for bit.

        u = a / |a|,   v = b / |b|,   θ the angle between u and v
        slerp = ((1 - t) |a| + t |b|) (sin((1 - t) θ) u + sin(t θ) v) / sin θ

    The direction turns at constant speed, and the length goes evenly from |a| to |b|: it never falls towards 0, where
    normal latents of many dimensions never are. Parallel rows, and a row of zeros: a straight line. Opposite rows: half
    a circle through the coordinate axis that is farthest from a; in one dimension, where there is no such circle, a
    straight line.

    White, "Sampling Generative Networks", 2016. https://arxiv.org/abs/1609.04468

    Differs from the paper: it weighs a and b themselves, which is the same for |a| = |b|, but grows without bound
    between nearly opposite a and b of different lengths.

    Args:
        a: [N, dim].
        b: [N, dim].
        t: One number for all rows, or [N].

    Raises:
        ValueError: a and b are not [N, dim] of one shape, or t is not one number or N.
    """
    straight, share = lerp(a, b, t), _share(a, b, t)
    size_a, size_b = (x.double().norm(dim=1, keepdim=True) for x in (a, b))
    u, v = a.double() / size_a, b.double() / size_b
    cosine = (u * v).sum(dim=1, keepdim=True)
    across = v - cosine * u
    sine = across.norm(dim=1, keepdim=True)
    opposite = (sine < NARROW) & (cosine < 0)
    across = torch.where(opposite, _aside(u), across)
    angle = torch.where(opposite, math.pi, torch.atan2(sine, cosine)) * share
    turned = angle.cos() * u + angle.sin() * across / across.norm(dim=1, keepdim=True)
    arc = (((1 - share) * size_a + share * size_b) * turned).to(a)
    keep = (share == 0) | (share == 1) | ((sine < NARROW) & ~opposite) | ~arc.isfinite().all(dim=1, keepdim=True)
    return torch.where(keep, straight, arc)


def between(a: Tensor, b: Tensor, t: Tensor | float, prior: Prior) -> Tensor:
    """Return latents between a and b that look like draws from ``prior``, row by row, [N, dim].

    Normal: ``slerp``. Otherwise ``lerp``, which stays in the cube of a uniform prior. Of a prior with codes, the noise
    follows its own distribution, and a categorical code stays a one-hot vector: that of a for t < 1/2, then that of b.

    Args:
        a: [N, dim].
        b: [N, dim].
        t: One number for all rows, or [N].
        prior: Distribution of z.

    Raises:
        ValueError: a and b are not [N, dim] of one shape, or t is not one number or N.
    """
    if isinstance(prior, Normal):
        return slerp(a, b, t)
    z, share = lerp(a, b, t), _share(a, b, t)
    if isinstance(prior, Coded):
        noise = slice(prior.noise.dim)
        z[:, noise] = between(a[:, noise], b[:, noise], t, prior.noise)
    for code in prior.codes:
        if code.kind == "categorical":
            own = slice(code.start, code.start + code.size)
            z[:, own] = torch.where(share < 0.5, a[:, own], b[:, own])
    return z


def path(latents: Tensor, steps: int, prior: Prior, loop: bool = False) -> Tensor:
    """Return latents on the way from each one to the next, [M, dim]; every ``steps``-th is one that was given.

    Args:
        latents: [K, dim].
        steps: Steps from one to the next: M = (K - 1) steps + 1, or K steps if the way is closed.
        prior: Distribution of z, which decides on straight lines or arcs: see ``between``.
        loop: Whether to return to the first, so that the picture can repeat without a jump.

    Raises:
        ValueError: fewer than two latents, another size than the prior's, or no step.
    """
    if latents.ndim != 2 or latents.shape[1] != prior.dim or len(latents) < 2:
        expected = f"two or more latents, [K, {prior.dim}]"
        raise ValueError(f"a path needs {expected}, such as those of two seeds, got {list(latents.shape)}")
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    ends = torch.cat([latents[1:], latents[:1]])
    n = len(latents) if loop else len(latents) - 1
    t = (torch.arange(steps, dtype=torch.float64, device=latents.device) / steps).to(latents.dtype).repeat(n)
    way = between(latents[:n].repeat_interleave(steps, 0), ends[:n].repeat_interleave(steps, 0), t, prior)
    return way if loop else torch.cat([way, latents[-1:]])


def _share(a: Tensor, b: Tensor, t: Tensor | float) -> Tensor:
    """Return t as [1, 1] or [N, 1]."""
    if a.ndim != 2 or a.shape != b.shape:
        raise ValueError(f"expected two sets of latents [N, dim] of one shape, got {list(a.shape)} and {list(b.shape)}")
    share = torch.as_tensor(t, dtype=a.dtype, device=a.device).reshape(-1, 1)
    if len(share) not in (1, len(a)):
        raise ValueError(f"t must be one number or {len(a)}, one for each row, got {len(share)}")
    return share


def _aside(u: Tensor) -> Tensor:
    """Return the part, orthogonal to u, of the coordinate axis that is farthest from each row of u, [N, dim]."""
    axis = torch.zeros_like(u).scatter_(1, u.abs().argmin(dim=1, keepdim=True), 1.0)
    return axis - (axis * u).sum(dim=1, keepdim=True) * u
