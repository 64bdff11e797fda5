"""Networks that are differentiable by hand, a prior that draws known rows, and what a run did batch by batch."""

import math
from collections.abc import Sequence
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn

from ganzoo.priors import Normal, Prior
from ganzoo.roles import Discriminator, Generator

X = [[1.0, 0.5], [-2.0, 1.0], [0.25, 0.0], [1.5, -1.5]]  # exact in any precision, of different lengths
Z = [[0.5, 0.5], [1.0, -2.0], [-0.25, 0.75], [2.0, 0.0]]


class Rows(Prior):
    """Draws the rows of Z."""

    def __init__(self) -> None:
        super().__init__(dim=2)

    def sample(self, n: int, device: Any = None, generator: torch.Generator | None = None) -> Tensor:
        return torch.tensor(Z)[:n]


class Times(Generator):
    """G(z) = t z."""

    def __init__(self, image_shape: Sequence[int] = (2,), prior: Prior = Rows(), t: float = 1.0) -> None:
        super().__init__(image_shape, prior)
        self.t = nn.Parameter(torch.tensor(t))

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.t * z.unflatten(1, self.image_shape)


class Bowl(Discriminator):
    """D(x) = s |x|²/2, so ∇D(x) = s x."""

    def __init__(self, image_shape: Sequence[int] = (2,), s: float = 1.0) -> None:
        super().__init__(image_shape)
        self.s = nn.Parameter(torch.tensor(s))

    def forward(self, x: Tensor) -> Tensor:
        return self.s * x.flatten(1).square().sum(dim=1) / 2


class Point(Generator):
    """G(z) = θ, whatever z."""

    def __init__(self, theta: float = 1.0) -> None:
        super().__init__((1,), Normal(dim=1))
        self.theta = nn.Parameter(torch.tensor([theta]))

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.theta + 0 * z


class Line(Discriminator):
    """D(x) = ψ x."""

    def __init__(self, psi: float = 1.0) -> None:
        super().__init__((1,))
        self.psi = nn.Parameter(torch.tensor([psi]))

    def forward(self, x: Tensor) -> Tensor:
        return (self.psi * x).flatten()


def game(cls: type, s: float, t: float, image_shape: Sequence[int] = (2,), **kwargs: Any) -> Any:
    """Return a variant on G(z) = t z and D(x) = s |x|²/2 in float64."""
    return cls(Times(image_shape, t=t), Bowl(image_shape, s=s), **kwargs).double()


def batch(image_shape: Sequence[int] = (2,)) -> tuple[Tensor, None]:
    return torch.tensor(X, dtype=torch.float64).unflatten(1, tuple(image_shape)), None


def squared(rows: list[list[float]]) -> list[float]:
    return [sum(value**2 for value in row) for row in rows]


def mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def derivative(loss: Tensor, parameter: Tensor) -> float:
    return torch.autograd.grad(loss, parameter, retain_graph=True)[0].item()


def total(terms: dict[str, Tensor]) -> Tensor:
    return torch.stack(list(terms.values())).sum()


class Record(L.Callback):
    """Copies all weights before training and after each batch."""

    def __init__(self) -> None:
        self.weights: list[dict[str, Tensor]] = []

    def note(self, model: Any) -> None:
        self.weights.append({key: value.detach().clone() for key, value in model.state_dict().items()})

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        self.note(pl_module)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *args: Any) -> None:
        self.note(pl_module)

    def moved(self, prefix: str) -> list[int]:
        """Batches, from 1, on which a network changed."""
        return [
            k
            for k in range(1, len(self.weights))
            if any(
                not torch.equal(value, self.weights[k - 1][key])
                for key, value in self.weights[k].items()
                if key.startswith(prefix)
            )
        ]


def dirac(model: Any, simultaneous: bool, h: float = 0.2, steps: int = 500) -> float:
    """Let G(z) = θ and D(x) = ψ x step against data at 0; return the radius |(θ, ψ)| at the end."""
    model.double()
    data = torch.zeros(1, 1, dtype=torch.float64), None
    psi, theta = model.D.psi, model.G.theta
    for _ in range(steps):
        down_theta = torch.autograd.grad(total(model.g_loss(data)), theta)[0]
        down_psi = torch.autograd.grad(total(model.d_loss(data)), psi)[0]
        with torch.no_grad():
            psi -= h * down_psi
        model.after_turn("d")
        if not simultaneous:
            down_theta = torch.autograd.grad(total(model.g_loss(data)), theta)[0]
        with torch.no_grad():
            theta -= h * down_theta
    return math.hypot(theta.item(), psi.item())
