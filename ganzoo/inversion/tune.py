"""Pivotal tuning: G itself is moved, for one image at a time, until its pivot makes the image."""

import copy
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from tqdm import tqdm

from ganzoo.inference import Inference, placed
from ganzoo.inversion.inverter import Inversion
from ganzoo.inversion.losses import Loss, Pixels
from ganzoo.inversion.solvers import ramp
from ganzoo.roles import Generator, told


class Tuned(NamedTuple):
    """What was found for one image.

    Args:
        generator: G, moved.
        image: What it makes of the pivot, [C, H, W].
        loss: What was made small.
        history: The loss before the first step and after each.
    """

    generator: Generator
    image: Tensor
    loss: float
    history: list[float]


class Tune:
    """θ* = argmin over θ of loss(G(u; θ), x), with the latent u, the pivot, held.

    The step that was best is kept. Of each image a G of its own is returned, which makes images near the pivot as G
    does, and the image itself from the pivot.

    Roich et al., "Pivotal Tuning for Latent-based Editing of Real Images", 2022, Eq. 3, without its locality term,
    which its code leaves out too by default. https://arxiv.org/abs/2106.05744
    Only late layers, as in GANPaint: Bau et al., 2019. https://arxiv.org/abs/2005.07727

    Args:
        steps: Of Adam, whose rate rises and falls as in ``Adam``.
        lr: Learning rate.
        layers: Beginnings of the names of the parameters that move, such as ``body.7``; none: all.
        loss: What is made small.

    Raises:
        ValueError: steps or lr are not positive.
    """

    def __init__(self, steps: int = 50, lr: float = 1e-3, layers: Sequence[str] = (), loss: Loss = Pixels()) -> None:
        if steps < 1 or not 0 < lr < math.inf:
            raise ValueError(f"steps and lr must be positive and finite, got {steps} and {lr}")
        self.steps, self.lr, self.layers, self.loss = steps, lr, tuple(layers), loss

    def each(self, model: Inference, x: Tensor, pivots: Inversion, progress: bool = True) -> Iterator[Tuned]:
        """Yield a tuned G for each image.

        Args:
            model: That was inverted.
            x: The images, [N, C, H, W].
            pivots: What ``invert`` found for them, in z.
            progress: Whether to draw a bar.

        Raises:
            ValueError: the pivots are not latents z of these images, or no parameter has such a name.
        """
        if pivots.space != "z" or len(pivots.latents) != len(x):
            found = f"{len(pivots.latents)} in {pivots.space}"
            raise ValueError(f"tuning needs {len(x)} pivots in z, got {found}")
        rows = range(len(x))
        for i in tqdm(rows, desc="tuning", unit="image", leave=False, disable=None if progress else True):
            y = None if pivots.condition is None else pivots.condition[i : i + 1]
            yield self.one(model, x[i : i + 1], pivots.latents[i : i + 1], y, self.loss.of(slice(i, i + 1)))

    def one(self, model: Inference, x: Tensor, u: Tensor, y: Tensor | None, loss: Loss) -> Tuned:
        """Return a tuned G for one image; in memory of its own, as some kernels round by where a row lies."""
        x, u = x.float().cpu().clone(), u.clone()
        G = copy.deepcopy(model.generator).eval()
        moved = self.parameters(G)
        optimizer = torch.optim.Adam(moved, self.lr)
        measure, rows = loss.against(x, model), torch.zeros(1, dtype=torch.long)
        history: list[float] = []
        least, best, image = math.inf, [p.detach().clone() for p in moved], x
        for step in range(1 + self.steps):
            with torch.enable_grad():
                made = told(G, u.to(moved[0]), None if y is None else placed(y, moved[0])).float().cpu()
                value = measure(made, u, rows).sum()
            history.append(float(value.detach()))
            if not step or history[-1] < least:
                least, best, image = min(least, history[-1]), [p.detach().clone() for p in moved], made.detach()
            if step < self.steps:
                optimizer.zero_grad()
                value.backward()
                optimizer.param_groups[0]["lr"] = self.lr * ramp(step / self.steps, 1 / self.steps)
                optimizer.step()
        with torch.no_grad():
            for parameter, value in zip(moved, best, strict=True):
                parameter.copy_(value)
        return Tuned(G.requires_grad_(False), image[0], least, history)

    def parameters(self, G: Generator) -> list[nn.Parameter]:
        """Return the parameters that move.

        Raises:
            ValueError: none has such a name.
        """
        named = dict(G.requires_grad_(False).named_parameters())
        chosen = [p for name, p in named.items() if not self.layers or name.startswith(self.layers)]
        if not chosen:
            raise ValueError(
                f"no parameter of {type(G).__name__} begins with {', '.join(self.layers)}: it has {', '.join(named)}"
            )
        for p in chosen:
            p.requires_grad_(True)
        return chosen
