"""Fully connected networks, for images and for points."""

import math
from collections.abc import Sequence
from typing import Literal, get_args

from torch import Tensor, nn

from ganzoo.networks.labels import Entry, Label, Projection, check_label
from ganzoo.networks.layers import add_spectral_norm, check_counts, check_word, has_norm, he, make_vector_norm
from ganzoo.networks.minibatch import Minibatch, minibatch_layers
from ganzoo.priors import Normal, Prior
from ganzoo.roles import Discriminator, Generator

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
        output: "tanh" for images in [-1, 1]; "linear" for points, which have no bounds; None: what suits the shape.
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
        output: Output | None = None,
        num_classes: int = 0,
    ) -> None:
        super().__init__(image_shape, prior, num_classes)
        check_word("norm", norm, get_args(GeneratorNorm))
        output = output or ("tanh" if len(self.image_shape) > 1 else "linear")
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

    def logits(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return twice what the tanh is of, [N, *image_shape].

        Raises:
            ValueError: the output is linear.
        """
        if not isinstance(self.body[-1], nn.Tanh):
            raise ValueError("a linear output has no logits: make the generator with output='tanh'")
        logits: Tensor = 2 * self.body[:-1](self.label(z, y))
        return logits


class MLPDiscriminator(Discriminator):
    """``depth`` hidden layers of leaky ReLU units with slope 0.2; the last layer has no bias.

    ``features`` maps x, or with label "concat" what ``embed`` makes of x and y, to the last hidden layer, [N, width].

    Args:
        image_shape: Any shape, such as (C, H, W) or (d,).
        width: Units of a hidden layer.
        depth: Number of hidden layers; 0: a linear form.
        norm: Normalisation of hidden layers, or of weights ("spectral"); each sample is scored by itself.
        num_classes: Number of classes that D is conditioned on; 0: unconditional.
        label: "concat" appends a learnt vector of the label to x; "projection" adds <V_y, φ(x)> to the logit, φ(x)
            being the features (Miyato & Koyama, https://arxiv.org/abs/1802.05637).
        minibatch: What the last features tell of the rest of the batch: nothing, ``MinibatchStd`` or
            ``MinibatchDiscrimination``.

    Raises:
        ValueError: an argument is none of the allowed words or numbers.
    """

    def __init__(
        self,
        image_shape: Sequence[int] = (1, 28, 28),
        width: int = 256,
        depth: int = 3,
        norm: DiscriminatorNorm = "none",
        num_classes: int = 0,
        label: Entry = "concat",
        minibatch: Minibatch = "none",
    ) -> None:
        super().__init__(image_shape, num_classes)
        check_word("norm", norm, get_args(DiscriminatorNorm))
        check_word("label", label, get_args(Entry))
        check_word("minibatch", minibatch, get_args(Minibatch))
        check_counts(least=0, num_classes=num_classes)
        self.label = Label(num_classes if label == "concat" else 0)
        hidden, last = _stack(_size(image_shape) + self.label.dim, width, depth, norm, slope=0.2)
        layers, n_extra = minibatch_layers(minibatch, last)
        self.features = nn.Sequential(nn.Flatten(), hidden, *layers)
        self.head = he(nn.Linear(last + n_extra, 1, bias=False), slope=1.0)
        projects = num_classes and label == "projection"
        self.projection = Projection(num_classes, last + n_extra) if projects else None
        if norm == "spectral":
            add_spectral_norm(self)

    def embed(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return what ``features`` takes: images x [N, *image_shape], with the vectors of labels appended."""
        check_label("discriminator", self.num_classes, y)
        return self.label(x.flatten(1), y) if self.label.dim else x

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return logits [N] of images x [N, *image_shape] and labels y [N]."""
        features = self.features(self.embed(x, y))
        logits: Tensor = self.head(features).reshape(x.shape[0])
        return logits if self.projection is None else logits + self.projection(features, y)


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
