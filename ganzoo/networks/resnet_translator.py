"""The residual network that CycleGAN translates with."""

from collections.abc import Sequence
from itertools import pairwise
from typing import get_args

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


class ResNetTranslator(Translator):
    """Halvings of the image, residual blocks on the smallest map, doublings back to the image; tanh output.

        c7s1-w, d2w, d4w, R4w, .., R4w, u2w, uw, c7s1-C    (section 7.2, with w = 64)

    c7s1 is a 7x7 convolution, d a 3x3 one of stride 2, R two 3x3 ones whose result is added to their input, u a
    transposed 3x3 one of stride 2. Every layer but the last is followed by instance norm without gain and shift, and
    all but the second of a block by ReLU. c7s1 and R see the image mirrored at its border; d sees zeros there. Weights
    are drawn from N(0, 0.02), biases are 0. Nothing is random: z has size 0.

    The paper has 6 blocks for images of 128 x 128, 9 from 256 x 256 on.

    Johnson et al., "Perceptual Losses for Real-Time Style Transfer and Super-Resolution", 2016.
    https://arxiv.org/abs/1603.08155
    Zhu et al., "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", 2017.
    https://arxiv.org/abs/1703.10593

    Args:
        image_shape: (C, H, W), sides that can be halved ``n_halvings`` times, to 2 or more.
        source_shape: (C, H, W) of the images that are translated; None: the same.
        width: Channels of the largest map; they double with every halving.
        n_blocks: Residual blocks.
        n_halvings: How often the sides are halved.
        upsampling: "transposed", as in the paper, or "resize": pixels are repeated, then convolved.

    Raises:
        ValueError: an argument is none of the allowed words or numbers.
    """

    def __init__(
        self,
        image_shape: Sequence[int] = (3, 64, 64),
        source_shape: Sequence[int] | None = None,
        width: int = 64,
        n_blocks: int = 6,
        n_halvings: int = 2,
        upsampling: Upsampling = "transposed",
    ) -> None:
        super().__init__(image_shape, source_shape)
        check_word("upsampling", upsampling, get_args(Upsampling))
        check_counts(width=width)
        check_counts(least=0, n_blocks=n_blocks, n_halvings=n_halvings)
        self.n_halvings = n_halvings
        self._check(image_shape[1:], "n_halvings")
        check_counts(channels=image_shape[0])
        self.multiple = 2**n_halvings
        channels = [width * 2**k for k in range(n_halvings + 1)]
        layers = [*_mirrored(self.source_shape[0], width, 7), *_hidden(width)]
        for narrow, wide in pairwise(channels):
            layers += [nn.Conv2d(narrow, wide, 3, 2, 1), *_hidden(wide)]
        layers += [_Residual(channels[-1]) for _ in range(n_blocks)]
        for wide, narrow in pairwise(channels[::-1]):
            layers += [*doubling(wide, narrow, 3, upsampling), *_hidden(narrow)]
        self.body = nn.Sequential(*layers, *_mirrored(width, image_shape[0], 7), nn.Tanh())
        self.apply(init_radford)

    def dim_of(self, height: int, width: int) -> int:
        """Return 0, the size of z for images of any height and width.

        Raises:
            ValueError: it does not take such images.
        """
        self._check((height, width))
        return super().dim_of(height, width)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return images [N, C, H, W] in [-1, 1] of images y [N, C', H, W]; z is [N, 0]."""
        images: Tensor = self.body(check_source(self, z, y))
        return images

    def _check(self, sides: Sequence[int], argument: str = "") -> None:
        # a map of one pixel has no norm and no mirror image, and one of 3 none that is 3 wide
        check_halvings(sides, self.n_halvings, 2 if self.n_halvings else 4, argument)


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        second = [*_mirrored(width, width, 3), nn.InstanceNorm2d(width)]
        self.residual = nn.Sequential(*_mirrored(width, width, 3), *_hidden(width), *second)

    def forward(self, x: Tensor) -> Tensor:
        total: Tensor = x + self.residual(x)
        return total


def _mirrored(n_in: int, n_out: int, kernel: int) -> list[nn.Module]:
    return [nn.ReflectionPad2d(kernel // 2), nn.Conv2d(n_in, n_out, kernel)]


def _hidden(channels: int) -> list[nn.Module]:
    return [nn.InstanceNorm2d(channels), nn.ReLU(inplace=True)]
