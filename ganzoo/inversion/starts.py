"""Where an inversion starts: a z for each image."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ganzoo.inference import Inference, decode
from ganzoo.inversion.rows import Array, as_tensor, least, row_sum
from ganzoo.priors import Prior

DRAWS = 2**16  # the most that ``Nearest`` compares: their images are in memory at once


class Start:
    """Returns where to start: a z for each image, which no other image has a say in."""

    draws = True  # whether another seed starts elsewhere

    def of(self, part: slice) -> Start:
        """Return the start of a part of the images: another one where it holds something of each."""
        return self

    def __call__(self, model: Inference, x: Tensor, y: Tensor | None, seed: int) -> Tensor:
        """Return z, [N, dim], for images x, [N, C, H, W], and what G is told of each."""
        raise NotImplementedError


class Draw(Start):
    """``scale`` times the latent of the seed, the same for all images.

    At z = 0 no unit behind a first ReLU may be alive. How good a start is depends on the draw: ``Nearest`` is better.

    Args:
        scale: What a draw is multiplied by.
    """

    def __init__(self, scale: float = 0.3) -> None:
        if not 0 < scale < math.inf:
            raise ValueError(f"scale must be positive and finite, got {scale}: from 0 nothing can be learnt")
        self.scale = scale

    def __call__(self, model: Inference, x: Tensor, y: Tensor | None, seed: int) -> Tensor:
        """Return the draw, once for each image."""
        return model.generator.prior.start(seed, self.scale).expand(len(x), -1).clone()


class Nearest(Start):
    """The latent, of ``n`` draws, whose image is nearest by squared error of pixels.

    The images are made of what the image is told that is looked for: each class has its own.

    Of seed s they are those of the seeds from s n on: another seed has others.

    Args:
        n: How many draws.
        scale: What each is multiplied by.
    """

    def __init__(self, n: int = 1024, scale: float = 0.8) -> None:
        if not 1 <= n <= DRAWS or not 0 < scale < math.inf:
            raise ValueError(f"n must be from 1 to {DRAWS} and scale positive and finite, got {n} and {scale}")
        self.n, self.scale = n, scale

    def __call__(self, model: Inference, x: Tensor, y: Tensor | None, seed: int) -> Tensor:
        """Return the latents of the nearest samples."""
        z = scaled(model.generator.prior, [(seed * self.n + i) % 2**32 for i in range(self.n)], self.scale)
        found = torch.empty(len(x), z.shape[1])
        for rows in alike(y, len(x)):
            pool = decode(model, z, None if y is None else y[rows[0]]).float().cpu()
            for row in rows:
                found[row] = z[least(row_sum((pool - x[row]).square()))]
        return found


def alike(y: Tensor | None, n: int) -> list[list[int]]:
    """Return the numbers of n images in groups that are told the same; of images that are told images each alone."""
    if y is None:
        return [list(range(n))]
    if y.ndim > 1:
        return [[row] for row in range(n)]
    return [torch.where(y == k)[0].tolist() for k in y.unique()]


def scaled(prior: Prior, seeds: Sequence[int], scale: float) -> Tensor:
    """Return the latents of seeds, multiplied; categorical codes stay."""
    z = prior.seeded(seeds)
    moved = scale * z
    for code in prior.codes:
        if code.kind == "categorical":
            moved[:, code.start : code.start + code.size] = z[:, code.start : code.start + code.size]
    return moved


class Encoded(Start):
    """What the model's encoder makes of the images: the start of hybrid inversion."""

    draws = False

    def __call__(self, model: Inference, x: Tensor, y: Tensor | None, seed: int) -> Tensor:
        """Return E(x).

        Raises:
            ValueError: there is no encoder.
        """
        told = model.encoder is not None and bool(model.encoder.num_classes)
        return model.encode(x, y if told else None).float().cpu()


class At(Start):
    """Latents that are given, one for each image.

    Args:
        z: [N, dim].

    Raises:
        ValueError: they are not finite.
    """

    draws = False

    def __init__(self, z: Array) -> None:
        self.z = as_tensor(z)
        if not bool(self.z.isfinite().all()):
            raise ValueError("latents to start at must be finite")

    def of(self, part: slice) -> Start:
        """Return the latents of a part of the images."""
        return At(self.z[part])

    def __call__(self, model: Inference, x: Tensor, y: Tensor | None, seed: int) -> Tensor:
        """Return them.

        Raises:
            ValueError: they are not one of the model's latents for each image.
        """
        expected = (len(x), model.generator.prior.dim)
        if tuple(self.z.shape) != expected:
            raise ValueError(f"expected latents {list(expected)} to start at, got {list(self.z.shape)}")
        return self.z.float().cpu()
