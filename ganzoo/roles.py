"""What a game asks of the networks that play it."""

import math
from collections.abc import Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from ganzoo.config import Configurable, build
from ganzoo.latents import Prior

BLOCK = 16  # images are sampled in whole blocks of seeds, so that a seed's image never depends on the request


Role = TypeVar("Role", "Generator", "Discriminator")


class Generator(Configurable, nn.Module):
    """A network G: z, [N, dim] -> x, [N, C, H, W] in [-1, 1], that carries all that is needed to sample it.

    Args:
        image_shape: (C, H, W) of an image, or (d,) of a point.
        prior: The distribution of z.
        num_classes: Number of classes that G is conditioned on; 0: unconditional.
    """

    def __init__(self, image_shape: Sequence[int], prior: Prior, num_classes: int = 0) -> None:
        super().__init__()
        self.image_shape = tuple(image_shape)
        self.prior = prior
        self.num_classes = num_classes

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return images [N, *image_shape] for latents z [N, dim] and labels y [N]."""
        raise NotImplementedError


class Discriminator(Configurable, nn.Module):
    """A network D: x, [N, C, H, W] -> logits, [N].

    Networks of this package are a map ``features`` and a linear ``head`` behind it. ``batch`` is set before every
    batch to the number of batches done, for what changes over training.

    Args:
        image_shape: (C, H, W) of an image, or (d,) of a point.
        num_classes: Number of classes that D is conditioned on; 0: unconditional.
    """

    pack = 1  # images that one logit judges together
    features: Any  # maps x to what ``head`` sees

    def __init__(self, image_shape: Sequence[int], num_classes: int = 0) -> None:
        super().__init__()
        self.image_shape = tuple(image_shape)
        self.num_classes = num_classes
        self.batch = 0

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return logits [N] of images x [N, *image_shape] and labels y [N]."""
        raise NotImplementedError


def for_images(network: Role, image_shape: Sequence[int] | None) -> Role:
    """Return a network of the same configuration for images of ``image_shape``; None: the network as it is."""
    if image_shape is None or tuple(image_shape) == network.image_shape:
        return network
    config = network.config()
    config["init_args"]["image_shape"] = list(image_shape)
    made: Role = build(config)
    return made


class Label(nn.Module):
    """Appends a learnt vector of the label to z; with ``num_classes=0`` it returns z as it is.

    Args:
        num_classes: Number of classes.
        dim: Size of the vector.
    """

    def __init__(self, num_classes: int, dim: int = 32) -> None:
        super().__init__()
        self.num_classes, self.dim = num_classes, dim if num_classes else 0
        self.table = nn.Embedding(num_classes, dim) if num_classes else None

    def forward(self, z: Tensor, y: Tensor | None) -> Tensor:
        """Return [N, dim of z + dim].

        Raises:
            ValueError: labels are missing, or given to an unconditional network.
        """
        if self.table is None:
            if y is not None:
                raise ValueError("this generator is unconditional: call it without labels")
            return z
        if y is None:
            raise ValueError(f"this generator is conditional on {self.num_classes} classes: give labels y, [N]")
        return torch.cat([z, self.table(y)], dim=1)


def seed_range(n: int, seed: int) -> range:
    """Return the ``n`` seeds from ``seed`` on.

    Raises:
        ValueError: ``n`` is negative.
    """
    if n < 0:
        raise ValueError(f"n must not be negative, got {n}")
    return range(seed, seed + n)


@torch.no_grad()
def sample_seeds(generator: Generator, seeds: range, labels: Sequence[int] | Tensor | int | None = None) -> Tensor:
    """Return the images of consecutive seeds, [len(seeds), *image_shape] in [-1, 1].

    The image of a seed is bitwise the same alone, in any range and on any number of processes: latents are a
    function of the seed, and the network always sees whole, aligned blocks of ``BLOCK`` seeds.

    Args:
        generator: In evaluation mode.
        seeds: Consecutive seeds, step 1.
        labels: One class for all, or one per seed; only for a conditional generator.

    Raises:
        ValueError: labels are missing, superfluous, out of range or too few.
    """
    like = next(generator.parameters(), torch.zeros(0))
    y = check_labels(labels, len(seeds), generator.num_classes)
    first, last = seeds.start // BLOCK, math.ceil(seeds.stop / BLOCK)
    parts = []
    for block in range(first, last):
        start = block * BLOCK
        low, high = max(seeds.start, start) - start, min(seeds.stop, start + BLOCK) - start
        z = generator.prior.seeded(range(start, start + BLOCK)).to(like)
        if y is None:
            images = generator(z)
        else:
            # every label of the block's other seeds is 0: no image depends on its neighbours in evaluation mode
            block_y = torch.zeros(BLOCK, dtype=torch.long)
            block_y[low:high] = y[start + low - seeds.start : start + high - seeds.start]
            images = generator(z, block_y.to(z.device))
        parts.append(images[low:high])
    return torch.cat(parts) if parts else like.new_empty(0, *generator.image_shape)


def check_labels(labels: Sequence[int] | Tensor | int | None, n: int, num_classes: int) -> Tensor | None:
    """Return labels as [n] whole numbers, or None for an unconditional generator.

    Raises:
        ValueError: labels are missing, superfluous, out of range or not ``n``.
    """
    if num_classes == 0:
        if labels is not None:
            raise ValueError("this generator is unconditional: leave labels out")
        return None
    if labels is None:
        raise ValueError(f"this generator is conditional: give labels from 0 to {num_classes - 1}, one or {n}")
    given = torch.as_tensor(labels).flatten()
    if given.is_floating_point() and len(given):
        raise ValueError(f"labels must be whole numbers, got {given.tolist()}")
    y = given.long()
    y = y.expand(n) if len(y) == 1 else y
    if len(y) != n:
        raise ValueError(f"expected one label or {n} labels, got {len(y)}")
    if n and not (int(y.min()) >= 0 and int(y.max()) < num_classes):
        raise ValueError(f"labels must be from 0 to {num_classes - 1}, got {y.tolist()[:8]}")
    return y
