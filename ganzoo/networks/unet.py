"""The U-Net that pix2pix translates with."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from ganzoo.networks.layers import (
    Upsampling,
    check_counts,
    check_halvings,
    check_source,
    check_word,
    doubling,
    init_radford,
)
from ganzoo.roles import Translator

DEEPEST = 8  # halvings of the paper's images of 256 x 256
Dropout = Literal["z", "none"]


class UNetTranslator(Translator):
    """Halvings of the image down to a pixel, and doublings back that also see the map of the way down; tanh output.

        C64-C128-C256-C512-C512-C512-C512-C512, then CD512-CD512-CD512-C512-C256-C128-C64    (section 6.1.1)

    C is a 4x4 convolution of stride 2, transposed on the way up, and instance norm without gain and shift; the first C
    and that of the smallest map have no norm. Leaky ReLU with slope 0.2 stands before a C down, ReLU before one up.
    Weights are drawn from N(0, 0.02), biases are 0.

    D is dropout, and dropout is z: every unit u of these maps of 8 * width channels has a number of its own in z,

        u -> u (1 + sign z),    z ~ N(0, 1)

    so that half of the units are 0 and half are doubled. The paper gives noise in this form only, in training and in
    use. At z = 0, which is truncation 0, nothing is dropped. With fewer than 6 halvings there is no such map.

    Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", 2017.
    https://arxiv.org/abs/1611.07004

    Differs from the paper: instance norm for batch norm, so that nothing depends on the company of an image; for one
    image at a time they are the same but for gain and shift. Units are dropped as in the authors' PyTorch code
    (https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix): not in the first map on the way up, but in all others
    of 8 * width channels, so CD stands one place later.

    Args:
        image_shape: (C, H, W), sides that can be halved ``depth`` times.
        source_shape: (C, H, W) of the images that are translated; None: the same.
        width: Channels of the largest map; they double with every halving, up to 8 * width.
        depth: How often the sides are halved; None: as often as both can be, at most 8 times.
        dropout: "z": units are dropped, and z says which; "none": z has size 0.
        upsampling: "transposed", as in the paper, or "resize": behind the smallest map, pixels are repeated, then
            convolved 3x3.

    Raises:
        ValueError: an argument is none of the allowed words or numbers.
    """

    def __init__(
        self,
        image_shape: Sequence[int] = (3, 64, 64),
        source_shape: Sequence[int] | None = None,
        width: int = 64,
        depth: int | None = None,
        dropout: Dropout = "z",
        upsampling: Upsampling = "transposed",
    ) -> None:
        check_word("dropout", dropout, get_args(Dropout))
        check_word("upsampling", upsampling, get_args(Upsampling))
        depth = _halvings(image_shape) if depth is None else depth
        check_counts(width=width, depth=depth)
        check_halvings(image_shape[1:], depth, 1, "depth")
        check_counts(channels=image_shape[0])
        self.depth, self.width, self.drops, self.upsampling = depth, width, dropout == "z", upsampling
        super().__init__(image_shape, source_shape, sum(map(math.prod, self._dropped(*image_shape[1:]))))
        self.multiple = 2**depth
        channels = [width * min(2**k, 8) for k in range(depth)]
        self.downs = nn.ModuleList([nn.Conv2d(self.source_shape[0], width, 4, 2, 1)])
        for k, (narrow, wide) in enumerate(pairwise(channels), 2):
            self.downs.append(_down(narrow, wide, normed=k < depth))
        self.ups = nn.ModuleList()
        for wide, narrow in pairwise(channels[::-1]):
            self.ups.append(self._up(wide, narrow, nn.InstanceNorm2d(narrow)))
        self.ups.append(self._up(width, image_shape[0], nn.Tanh()))
        self.apply(init_radford)

    def dim_of(self, height: int, width: int) -> int:
        """Return the size of z for images of a height and width: how many units may be dropped.

        Raises:
            ValueError: it does not take such images.
        """
        check_halvings((height, width), self.depth, 1)
        return sum(map(math.prod, self._dropped(height, width)))

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return images [N, C, H, W] in [-1, 1] of images y [N, C', H, W] and latents z [N, dim_of(H, W)]."""
        source = check_source(self, z, y)
        factors = self._factors(z.to(source.dtype), *source.shape[2:])
        maps = [source]
        for down in self.downs:
            maps.append(down(maps[-1]))
        x: Tensor = maps.pop()
        for k, up in enumerate(self.ups):
            x = up(torch.cat([maps.pop(), x], dim=1) if k else x)
            x = x * factors[k - 1] if 0 < k <= len(factors) else x
        images: Tensor = x
        return images

    def _up(self, n_in: int, n_out: int, last: nn.Module) -> nn.Sequential:
        if not self.ups:  # a pixel that is repeated is flat, and the norm makes nothing of it
            return nn.Sequential(nn.ReLU(), *doubling(n_in, n_out, 4, "transposed"), last)
        return nn.Sequential(nn.ReLU(), *doubling(2 * n_in, n_out, 4, self.upsampling), last)

    def _dropped(self, height: int, width: int) -> list[tuple[int, int, int]]:
        """Return the shapes of the maps whose units are dropped, from the smallest on."""
        halvings = range(self.depth - 2, 3, -1) if self.drops else ()
        return [(8 * self.width, height >> n, width >> n) for n in halvings]

    def _factors(self, z: Tensor, height: int, width: int) -> list[Tensor]:
        """Return what the units of each such map are multiplied by: 0 or 2; 1 where z is 0."""
        shapes = self._dropped(height, width)
        parts = z.split([math.prod(shape) for shape in shapes], dim=1)
        return [1 + part.sign().reshape(-1, *shape) for part, shape in zip(parts, shapes, strict=True)]


def _halvings(image_shape: Sequence[int]) -> int:
    """Return how often both sides can be halved: at least once, or what checks them has nothing to say."""
    divisor = math.gcd(*image_shape[1:])
    return min(max((divisor & -divisor).bit_length() - 1, 1), DEEPEST)


def _down(n_in: int, n_out: int, normed: bool) -> nn.Sequential:
    # not in place: the way up sees the map before the activation
    norm = nn.InstanceNorm2d(n_out) if normed else nn.Identity()
    return nn.Sequential(nn.LeakyReLU(0.2), nn.Conv2d(n_in, n_out, 4, 2, 1), norm)
