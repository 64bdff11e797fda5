"""The images of seeds and latents, the latents of images: always in whole blocks of rows."""

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from ganzoo.roles import Condition, Encoder, Generator, Given, Images, Space, check_images, told

BLOCK = 16  # rows of every call of a network, so that a row's result does not depend on the rows beside it


class Trained(Protocol):
    """Trained networks, one of which is a generator."""

    @property
    def generator(self) -> Generator:
        """G."""


Place = Generator | Space | Trained


@torch.no_grad()
def sample_seeds(
    generator: Generator, seeds: Sequence[int], condition: Given = None, truncation: float = 1.0
) -> Tensor:
    """Return the images of seeds, [len(seeds), *image_shape] in [-1, 1].

    The image of a seed is bitwise the same alone, in any company and on any number of processes: latents are a function
    of the seed, and the network always sees whole blocks of ``BLOCK`` rows, in which a seed has its place.

    Args:
        generator: In evaluation mode.
        seeds: In any order; consecutive ones fill blocks best.
        condition: One value for all, or one per seed; only for a conditional generator.
        truncation: ψ, see ``Prior.truncated``; 1: none.

    Raises:
        ValueError: the condition is missing, superfluous, out of range or too short, or the prior has no truncation.
    """
    y = generator.condition.check(condition, len(seeds))
    z = generator.prior.seeded(seeds)
    z = z if truncation == 1 else generator.prior.truncated(z, truncation)
    block = block_of(generator)
    rows = places(seeds, block)
    taken = torch.zeros((max(rows, default=-1) // block + 1) * block, dtype=torch.long)  # of rows left over the first
    taken[rows] = torch.arange(len(seeds))
    y = None if y is None else y[taken]
    return whole_blocks(generator, z[taken], y, generator, generator.image_shape)[rows]


def block_of(network: Generator | Encoder) -> int:
    """Return how many rows a network is given at a time: a translator one image, as these may be large."""
    return 1 if isinstance(network.condition, Images) else BLOCK


def places(seeds: Sequence[int], block: int = BLOCK) -> list[int]:
    """Return a row for each seed: row i mod ``block`` of the first block where it is free."""
    rows, used = [], [0] * block
    for seed in seeds:
        row = seed % block
        rows.append(used[row] * block + row)
        used[row] += 1
    return rows


@torch.no_grad()
def encode(encoder: Encoder, x: Tensor, condition: Given = None) -> Tensor:
    """Return the latents z, [N, dim], of images x [N, *image_shape] in [-1, 1], on the device of the encoder.

    Args:
        encoder: In evaluation mode.
        x: Images.
        condition: One class for all, or one per image; only for a conditional encoder.

    Raises:
        ValueError: the images have another shape or are no floats, or classes are missing, superfluous or too few.
    """
    check_images(x, encoder.image_shape)
    return whole_blocks(encoder, x, encoder.condition.check(condition, len(x), "encoder"), encoder, (encoder.dim,))


@torch.no_grad()
def decode(place: Place, u: Tensor, condition: Given = None) -> Tensor:
    """Return ``images_of`` latents, without a gradient."""
    return images_of(place, u, condition)


def images_of(place: Place, u: Tensor, condition: Given = None) -> Tensor:
    """Return the images [N, *image_shape] in [-1, 1] of latents [N, dim], on the device of the generator.

    Args:
        place: The generator, whose latents are z, or another of its spaces. In evaluation mode.
        u: Latents there.
        condition: One value for all, or one per latent; only for a conditional generator.
    """
    space = space_of(place)
    check_latents(space, u)
    G = space.generator
    return whole_blocks(space.make, u, G.condition.check(condition, len(u)), G, G.image_shape)


def placed(y: Tensor, like: Tensor) -> Tensor:
    """Return what G is told where its weights are, images in their precision."""
    return y.to(like) if y.is_floating_point() else y.to(like.device)


def whole_blocks(
    call: Callable[..., Tensor], rows: Tensor, y: Tensor | None, network: Generator | Encoder, shape: Sequence[int]
) -> Tensor:
    """Return what ``call`` makes of rows, a whole block at a time: the last is filled up, and the filling thrown away.

    So a row has the same result alone and in company, to the last bit, with one exception: where a layer has at most 10
    outputs, and a number of inputs that 4 does not divide, some CPUs round a row by where it stands in memory.

    Args:
        call: The network, or a part of it.
        rows: [N, ...].
        y: What it is told, a value for each row, or None.
        network: Whose weights say on which device and in which precision to work.
        shape: Of one result.
    """
    like, block = next(network.parameters(), torch.zeros(0)), block_of(network)
    parts = []
    for start in range(0, len(rows), block):
        part, own = rows[start : start + block], None if y is None else y[start : start + block]
        n = len(part)
        if n < block:
            part = torch.cat([part, part.new_zeros(block - n, *part.shape[1:])])
            own = None if own is None else torch.cat([own, filler(network.condition, block - n, own)])
        if own is not None:
            own = placed(own, like)
        parts.append(told(call, part.to(like), own)[:n])
    return torch.cat(parts) if parts else like.new_empty(0, *shape)


def filler(condition: Condition, n: int, like: Tensor) -> Tensor:
    """Return ``n`` values that mean nothing, of the kind of those that mean something."""
    blank = condition.blank(n)
    assert blank is not None
    return blank.to(like)


def space_of(place: Place) -> Space:
    """Return a space as it is, and of a generator or a model z."""
    if isinstance(place, Space):
        return place
    return (place if isinstance(place, Generator) else place.generator).spaces["z"]


@torch.no_grad()
def here(space: Space, z: Tensor, condition: Given = None) -> Tensor:
    """Return the latents of a space, [N, dim], that latents z lead to, where the condition has a say in it."""
    check_latents(space.generator.spaces["z"], z)
    G = space.generator
    y = None if condition is None else G.condition.check(condition, len(z))
    return whole_blocks(space.of, z, y, G, (space.prior.dim,))


def check_latents(space: Space, u: Tensor) -> None:
    """Check that latents are of the size of a space.

    Raises:
        ValueError: they are not.
    """
    if not isinstance(u, Tensor):
        raise ValueError(f"expected latents [N, {space.prior.dim}], got {u}: the images of seeds are sample(16)")
    if u.ndim != 2 or u.shape[1] != space.prior.dim:
        raise ValueError(f"expected latents [N, {space.prior.dim}], got {list(u.shape)}")
