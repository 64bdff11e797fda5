"""Where an inversion starts: a z for each image."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from ganzoo.inference import Inference, decode
from ganzoo.inversion.rows import row_sum
from ganzoo.priors import Prior
from ganzoo.roles import Classes


class Start(Protocol):
    """Returns where to start."""

    def __call__(self, model: Inference, x: Tensor, y: Tensor | None, seed: int) -> Tensor:
        """Return z, [N, dim], for images x, [N, C, H, W], and what G is told of each."""


class Draw:
    """``scale`` times the latent of the seed, the same for all images: ``Prior.start`` says why not 1, and why not 0.

    Args:
        scale: What a draw is multiplied by.
    """

    def __init__(self, scale: float = 0.3) -> None:
        if not scale > 0:
            raise ValueError(f"scale must be positive, got {scale}: from 0 nothing can be learnt")
        self.scale = scale

    def __call__(self, model: Inference, x: Tensor, y: Tensor | None, seed: int) -> Tensor:
        """Return the draw, once for each image."""
        return model.generator.prior.start(seed, self.scale).expand(len(x), -1).clone()


class Nearest:
    """The latent, of ``n`` draws, whose image is nearest by squared error of pixels.

    If G is told classes, the images are of the class of the image that is looked for.

    Args:
        n: How many draws.
        scale: What each is multiplied by.
    """

    def __init__(self, n: int = 256, scale: float = 0.6) -> None:
        if n < 1 or not scale > 0:
            raise ValueError(f"n must be at least 1 and scale positive, got {n} and {scale}")
        self.n, self.scale = n, scale

    def __call__(self, model: Inference, x: Tensor, y: Tensor | None, seed: int) -> Tensor:
        """Return the latents of the nearest samples.

        Raises:
            ValueError: G translates images.
        """
        G = model.generator
        if y is not None and not isinstance(G.condition, Classes):
            raise ValueError("the nearest sample is looked for among samples of a class: give another start")
        z = scaled(G.prior, [(seed + i) % 2**32 for i in range(self.n)], self.scale)
        found = torch.empty(len(x), z.shape[1])
        for k in [None] if y is None else y.unique().tolist():
            pool = decode(model, z, k).float()
            same = torch.ones(len(x), dtype=torch.bool) if y is None else y == torch.tensor(k)
            for row in torch.where(same)[0].tolist():
                found[row] = z[row_sum((pool - x[row]).square()).argmin()]
        return found


def scaled(prior: Prior, seeds: Sequence[int], scale: float) -> Tensor:
    """Return the latents of seeds, multiplied; categorical codes stay."""
    z = prior.seeded(seeds)
    moved = scale * z
    for code in prior.codes:
        if code.kind == "categorical":
            moved[:, code.start : code.start + code.size] = z[:, code.start : code.start + code.size]
    return moved


class Encoded:
    """What the model's encoder makes of the images: the start of hybrid inversion."""

    def __call__(self, model: Inference, x: Tensor, y: Tensor | None, seed: int) -> Tensor:
        """Return E(x).

        Raises:
            ValueError: there is no encoder.
        """
        told = model.encoder is not None and bool(model.encoder.num_classes)
        return model.encode(x, y if told else None).float()


class At:
    """Latents that are given, one for each image.

    Args:
        z: [N, dim].
    """

    def __init__(self, z: Tensor) -> None:
        self.z = z

    def __call__(self, model: Inference, x: Tensor, y: Tensor | None, seed: int) -> Tensor:
        """Return them.

        Raises:
            ValueError: they are not one of the model's latents for each image.
        """
        expected = (len(x), model.generator.prior.dim)
        if tuple(self.z.shape) != expected:
            raise ValueError(f"expected latents {list(expected)} to start at, got {list(self.z.shape)}")
        return self.z.float()
