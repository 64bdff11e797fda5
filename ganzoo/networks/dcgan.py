"""The convolutional networks of DCGAN."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, get_args

from torch import Tensor, nn

from ganzoo.networks.attention import attend, map_of
from ganzoo.networks.labels import Entry, Label, LabelPlane, Projection, check_label
from ganzoo.networks.layers import (
    Size,
    add_spectral_norm,
    check_counts,
    check_word,
    has_norm,
    init_radford,
    ladder,
    make_norm,
)
from ganzoo.networks.minibatch import Minibatch, minibatch_layers
from ganzoo.priors import Normal, Prior
from ganzoo.roles import Discriminator, Generator

START = 4  # the most that the smaller side of the smallest map has
GeneratorNorm = Literal["batch", "batch+spectral", "virtual", "none"]
DiscriminatorNorm = Literal["batch", "layer", "instance", "spectral", "none"]


class DCGANGenerator(Generator):
    """Fractionally-strided 4x4 convolutions from a 4x4 map to the image.

    Of other sizes the maps are halves, rounded up: 4 -> 7 -> 14 -> 28, 3 -> 6 -> 12 -> 24 -> 48, 4x6 -> ... -> 64x96.
    To a map of odd side the kernel is 3 in this direction.

    Weights are drawn from N(0, 0.02), gains of batch norm from N(1, 0.02); ReLU, tanh output; every layer but
    the last is followed by batch norm.

    Radford et al., "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
    Networks", 2016. https://arxiv.org/abs/1511.06434

    Differs from the paper: kernels are 4x4 rather than 5x5, so that every output pixel is covered equally.

    Args:
        image_shape: (C, H, W), sides of at least 8.
        prior: The distribution of z; the paper's is uniform.
        width: Channels of the largest map; they double with every halving of the map, up to 8 * width.
        norm: Normalisation of hidden maps, and of weights ("batch+spectral"); "virtual" needs a reference batch:
            wrap G in ``VirtualBatchGenerator``.
        num_classes: Number of classes that G is conditioned on; 0: unconditional.
        attention: ``SelfAttention2d`` stands behind the map of 1/attention of the image's side; 0: nowhere.

    Raises:
        ValueError: an argument is none of the allowed words or numbers.
    """

    def __init__(
        self,
        image_shape: Sequence[int] = (1, 32, 32),
        prior: Prior = Normal(dim=100),
        width: int = 64,
        norm: GeneratorNorm = "batch",
        num_classes: int = 0,
        attention: int = 0,
    ) -> None:
        super().__init__(image_shape, prior, num_classes)
        check_word("norm", norm, get_args(GeneratorNorm))
        *sizes, image = ladder(image_shape, START)[::-1]
        start, at = sizes[0], map_of(attention, image, sizes)
        channels = _channels(width, len(sizes))[::-1]
        self.label = Label(num_classes)
        n_in = prior.dim + self.label.dim
        layers: list[nn.Module] = [
            nn.Linear(n_in, channels[0] * math.prod(start), bias=not has_norm(norm)),
            nn.Unflatten(1, (channels[0], *start)),
            *_hidden(channels[0], norm),
            *attend(at, start, channels[0]),
        ]
        for (wide, narrow), size in zip(pairwise(channels), sizes[1:], strict=True):
            layers += [
                nn.ConvTranspose2d(wide, narrow, _kernel(size), 2, 1, bias=not has_norm(norm)),
                *_hidden(narrow, norm),
                *attend(at, size, narrow),
            ]
        layers += [nn.ConvTranspose2d(channels[-1], image_shape[0], _kernel(image), 2, 1), nn.Tanh()]
        self.body = nn.Sequential(*layers)
        self.apply(init_radford)
        if norm == "batch+spectral":
            add_spectral_norm(self)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return images [N, C, H, W] in [-1, 1] for latents z [N, dim] and labels y [N]."""
        images: Tensor = self.body(self.label(z, y))
        return images

    def logits(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return twice what the tanh is of, [N, C, H, W]."""
        logits: Tensor = 2 * self.body[:-1](self.label(z, y))
        return logits


class DCGANDiscriminator(Discriminator):
    """Strided 4x4 convolutions from the image to a 4x4 map, and one that covers it; sizes as in ``DCGANGenerator``.

    Weights are drawn from N(0, 0.02), gains of norms from N(1, 0.02); leaky ReLU with slope 0.2; the first
    layer has no norm. The last has no bias, which a game that only compares logits (Wasserstein) would never
    move. ``features`` maps x, or with label "concat" what ``embed`` makes of x and y, to the last map, [N, C, h, w].

    With "batch" a logit depends on the other images of the batch: penalties on gradients need another norm.

    Radford et al., "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
    Networks", 2016. https://arxiv.org/abs/1511.06434

    Args:
        image_shape: (C, H, W), sides of at least 8.
        width: Channels of the largest map; they double with every halving of the map, up to 8 * width.
        norm: Normalisation of hidden maps, or of weights ("spectral").
        num_classes: Number of classes that D is conditioned on; 0: unconditional.
        label: "concat" appends a learnt plane of the label to x; "projection" adds <V_y, φ(x)> to the logit, φ(x)
            being the features (Miyato & Koyama, https://arxiv.org/abs/1802.05637).
        minibatch: What the last map tells of the rest of the batch: nothing, ``MinibatchStd`` or
            ``MinibatchDiscrimination``.
        attention: ``SelfAttention2d`` stands behind the map of 1/attention of the image's side; 0: nowhere.

    Raises:
        ValueError: an argument is none of the allowed words or numbers.
    """

    features: nn.Sequential
    head: nn.Conv2d

    def __init__(
        self,
        image_shape: Sequence[int] = (1, 32, 32),
        width: int = 64,
        norm: DiscriminatorNorm = "batch",
        num_classes: int = 0,
        label: Entry = "concat",
        minibatch: Minibatch = "none",
        attention: int = 0,
    ) -> None:
        super().__init__(image_shape, num_classes)
        check_word("norm", norm, get_args(DiscriminatorNorm))
        check_word("label", label, get_args(Entry))
        check_word("minibatch", minibatch, get_args(Minibatch))
        check_counts(least=0, num_classes=num_classes)
        image, *sizes = ladder(image_shape, START)
        self.end, at = sizes[-1], map_of(attention, image, sizes)
        channels = _channels(width, len(sizes))
        appends, projects = (num_classes > 0 and label == word for word in get_args(Entry))
        self.plane = LabelPlane(num_classes, *self.image_shape[1:]) if appends else None
        layers: list[nn.Module] = [
            nn.Conv2d(image_shape[0] + appends, width, _kernel(image), 2, 1),
            nn.LeakyReLU(0.2, inplace=True),
            *attend(at, sizes[0], width),
        ]
        for (narrow, wide), (larger, size) in zip(pairwise(channels), pairwise(sizes), strict=True):
            layers += [
                nn.Conv2d(narrow, wide, _kernel(larger), 2, 1, bias=not has_norm(norm)),
                *_hidden(wide, norm, slope=0.2),
                *attend(at, size, wide),
            ]
        extra, n_extra = minibatch_layers(minibatch, channels[-1] * math.prod(self.end))
        self.features = nn.Sequential(*layers, *extra)
        n_features = channels[-1] + n_extra
        self.head = nn.Conv2d(n_features, 1, self.end, bias=False)
        self.projection = Projection(num_classes, n_features * math.prod(self.end)) if projects else None
        self.apply(init_radford)
        if norm == "spectral":
            add_spectral_norm(self)

    def embed(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return what ``features`` takes: images x [N, C, H, W], with the planes of labels appended."""
        check_label("discriminator", self.num_classes, y)
        return x if self.plane is None else self.plane(x, y)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return logits [N] of images x [N, C, H, W] and labels y [N]."""
        features = self.features(self.embed(x, y))
        logits: Tensor = self.head(features).reshape(x.shape[0])
        return logits if self.projection is None else logits + self.projection(features, y)


def _kernel(larger: Size) -> Size:
    """Return the kernel between a map and the one of half its size: 4 makes 8 of 4, and 4 of 8; 3 makes 7 of 4."""
    return 4 - larger[0] % 2, 4 - larger[1] % 2


def _channels(width: int, n_maps: int) -> list[int]:
    """Return the channels of the maps from large to small."""
    check_counts(width=width)
    return [width * min(2**k, 8) for k in range(n_maps)]


def _hidden(channels: int, norm: str, slope: float = 0.0) -> list[nn.Module]:
    # in place: nothing else reads the output of a layer or of a norm, and neither needs it to differentiate
    activation = nn.LeakyReLU(slope, inplace=True) if slope else nn.ReLU(inplace=True)
    return [make_norm(norm, channels), activation]
