"""Fully connected networks, for images and for points."""

import math
from collections.abc import Sequence
from typing import Literal, get_args

from torch import Tensor, nn

from ganzoo.latents import Normal, Prior
from ganzoo.networks.layers import add_spectral_norm, check_counts, check_word, has_norm, he, make_vector_norm
from ganzoo.roles import Discriminator, Generator, Label

GeneratorNorm = Literal["batch", "layer", "none"]
DiscriminatorNorm = Literal["layer", "spectral", "none"]
Output = Literal["tanh", "linear"]


class MLPGenerator(Generator):
    """``depth`` hidden layers of ReLU units.

    Weights are drawn as by He et al. (https://arxiv.org/abs/1502.01852); the output of a new network has mean
    square 1 before the tanh.

    Args:
        image_shape: Any shape, such as (C, H, W) or (d,).
        prior: The distribution of z.
        width: Units of a hidden layer.
        depth: Number of hidden layers; 0: a linear map.
        norm: Normalisation of hidden layers.
        output: "tanh" for images in [-1, 1]; "linear" for points, which have no bounds.
        num_classes: Number of classes that G is conditioned on; 0: unconditional.

    Raises:
        ValueError: an argument is none of the allowed words or numbers.
    """

    def __init__(
        self,
        image_shape: Sequence[int] = (1, 28, 28),
        prior: Prior = Normal(dim=64),
        width: int = 256,
        depth: int = 3,
        norm: GeneratorNorm = "none",
        output: Output = "tanh",
        num_classes: int = 0,
    ) -> None:
        super().__init__(image_shape, prior, num_classes)
        check_word("norm", norm, get_args(GeneratorNorm))
        check_word("output", output, get_args(Output))
        self.label = Label(num_classes)
        hidden, last = _stack(prior.dim + self.label.dim, width, depth, norm, slope=0.0)
        self.body = nn.Sequential(
            hidden,
            he(nn.Linear(last, _size(image_shape)), slope=1.0),
            nn.Unflatten(1, self.image_shape),
            nn.Tanh() if output == "tanh" else nn.Identity(),
        )

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return images [N, *image_shape] for latents z [N, dim] and labels y [N]."""
        images: Tensor = self.body(self.label(z, y))
        return images


class MLPDiscriminator(Discriminator):
    """``depth`` hidden layers of leaky ReLU units with slope 0.2; the last layer has no bias.

    ``features`` maps x to the last hidden layer, [N, width].

    Args:
        image_shape: Any shape, such as (C, H, W) or (d,).
        width: Units of a hidden layer.
        depth: Number of hidden layers; 0: a linear form.
        norm: Normalisation of hidden layers, or of weights ("spectral"); each sample is scored by itself.

    Raises:
        ValueError: an argument is none of the allowed words or numbers.
    """

    def __init__(
        self,
        image_shape: Sequence[int] = (1, 28, 28),
        width: int = 256,
        depth: int = 3,
        norm: DiscriminatorNorm = "none",
    ) -> None:
        super().__init__(image_shape)
        check_word("norm", norm, get_args(DiscriminatorNorm))
        hidden, last = _stack(_size(image_shape), width, depth, norm, slope=0.2)
        self.features = nn.Sequential(nn.Flatten(), hidden)
        self.head = he(nn.Linear(last, 1, bias=False), slope=1.0)
        if norm == "spectral":
            add_spectral_norm(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [N] of images x [N, *image_shape]."""
        logits: Tensor = self.head(self.features(x))
        return logits.reshape(x.shape[0])


def _stack(n_in: int, width: int, depth: int, norm: str, slope: float) -> tuple[nn.Sequential, int]:
    """Return the hidden layers and the size of their output."""
    check_counts(width=width)
    check_counts(least=0, depth=depth)
    layers: list[nn.Module] = []
    for _ in range(depth):
        linear = he(nn.Linear(n_in, width, bias=not has_norm(norm)), slope)
        layers += [linear, make_vector_norm(norm, width), nn.LeakyReLU(slope) if slope else nn.ReLU()]
        n_in = width
    return nn.Sequential(*layers), n_in


def _size(image_shape: Sequence[int]) -> int:
    if not image_shape or min(image_shape) < 1:
        raise ValueError(f"image_shape must be positive numbers such as (1, 28, 28) or (2,), got {tuple(image_shape)}")
    return math.prod(image_shape)
