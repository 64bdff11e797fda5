"""Solvers: each row of u is moved to where its own loss is small, by itself, in company of others.

A solver sees nothing but loss(u, rows) -> [n], for u [n, D] and the numbers of these rows.
"""

import math
from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from ganzoo.inversion.rows import dot

Loss = Callable[[Tensor, Tensor], Tensor]
ARMIJO = 1e-4  # share of the decrease that the slope promises
TINY = 1e-20
FRAMES = 9  # moments of which u is kept
MOST = 100_000  # steps: the loss of each is kept


class Found(NamedTuple):
    """What a solver has found.

    Args:
        u: The best of each row, [N, D].
        loss: Its loss, [N].
        history: The loss before the first step and after each, [1 + steps, N].
        evaluations: How often the loss of each row was computed, [N].
        way: The u of ``FRAMES`` moments from the start to the end, [FRAMES, N, D].
    """

    u: Tensor
    loss: Tensor
    history: Tensor
    evaluations: Tensor
    way: Tensor


class Solver(Protocol):
    """What moves u."""

    steps: int

    def minimise(self, loss: Loss, u: Tensor) -> Found:
        """Return the best that is found from u, [N, D], on."""


class LBFGS:
    """L-BFGS with a curvature and a line search of its own for each row.

        d = -H g   by the two-loop recursion over the last ``memory`` pairs (s, y) of the row
        u + t d    for t = 1, 1/2, 1/4, 1/40, ... until  f(u + t d) <= f(u) + 10⁻⁴ t gᵀd   (Armijo)

    The first step has length 1. A row ends when no t of ``trials`` will do, or when its loss falls by less than
    ``tolerance`` of itself. Rows share calls of the loss and nothing else. Liu & Nocedal, "On the limited memory BFGS
    method for large scale optimization", Mathematical Programming 45, 1989.

    Args:
        steps: At most so many.
        memory: Pairs that a row remembers.
        trials: Of a line search.
        tolerance: Relative decrease of the loss below which a row ends.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(self, steps: int = 60, memory: int = 10, trials: int = 6, tolerance: float = 1e-6) -> None:
        if not 1 <= steps <= MOST or min(memory, trials) < 1 or not 0 <= tolerance < math.inf:
            raise ValueError(
                f"steps, memory and trials must be 1 or more, steps at most {MOST}, tolerance 0 or more and finite,"
                f" got {steps}, {memory}, {trials} and {tolerance}"
            )
        self.steps, self.memory, self.trials, self.tolerance = steps, memory, trials, tolerance

    def minimise(self, loss: Loss, u: Tensor) -> Found:
        """Return the best that is found from u, [N, D], on: the last, as the loss never rises."""
        n, size = u.shape
        u, active = u.detach().clone(), torch.arange(n)
        f, g = value_and_gradient(loss, u, active)
        pairs = Pairs(self.memory, n, size, like=u)
        history, evaluations = f.repeat(1 + self.steps, 1), torch.ones(n, dtype=torch.long)
        way, moments = u.repeat(FRAMES, 1, 1), moments_of(self.steps)
        for step in range(1, 1 + self.steps):
            if not len(active):
                break
            d, slope = pairs.direction(g[active], active)
            moved = self.search(loss, u[active], f[active], d, slope, active)
            pairs.add(moved.u - u[active], moved.g - g[active], active, moved.ok)
            enough = f[active] - moved.f >= self.tolerance * f[active].abs()
            u[active], f[active], g[active] = moved.u, moved.f, moved.g
            evaluations[active] += moved.trials
            history[step:], way[moments >= step] = f, u
            active = active[moved.ok & enough]
        return Found(u, f, history, evaluations, way)

    def search(self, loss: Loss, u: Tensor, f: Tensor, d: Tensor, slope: Tensor, rows: Tensor) -> "Moved":
        """Return where the first t that fulfils Armijo's condition leads; a row for which none does stays."""
        nowhere, zeros = torch.zeros(len(u), dtype=torch.bool), torch.zeros_like(rows)
        moved = Moved(u.clone(), f.clone(), torch.zeros_like(u), nowhere, zeros)
        todo, t = torch.arange(len(u)), torch.ones_like(f)
        for trial in range(self.trials):
            at = u[todo] + t[todo, None] * d[todo]
            value, gradient = value_and_gradient(loss, at, rows[todo])
            moved.trials[todo] += 1
            good = value <= f[todo] + ARMIJO * t[todo] * slope[todo]
            where = todo[good]
            moved.u[where], moved.f[where], moved.g[where] = at[good], value[good], gradient[good]
            moved.ok[where] = True
            todo = todo[~good]
            if not len(todo):
                break
            t[todo] *= 0.5 if trial < 2 else 0.1
        return moved


class Moved(NamedTuple):
    """Where a line search has led: u, its loss and gradient, whether it was found, and how many losses it took."""

    u: Tensor
    f: Tensor
    g: Tensor
    ok: Tensor
    trials: Tensor


class Pairs:
    """The last pairs s = Δu, y = Δg of each row, with sᵀy > 0.

    Args:
        memory: How many.
        n: Rows.
        size: Of u.
        like: A tensor of the precision and on the device.
    """

    def __init__(self, memory: int, n: int, size: int, like: Tensor) -> None:
        self.s, self.y = like.new_zeros(memory, n, size), like.new_zeros(memory, n, size)
        self.rho = like.new_zeros(memory, n)  # 1 / sᵀy; 0 of a pair that is not there
        self.count = 0

    def add(self, s: Tensor, y: Tensor, rows: Tensor, ok: Tensor) -> None:
        """Remember a pair of each of some rows, where it is one."""
        curvature = dot(s, y)
        good = ok & (curvature > 1e-10 * dot(y, y).clamp(min=TINY))
        at = self.count % len(self.s)
        self.s[at, rows] = s * good[:, None]
        self.y[at, rows] = y * good[:, None]
        self.rho[at, rows] = torch.where(good, 1 / curvature.clamp(min=TINY), 0)
        self.count += 1

    def direction(self, g: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return d = -H g of some rows, and gᵀd; where that does not fall, -g."""
        q, n = g.clone(), min(self.count, len(self.s))
        newest = [(self.count - 1 - back) % len(self.s) for back in range(n)]
        shares = []
        for i in newest:
            shares.append(self.rho[i, rows] * dot(self.s[i, rows], q))
            q = q - shares[-1][:, None] * self.y[i, rows]
        q = q * self.scale(g, rows)[:, None]
        for i, share in zip(reversed(newest), reversed(shares), strict=True):
            back = self.rho[i, rows] * dot(self.y[i, rows], q)
            q = q + (share - back)[:, None] * self.s[i, rows]
        d, slope = -q, -dot(g, q)
        rises = ~(slope < 0)
        return torch.where(rises[:, None], -g, d), torch.where(rises, -dot(g, g), slope)

    def scale(self, g: Tensor, rows: Tensor) -> Tensor:
        """Return sᵀy / yᵀy of the newest pair; without one, what makes the step as long as 1."""
        if not self.count:
            return 1 / dot(g, g).sqrt().clamp(min=TINY)
        at = (self.count - 1) % len(self.s)
        rho, y = self.rho[at, rows], self.y[at, rows]
        return torch.where(rho > 0, 1 / (rho * dot(y, y)).clamp(min=TINY), 1)


class Adam:
    """Adam, whose learning rate rises over the first twentieth of the steps and falls to 0 over the last quarter.

        rate(t) = lr · min(1, 20 t) · (1 - cos(π min(1, 4 (1 - t)))) / 2,    t from 0 to 1

    The best u of all steps is kept, for each row. The ramps are those of StyleGAN2's projector (Karras et al., 2020,
    appendix D). https://arxiv.org/abs/1912.04958

    Args:
        steps: How many.
        lr: Learning rate.
        beta1: Of the mean of gradients.
        beta2: Of the mean of their squares.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(self, steps: int = 300, lr: float = 0.1, beta1: float = 0.9, beta2: float = 0.999) -> None:
        if not 1 <= steps <= MOST or not 0 < lr < math.inf or not 0 <= beta1 < 1 or not 0 <= beta2 < 1:
            raise ValueError(
                f"steps must be from 1 to {MOST}, lr positive and finite, betas in [0, 1),"
                f" got {steps}, {lr}, {beta1} and {beta2}"
            )
        self.steps, self.lr, self.betas = steps, lr, (beta1, beta2)

    def minimise(self, loss: Loss, u: Tensor) -> Found:
        """Return the best that is found from u, [N, D], on."""
        rows = torch.arange(len(u))
        at = u.detach().clone().requires_grad_()
        optimizer = torch.optim.Adam([at], self.lr, self.betas)
        best, least, history = u.detach().clone(), u.new_full((len(u),), math.inf), []
        way, moments = best.repeat(FRAMES, 1, 1), moments_of(self.steps)
        for step in range(1 + self.steps):
            value, at.grad = value_and_gradient(loss, at.detach(), rows)
            better = value < least
            best, least = torch.where(better[:, None], at.detach(), best), torch.where(better, value, least)
            history.append(least)
            way[moments >= step] = best
            if step < self.steps:
                optimizer.param_groups[0]["lr"] = self.lr * ramp(step / self.steps, 1 / self.steps)
                optimizer.step()
        evaluations = torch.full((len(u),), 1 + self.steps)
        return Found(best, least, torch.stack(history), evaluations, way)


class Stay:
    """No step: the loss where u is, as of an encoder alone."""

    steps = 0

    def minimise(self, loss: Loss, u: Tensor) -> Found:
        """Return u."""
        u = u.detach()
        value = value_and_gradient(loss, u, torch.arange(len(u)))[0]
        return Found(u, value, value[None], torch.ones(len(u), dtype=torch.long), u.repeat(FRAMES, 1, 1))


def moments_of(steps: int) -> Tensor:
    """Return the steps after which u is kept, [FRAMES]: more at the beginning, where most happens."""
    return (torch.linspace(0, 1, FRAMES) ** 2 * steps).ceil().long()


def ramp(t: float, step: float) -> float:
    """Return the factor of the learning rate at the share t of the steps."""
    return min(1.0, 20 * t + step * 20) * (1 - math.cos(math.pi * min(1.0, 4 * (1 - t)))) / 2


def value_and_gradient(loss: Loss, u: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return the losses [n] of u, [n, D], and their gradients [n, D].

    Raises:
        ValueError: the loss is not one number for each row.
    """
    u = u.detach().requires_grad_()
    with torch.enable_grad():
        value = loss(u, rows)
        if value.shape != rows.shape:
            raise ValueError(f"a loss must be one number for each of {len(rows)} rows, got {list(value.shape)}")
        (gradient,) = torch.autograd.grad(value.sum(), u)
    return value.detach(), gradient
