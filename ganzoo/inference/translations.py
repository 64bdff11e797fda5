"""Images made of images of any size."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from ganzoo.inference.blocks import placed
from ganzoo.roles import Generator, Images, Translator, check_images


@torch.no_grad()
def translated(generator: Generator, x: Tensor, seed: int | None = 0) -> Tensor:
    """Return what a generator makes of images, [N, C, H, W] in [-1, 1], on its device.

    Each image is translated by itself, with the same z, so its translation does not depend on its company. Sides that
    the network cannot halve are made longer by repeating the edge, and what is made is cut back.

    Args:
        generator: In evaluation mode. One that is no ``Translator`` takes images of its own size only.
        x: Images [N, C', H, W] in [-1, 1].
        seed: Of z; None: z is 0, which in a network with dropout drops nothing.

    Raises:
        ValueError: the generator translates nothing, or images of another kind.
    """
    if not isinstance(generator.condition, Images):
        raise ValueError("this model makes images of z, it translates none: use sample")
    source = generator.condition.shape
    if isinstance(generator, Translator) and x.ndim == 4:
        source = (source[0], *x.shape[2:])
    check_images(x, source)
    height, width = source[1:]
    multiple = generator.multiple if isinstance(generator, Translator) else 1
    more = -height % multiple, -width % multiple
    z = noise(generator, height + more[0], width + more[1], seed)
    like = next(generator.parameters())
    wide = pad(placed(x, like), (0, more[1], 0, more[0]), mode="replicate") if any(more) else placed(x, like)
    made = [generator(z.to(like), image[None])[..., :height, :width] for image in wide]
    return torch.cat(made) if made else like.new_empty(0, generator.image_shape[0], height, width)


def noise(generator: Generator, height: int, width: int, seed: int | None) -> Tensor:
    """Return z, [1, dim], for an image of a height and width: that of a seed, or zeros."""
    prior = generator.prior
    dim = generator.dim_of(height, width) if isinstance(generator, Translator) else prior.dim
    if seed is None:
        return torch.zeros(1, dim)
    return (prior if dim == prior.dim else type(prior)(dim)).seeded([seed])
