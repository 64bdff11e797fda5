"""How two players move: fields on the plane, update rules, and how fast a rule turns around an equilibrium.

A field v maps a point z = (first player, second player), [2], to the direction in which both want to go. An update rule
takes a field, the step h, the point z and the field's value at the point before; it returns the next point and v(z).
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.autograd.functional import jacobian

from ganzoo.losses.objectives import Objective
from notebooks.theory.densities import gaussian_nodes

Field = Callable[[Tensor], Tensor]
Rule = Callable[[Field, float, Tensor, Tensor], tuple[Tensor, Tensor]]


def bilinear(point: Tensor) -> Tensor:
    """The game min_x max_y x y: v = (-y, x), a rotation around the equilibrium (0, 0)."""
    x, y = point
    return torch.stack((-y, x))


def descent(first: Callable[[Tensor, Tensor], Tensor], second: Callable[[Tensor, Tensor], Tensor]) -> Field:
    """Return the field of two players who each minimise a loss of both: v = (-∂L_1/∂z_1, -∂L_2/∂z_2)."""

    def field(point: Tensor) -> Tensor:
        again = point.requires_grad  # somebody wants to differentiate the field
        with torch.enable_grad():
            x, y = (point if again else point.detach().requires_grad_()).unbind()
            (slope_x,) = torch.autograd.grad(first(x, y), x, create_graph=again)
            (slope_y,) = torch.autograd.grad(second(x, y), y, create_graph=again)
        return -torch.stack((slope_x, slope_y))

    return field


def dirac(objective: Objective, gamma: float = 0.0, target: float = 0.0, noise: float = 0.0) -> Field:
    """Return the field of Dirac-GAN: data at 0, samples at θ, a linear discriminator of slope ψ; point (θ, ψ).

        L_D = E[real(-ψ ε)] + E[fake(-ψ (θ + ε))] + γ/2 (|ψ| - target)²,    ε ~ N(0, noise²)    (Definition 2.1)
        L_G = E[gen(-ψ (θ + ε))]

    The logit is -ψ x: the paper's D is large on generated data, an ``Objective``'s on real data. Minimax gives
    v = (-ψ f'(ψθ), θ f'(ψθ)) with f(t) = -log(1 + e^-t). D is linear, so R1 and R2 are the same γ/2 ψ² (target 0);
    target 1 is the gradient penalty of WGAN-GP. Instance noise is the argument ``noise``.

    Mescheder et al., "Which Training Methods for GANs do actually Converge?", 2018. https://arxiv.org/abs/1801.04406
    """
    z, weights = gaussian_nodes(n=161) if noise else (torch.zeros(1, dtype=torch.float64), torch.ones(1))
    noises = noise * z

    def d_loss(theta: Tensor, psi: Tensor) -> Tensor:
        scores = objective.real(-psi * noises) + objective.fake(-psi * (theta + noises))
        return (weights * scores).sum() + gamma * (psi.square() / 2 - target * psi.abs())

    def g_loss(theta: Tensor, psi: Tensor) -> Tensor:
        return (weights * objective.gen(-psi * (theta + noises))).sum()

    return descent(g_loss, d_loss)


def simultaneous(field: Field, step: float, point: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    """Both move at once: z' = z + h v(z)."""
    now = field(point)
    return point + step * now, now


def alternating(field: Field, step: float, point: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    """The first player moves, the second sees it and moves."""
    now = field(point)
    first = point[0] + step * now[0]
    seen = field(torch.stack((first, point[1])))
    return torch.stack((first, point[1] + step * seen[1])), now


def extragradient(field: Field, step: float, point: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    """Look ahead, then move from here in the direction found there: z' = z + h v(z + h v(z)).

    Korpelevich, 1976; for GANs Gidel et al., 2019. https://arxiv.org/abs/1802.10551
    """
    now = field(point)
    return point + step * field(point + step * now), now


def optimistic(field: Field, step: float, point: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    """Expect the direction to change as it just did: z' = z + h (2 v(z) - v(z before)); the first step is plain.

    Daskalakis et al., "Training GANs with Optimism", 2018. https://arxiv.org/abs/1711.00141
    """
    now = field(point)
    return point + step * (2 * now - before), now


def trajectory(rule: Rule, field: Field, start: Sequence[float], step: float, n: int, clip: float = math.inf) -> Tensor:
    """Return the points of n updates and their start, [n + 1, 2].

    Args:
        rule: ``simultaneous``, ``alternating``, ``extragradient`` or ``optimistic``.
        field: Where both players want to go.
        start: Two numbers.
        step: h.
        n: How many updates.
        clip: The second player is clamped to [-clip, clip] after each update, as the critic of WGAN is.
    """
    point = torch.tensor(start, dtype=torch.float64)
    before, points = field(point), [point]
    limit = torch.tensor([math.inf, clip], dtype=torch.float64)
    for _ in range(n):
        point, before = rule(field, step, point, before)
        point = point.clamp(-limit, limit)
        points.append(point)
    return torch.stack(points)


def eigenvalues(field: Field, at: Sequence[float] = (0.0, 0.0)) -> Tensor:
    """Return the complex eigenvalues of v'(z), [2]; all real parts negative means convergence for a small step.

    Raises:
        ValueError: v jumps or bends at z, so that it has no linearisation (a gradient penalty with target 1, at ψ = 0).
    """
    return _eigenvalues(field, torch.tensor(at, dtype=torch.float64))


def factor(rule: Rule, field: Field, step: float, at: Sequence[float] = (0.0, 0.0)) -> float:
    """Return by what factor the distance to an equilibrium changes in each update, in the long run and close to it.

    It is the spectral radius of the linearised map (z, v before) -> (z', v(z)).

    Raises:
        ValueError: z is no equilibrium, or v jumps or bends there.
    """
    point = torch.tensor(at, dtype=torch.float64)
    now = field(point)
    if now.abs().max() > 1e-9:
        raise ValueError(f"expected an equilibrium, where the field is 0; it is {now.tolist()} at {list(at)}")
    linear = _eigenvalues(lambda state: torch.cat(rule(field, step, state[:2], state[2:])), torch.cat((point, now)))
    return float(linear.abs().max())


def _eigenvalues(function: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    """Return the eigenvalues of the Jacobian, after a look whether a small nudge moves the function as it says."""
    linear = jacobian(function, at)
    nudge = torch.full_like(at, 1e-6)
    if not torch.allclose(function(at + nudge) - function(at), linear @ nudge, rtol=0, atol=1e-9):
        raise ValueError(f"no linearisation at {at.tolist()}: the field jumps or bends there; follow a trajectory")
    values: Tensor = torch.linalg.eigvals(linear)
    return values
