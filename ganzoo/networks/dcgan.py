"""The convolutional networks of DCGAN."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, get_args

from torch import Tensor, nn

from ganzoo.latents import Normal, Prior
from ganzoo.networks.layers import (
    add_spectral_norm,
    check_counts,
    check_word,
    has_norm,
    init_radford,
    ladder,
    make_norm,
)
from ganzoo.roles import Discriminator, Generator, Label

START = 4  # side of the smallest map
GeneratorNorm = Literal["batch", "none"]
DiscriminatorNorm = Literal["batch", "layer", "instance", "spectral", "none"]


class DCGANGenerator(Generator):
    """Fractionally-strided 4x4 convolutions from a 4x4 map to the image (28: the first is 3x3, 4 -> 7 -> 14 -> 28).

    Weights are drawn from N(0, 0.02), gains of batch norm from N(1, 0.02); ReLU, tanh output; every layer but
    the last is followed by batch norm.

    Radford et al., "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
    Networks", 2016. https://arxiv.org/abs/1511.06434

    Differs from the paper: kernels are 4x4 rather than 5x5, so that every output pixel is covered equally.

    Args:
        image_shape: (C, S, S) with S = 8, 16, 28, 32, 64, 128 or 256.
        prior: The distribution of z; the paper's is uniform.
        width: Channels of the largest map; they double with every halving of the map, up to 8 * width.
        norm: Normalisation of hidden maps.
        num_classes: Number of classes that G is conditioned on; 0: unconditional.

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
    ) -> None:
        super().__init__(image_shape, prior, num_classes)
        check_word("norm", norm, get_args(GeneratorNorm))
        n_doublings, inner = _steps(image_shape)
        channels = _channels(width, n_doublings)[::-1]
        self.label = Label(num_classes)
        n_in = prior.dim + self.label.dim
        layers: list[nn.Module] = [
            nn.Linear(n_in, channels[0] * START**2, bias=not has_norm(norm)),
            nn.Unflatten(1, (channels[0], START, START)),
            *_hidden(channels[0], norm),
        ]
        for k, (wide, narrow) in enumerate(pairwise(channels)):
            layers += [
                nn.ConvTranspose2d(wide, narrow, inner if k == 0 else 4, 2, 1, bias=not has_norm(norm)),
                *_hidden(narrow, norm),
            ]
        layers += [nn.ConvTranspose2d(channels[-1], image_shape[0], 4, 2, 1), nn.Tanh()]
        self.body = nn.Sequential(*layers)
        self.apply(init_radford)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return images [N, C, S, S] in [-1, 1] for latents z [N, dim] and labels y [N]."""
        images: Tensor = self.body(self.label(z, y))
        return images


class DCGANDiscriminator(Discriminator):
    """Strided 4x4 convolutions from the image to a 4x4 map (28: the last is 3x3), and one that covers it.

    Weights are drawn from N(0, 0.02), gains of norms from N(1, 0.02); leaky ReLU with slope 0.2; the first
    layer has no norm. The last has no bias, which a game that only compares logits (Wasserstein) would never
    move. ``features`` maps x to the last map, [N, C, 4, 4].

    With "batch" a logit depends on the other images of the batch: penalties on gradients need another norm.

    Radford et al., "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
    Networks", 2016. https://arxiv.org/abs/1511.06434

    Args:
        image_shape: (C, S, S) with S = 8, 16, 28, 32, 64, 128 or 256.
        width: Channels of the largest map; they double with every halving of the map, up to 8 * width.
        norm: Normalisation of hidden maps, or of weights ("spectral").

    Raises:
        ValueError: an argument is none of the allowed words or numbers.
    """

    def __init__(
        self, image_shape: Sequence[int] = (1, 32, 32), width: int = 64, norm: DiscriminatorNorm = "batch"
    ) -> None:
        super().__init__(image_shape)
        check_word("norm", norm, get_args(DiscriminatorNorm))
        n_halvings, inner = _steps(image_shape)
        channels = _channels(width, n_halvings)
        layers: list[nn.Module] = [nn.Conv2d(image_shape[0], width, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
        for k, (narrow, wide) in enumerate(pairwise(channels)):
            layers += [
                nn.Conv2d(narrow, wide, inner if k == n_halvings - 2 else 4, 2, 1, bias=not has_norm(norm)),
                *_hidden(wide, norm, slope=0.2),
            ]
        self.features = nn.Sequential(*layers)
        self.head = nn.Conv2d(channels[-1], 1, START, bias=False)
        self.apply(init_radford)
        if norm == "spectral":
            add_spectral_norm(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [N] of images x [N, C, S, S]."""
        logits: Tensor = self.head(self.features(x))
        return logits.reshape(x.shape[0])


def _steps(image_shape: Sequence[int]) -> tuple[int, int]:
    """Return how often the map of 4x4 is doubled, and the kernel of its first doubling: 3 makes 7 of 4."""
    start, n_doublings = ladder(image_shape)
    return (n_doublings, 4) if start == START else (n_doublings + 1, 3)


def _channels(width: int, n_doublings: int) -> list[int]:
    """Return the channels of the maps from large to small."""
    check_counts(width=width)
    return [width * min(2**k, 8) for k in range(n_doublings)]


def _hidden(channels: int, norm: str, slope: float = 0.0) -> list[nn.Module]:
    # in place: nothing else reads the output of a layer or of a norm, and neither needs it to differentiate
    activation = nn.LeakyReLU(slope, inplace=True) if slope else nn.ReLU(inplace=True)
    return [make_norm(norm, channels), activation]
