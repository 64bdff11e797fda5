"""The discriminator of patches that CycleGAN and pix2pix train against."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from ganzoo.networks.layers import add_spectral_norm, check_counts, check_word, init_radford
from ganzoo.roles import Discriminator, Images

Norm = Literal["instance", "spectral", "none"]
Sees = Literal["image", "pair"]


class PatchDiscriminator(Discriminator):
    """PatchGAN: a logit for every patch of the image, by 4x4 convolutions.

        C64-C128-C256-C512, and one to a single channel    (section 6.1.2: n_layers = 3, 70 x 70 pixels)

    The first ``n_layers`` have stride 2, the others 1. Every layer but the first and the last is followed by instance
    norm without gain and shift, all but the last by leaky ReLU with slope 0.2. A logit sees 9 * 2^n_layers - 2 pixels
    of each direction: 16, 34, 70, 142, 286; the norm tells it of the rest of the image. There are H / 2^n_layers - 2
    logits in a column. With ``n_layers`` 0 all convolutions are 1x1: a logit for every pixel.

    Weights are drawn from N(0, 0.02), biases are 0. ``features`` maps what ``embed`` makes of x and y to the last map,
    [N, C, h, w], of which ``head`` makes logits, [N, 1, h', w'].

    Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", 2017.
    https://arxiv.org/abs/1611.07004
    Zhu et al., "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", 2017.
    https://arxiv.org/abs/1703.10593

    Differs from pix2pix: instance norm for batch norm, as in CycleGAN.

    Args:
        image_shape: (C, H, W), sides of at least 3 * 2^n_layers.
        source_shape: (C, H, W) of the images that x are translations of, for "pair"; None: the same.
        sees: "image": D judges x; "pair": x beside the image y that it is a translation of, as channels.
        width: Channels of the largest map; they double with every layer, up to 8 * width.
        n_layers: How many convolutions have stride 2.
        norm: Normalisation of hidden maps, or of weights ("spectral").

    Raises:
        ValueError: an argument is none of the allowed words or numbers.
    """

    features: nn.Sequential
    head: nn.Conv2d

    def __init__(
        self,
        image_shape: Sequence[int] = (3, 64, 64),
        source_shape: Sequence[int] | None = None,
        sees: Sees = "image",
        width: int = 64,
        n_layers: int = 3,
        norm: Norm = "instance",
    ) -> None:
        super().__init__(image_shape)
        check_word("sees", sees, get_args(Sees))
        check_word("norm", norm, get_args(Norm))
        check_counts(width=width)
        check_counts(least=0, n_layers=n_layers)
        _check_sides(self.image_shape, n_layers)
        n_in = self.image_shape[0]
        if sees == "pair":
            source = _check_source(source_shape or image_shape, self.image_shape)
            self.condition = Images(source)
            n_in += source[0]
        self.sees = sees
        kernel, padding = (4, 1) if n_layers else (1, 0)
        channels = [width * min(2**k, 8) for k in range(max(n_layers, 1) + 1)]
        layers = [nn.Conv2d(n_in, width, kernel, 2 if n_layers else 1, padding), *_hidden(width, "none")]
        for k, (narrow, wide) in enumerate(pairwise(channels), 1):
            layers += [nn.Conv2d(narrow, wide, kernel, 2 if k < n_layers else 1, padding), *_hidden(wide, norm)]
        self.features = nn.Sequential(*layers)
        self.head = nn.Conv2d(channels[-1], 1, kernel, 1, padding)
        self.apply(init_radford)
        if norm == "spectral":
            add_spectral_norm(self)

    def embed(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return what ``features`` takes: images x [N, C, H, W], with "pair" and images y [N, C', H, W] as channels.

        Raises:
            ValueError: y is missing, or given to a network that judges x alone.
        """
        if self.sees == "image" and y is not None:
            raise ValueError("this discriminator judges an image alone: leave y out, or make it with sees='pair'")
        if self.sees == "pair" and y is None:
            raise ValueError("this discriminator judges pairs: give y, the images [N, C, H, W] that were translated")
        return x if y is None else torch.cat([x, y], dim=1)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return logits [N, patches] of images x [N, C, H, W], and of the images y that they are translations of."""
        logits: Tensor = self.head(self.features(self.embed(x, y))).flatten(1)
        return logits


def _check_sides(image_shape: Sequence[int], n_layers: int) -> None:
    """Check that there is a patch.

    Raises:
        ValueError: points, or an image that is too small.
    """
    smallest = min(image_shape[1:], default=0)
    if len(image_shape) != 3 or smallest >> n_layers < (3 if n_layers else 1):
        fewer = max((smallest // 3).bit_length() - 1, 0)
        raise ValueError(
            "expected images (channels, height, width) with sides of at least 3 * 2^n_layers, got"
            f" {tuple(image_shape)} with n_layers {n_layers}: enlarge them (--data.size), or take fewer layers"
            f" (--model.discriminator.n_layers {fewer})"
        )
    check_counts(channels=image_shape[0])


def _check_source(source_shape: Sequence[int], image_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of the image that stands beside another.

    Raises:
        ValueError: it has another height or width.
    """
    source = tuple(source_shape)
    if source[1:] != image_shape[1:]:
        raise ValueError(f"the images of a pair have one height and width: got source_shape={source} for {image_shape}")
    return source


def _hidden(channels: int, norm: str) -> list[nn.Module]:
    # in place: nothing else reads the output of a layer or of a norm, and neither needs it to differentiate
    normed = [nn.InstanceNorm2d(channels)] if norm == "instance" else []
    return [*normed, nn.LeakyReLU(0.2, inplace=True)]
