"""The residual networks of R3GAN, which have no normalisation."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.networks.labels import Label, Projection, check_label
from ganzoo.networks.layers import Size, check_counts, check_word, he, ladder
from ganzoo.priors import Normal, Prior
from ganzoo.roles import Discriminator, Generator

START = 4  # the most that the smaller side of the smallest map has
WIDEST = 32  # side of the largest map of full width
SLOPE = 0.2
Output = Literal["tanh", "linear"]


class R3GANGenerator(Generator):
    """Residual blocks 1x1 -> grouped 3x3 -> 1x1 between bilinear doublings of a 4x4 map, without normalisation.

    The first map is a learnt 4x4 basis, scaled channel by channel by a linear function of z. Of other sizes the maps
    are halves, rounded up: 4 -> 7 -> 14 -> 28, 3 -> 6 -> 12 -> 24 -> 48, 4x6 -> ... -> 64x96. Maps of up to 32x32
    have ``width`` channels, each doubling beyond halves them. Every block starts as the identity (fix-up): its last
    convolution is 0, the weights of the others are scaled by L^(-1/4), L = number of blocks in the network. In the
    first batch these others have no gradient.

    The paper's CIFAR-10 size has 20.7 million parameters: ``width=768, n_blocks=2, output="linear"`` (96 groups).

    Huang et al., "The GAN is dead; long live the GAN! A Modern Baseline GAN", 2024. https://arxiv.org/abs/2501.05441

    Differs from the paper: resampling repeats the map's border instead of padding it with zeros, so that a constant
    stays a constant; "tanh" (of "linear", the paper's, values outside [-1, 1] are clipped when images are written).

    Args:
        image_shape: (C, H, W), sides of at least 8.
        prior: The distribution of z.
        width: Channels of the widest map.
        n_blocks: Residual blocks per resolution.
        expansion: Channels within a block per channel of the map.
        group_size: Channels per group of the 3x3 convolutions.
        output: What follows the last convolution.
        num_classes: Number of classes that G is conditioned on, by a learnt vector beside z; 0: unconditional.

    Raises:
        ValueError: an argument is none of the allowed words or numbers.
    """

    def __init__(
        self,
        image_shape: Sequence[int] = (3, 32, 32),
        prior: Prior = Normal(dim=64),
        width: int = 64,
        n_blocks: int = 1,
        expansion: int = 2,
        group_size: int = 16,
        output: Output = "tanh",
        num_classes: int = 0,
    ) -> None:
        super().__init__(image_shape, prior, num_classes)
        check_word("output", output, get_args(Output))
        sizes = ladder(image_shape, START)[::-1]
        channels = _channels(width, sizes)
        stages = _stages(channels, n_blocks, expansion, group_size)
        self.label = Label(num_classes, prior.dim)
        layers: list[nn.Module] = [_Basis(prior.dim + self.label.dim, width, sizes[0]), stages[0]]
        for size, (n_in, n_out), stage in zip(sizes[1:], pairwise(channels), stages[1:], strict=True):
            layers += [_change(n_in, n_out), _Enlarge(size), stage]
        layers += [_conv1(channels[-1], image_shape[0]), nn.Tanh() if output == "tanh" else nn.Identity()]
        self.body = nn.Sequential(*layers)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return images [N, C, H, W] for latents z [N, dim] and labels y [N]."""
        images: Tensor = self.body(self.label(z, y))
        return images


class R3GANDiscriminator(Discriminator):
    """The mirror image of ``R3GANGenerator``: residual blocks between bilinear halvings down to a 4x4 map.

    That map is covered by one kernel per channel; ``features`` maps x to the result, [N, width]. There is no bias
    behind it. With classes ``head`` maps features to width numbers, whose inner product with a learnt vector of the
    class is the logit:

        D(x, y) = <V_y, W φ(x)>

    The vectors are drawn from N(0, 1/width), so that logits start as large as those of an unconditional D.

    The paper's CIFAR-10 size has 20.7 million parameters: ``width=768, n_blocks=2`` (96 groups).

    Huang et al., "The GAN is dead; long live the GAN! A Modern Baseline GAN", 2024. https://arxiv.org/abs/2501.05441

    Differs from the paper: the borders in resampling (see ``R3GANGenerator``); its code draws the vectors of K
    classes √K times smaller.

    Args:
        image_shape: (C, H, W), sides of at least 8.
        width: Channels of the widest map.
        n_blocks: Residual blocks per resolution.
        expansion: Channels within a block per channel of the map.
        group_size: Channels per group of the 3x3 convolutions.
        num_classes: Number of classes that D is conditioned on; 0: unconditional.

    Raises:
        ValueError: an argument is none of the allowed numbers.
    """

    def __init__(
        self,
        image_shape: Sequence[int] = (3, 32, 32),
        width: int = 64,
        n_blocks: int = 1,
        expansion: int = 2,
        group_size: int = 16,
        num_classes: int = 0,
    ) -> None:
        super().__init__(image_shape, num_classes)
        sizes = ladder(image_shape, START)
        channels = _channels(width, sizes)
        stages = _stages(channels, n_blocks, expansion, group_size)
        layers: list[nn.Module] = [_conv1(image_shape[0], channels[0]), stages[0]]
        for (n_in, n_out), stage in zip(pairwise(channels), stages[1:], strict=True):
            layers += [_Halve(), _change(n_in, n_out), stage]
        cover = nn.Conv2d(width, width, sizes[-1], groups=width, bias=False)
        self.features = nn.Sequential(*layers, he(cover, slope=1), nn.Flatten())
        self.head = he(nn.Linear(width, width if num_classes else 1, bias=False), slope=1)
        self.classes = Projection(num_classes, width) if num_classes else None

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return logits [N] of images x [N, C, H, W] and labels y [N].

        Raises:
            ValueError: labels are missing, or given to an unconditional network.
        """
        check_label("discriminator", self.num_classes, y)
        logits: Tensor = self.head(self.features(x))
        if self.classes is not None:
            logits = self.classes(logits, y)
        return logits.reshape(x.shape[0])


class _Block(nn.Module):
    def __init__(self, channels: int, expansion: int, group_size: int, gain: float) -> None:
        super().__init__()
        wide = channels * expansion
        last = nn.Conv2d(wide, channels, 1, bias=False)
        nn.init.zeros_(last.weight)
        self.residual = nn.Sequential(
            _scaled(nn.Conv2d(channels, wide, 1), gain),
            nn.LeakyReLU(SLOPE, inplace=True),
            _scaled(nn.Conv2d(wide, wide, 3, padding=1, groups=max(1, wide // group_size)), gain),
            nn.LeakyReLU(SLOPE, inplace=True),
            last,
        )

    def forward(self, x: Tensor) -> Tensor:
        total: Tensor = x + self.residual(x)
        return total


class _Basis(nn.Module):
    """Maps vectors to maps of ``size``: learnt patterns, one per channel, times a linear function of the vector."""

    def __init__(self, n_in: int, channels: int, size: Size) -> None:
        super().__init__()
        self.patterns = nn.Parameter(torch.randn(channels, *size))
        self.scale = he(nn.Linear(n_in, channels, bias=False), slope=1)

    def forward(self, z: Tensor) -> Tensor:
        maps: Tensor = self.patterns * self.scale(z)[:, :, None, None]
        return maps


class _Enlarge(nn.Module):
    """Bilinear; a doubling puts each pixel in four places and blurs by [1, 2, 1] and by [1, 1]: [1, 3, 3, 1]."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, size=self.size, mode="bilinear")


class _Halve(nn.Module):
    """Blurs by the kernel of ``_Enlarge`` and takes every second pixel; a map of 7x7 becomes one of 4x4."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
        self.register_buffer("kernel", torch.outer(taps, taps), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        channels, odd_height, odd_width = x.shape[1], x.shape[2] % 2, x.shape[3] % 2
        padded = F.pad(x, (1, 1 + odd_width, 1, 1 + odd_height), mode="replicate")
        return F.conv2d(padded, self.kernel.expand(channels, 1, 4, 4), stride=2, groups=channels)


def _channels(width: int, sizes: Sequence[Size]) -> list[int]:
    check_counts(width=width)
    shrink = [2 ** sum(WIDEST < min(other) <= min(size) for other in sizes) for size in sizes]
    if width % max(shrink):
        height, across = max(sizes)
        raise ValueError(f"width must be a multiple of {max(shrink)} for {height} x {across} pixels, got {width}")
    return [width // factor for factor in shrink]


def _stages(channels: Sequence[int], n_blocks: int, expansion: int, group_size: int) -> list[nn.Sequential]:
    """Return the residual blocks of every resolution."""
    check_counts(n_blocks=n_blocks, expansion=expansion, group_size=group_size)
    for wide in (expansion * c for c in channels):
        if wide > group_size and wide % group_size:
            raise ValueError(
                f"the {wide} channels within a block must be a multiple of group_size={group_size}, or fewer:"
                " change width, expansion or group_size"
            )
    gain = (n_blocks * len(channels)) ** -0.25  # L^(-1 / (2m - 2)) of m = 3 layers per block
    return [nn.Sequential(*(_Block(c, expansion, group_size, gain) for _ in range(n_blocks))) for c in channels]


def _scaled(layer: nn.Conv2d, gain: float) -> nn.Conv2d:
    he(layer, slope=SLOPE)
    with torch.no_grad():
        layer.weight *= gain
    return layer


def _conv1(n_in: int, n_out: int) -> nn.Conv2d:
    return he(nn.Conv2d(n_in, n_out, 1, bias=False), slope=1)


def _change(n_in: int, n_out: int) -> nn.Module:
    return nn.Identity() if n_in == n_out else _conv1(n_in, n_out)
