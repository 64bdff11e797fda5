"""Encoders: the body of a discriminator, and a head that returns a latent or its distribution instead of a logit."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from ganzoo.networks.dcgan import DCGANDiscriminator
from ganzoo.networks.labels import Label, check_label
from ganzoo.networks.layers import check_counts, check_word, he, init_radford
from ganzoo.networks.mlp import _size, _stack
from ganzoo.roles import Encoder, Posterior

MLPNorm = Literal["batch", "layer", "none"]
DCGANNorm = Literal["batch", "layer", "instance", "none"]
Output = Literal["linear", "tanh"]


class _WithHead(Encoder):
    """E that is a map ``features`` and a linear ``head`` behind it, of dim numbers or, for a Gaussian, 2 dim."""

    features: nn.Module  # maps what ``embed`` returns to what ``head`` sees
    head: nn.Linear | nn.Conv2d

    def __init__(
        self, image_shape: Sequence[int], dim: int, posterior: Posterior, output: Output, num_classes: int
    ) -> None:
        super().__init__(image_shape, dim, posterior, num_classes)
        check_counts(dim=dim)
        check_counts(least=0, num_classes=num_classes)
        check_word("output", output, get_args(Output))
        self.output, self.bounded = output, output == "tanh"
        self.n_numbers = dim if posterior == "point" else 2 * dim

    def embed(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return what ``features`` takes."""
        raise NotImplementedError

    def numbers(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return z [N, dim], or mean and log variance [N, 2 dim], of images x [N, *image_shape] and labels y [N]."""
        numbers: Tensor = self.head(self.features(self.embed(x, y))).reshape(x.shape[0], self.n_numbers)
        if self.output == "linear":
            return numbers
        return torch.cat([numbers[:, : self.dim].tanh(), numbers[:, self.dim :]], dim=1)

    @torch.no_grad()
    def start_with_unit_variance(self) -> None:
        """Set the part of the head that makes log variances, if there is one, to 0."""
        for parameter in self.head.parameters():
            parameter[self.dim :].zero_()


class MLPEncoder(_WithHead):
    """``depth`` hidden layers of leaky ReLU units with slope 0.2.

    Weights are drawn as by He et al. (https://arxiv.org/abs/1502.01852); a new Gaussian posterior has variance 1. The
    first hidden layer has no norm, as in the encoder of BiGAN (Donahue et al., https://arxiv.org/abs/1605.09782).
    ``features`` maps what ``embed`` makes of x and y to the last hidden layer, [N, width].

    Args:
        image_shape: Any shape, such as (C, H, W) or (d,).
        dim: Size of z.
        posterior: "point": z is a function of x; "gaussian": E has a mean and a variance for each image.
        width: Units of a hidden layer.
        depth: Number of hidden layers; 0: a linear map.
        norm: Normalisation of the hidden layers behind the first.
        output: "tanh" bounds z, or its mean, to (-1, 1), for a uniform prior; "linear" has no bounds.
        num_classes: Number of classes that E is conditioned on, a learnt vector of the label being appended to x; 0:
            unconditional.

    Raises:
        ValueError: an argument is none of the allowed words or numbers.
    """

    def __init__(
        self,
        image_shape: Sequence[int] = (1, 28, 28),
        dim: int = 64,
        posterior: Posterior = "point",
        width: int = 256,
        depth: int = 3,
        norm: MLPNorm = "none",
        output: Output = "linear",
        num_classes: int = 0,
    ) -> None:
        super().__init__(image_shape, dim, posterior, output, num_classes)
        check_word("norm", norm, get_args(MLPNorm))
        self.label = Label(num_classes)
        first, last = _stack(_size(image_shape) + self.label.dim, width, min(depth, 1), "none", slope=0.2)
        others, last = _stack(last, width, max(depth - 1, 0), norm, slope=0.2)
        self.features = nn.Sequential(nn.Flatten(), *first, *others)
        self.head = he(nn.Linear(last, self.n_numbers), slope=1.0)
        self.start_with_unit_variance()

    def embed(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return what ``features`` takes: images x [N, *image_shape], with the vectors of labels appended."""
        check_label("encoder", self.num_classes, y)
        return self.label(x.flatten(1), y) if self.label.dim else x


class DCGANEncoder(_WithHead):
    """The convolutions of ``DCGANDiscriminator``, and one of ``dim`` channels that covers their last map.

    Weights are drawn from N(0, 0.02), gains of norms from N(1, 0.02); a new Gaussian posterior has variance 1. The
    first layer has no norm. ``features`` maps what ``embed`` makes of x and y to the last map, [N, C, h, w].

    With "batch" a latent depends, in training, on the other images of the batch.

    Radford et al., "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
    Networks", 2016. https://arxiv.org/abs/1511.06434

    Args:
        image_shape: (C, H, W), sides of at least 8.
        dim: Size of z.
        posterior: "point": z is a function of x; "gaussian": E has a mean and a variance for each image.
        width: Channels of the largest map; they double with every halving of the map, up to 8 * width.
        norm: Normalisation of hidden maps.
        output: "tanh" bounds z, or its mean, to (-1, 1), for a uniform prior; "linear" has no bounds.
        num_classes: Number of classes that E is conditioned on, a learnt plane of the label being appended to x; 0:
            unconditional.

    Raises:
        ValueError: an argument is none of the allowed words or numbers.
    """

    def __init__(
        self,
        image_shape: Sequence[int] = (1, 32, 32),
        dim: int = 100,
        posterior: Posterior = "point",
        width: int = 64,
        norm: DCGANNorm = "batch",
        output: Output = "linear",
        num_classes: int = 0,
    ) -> None:
        super().__init__(image_shape, dim, posterior, output, num_classes)
        check_word("norm", norm, get_args(DCGANNorm))
        body = DCGANDiscriminator(image_shape, width, norm, num_classes)
        self.plane, self.features = body.plane, body.features
        self.head = nn.Conv2d(body.head.in_channels, self.n_numbers, body.end)
        init_radford(self.head)
        self.start_with_unit_variance()

    def embed(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return what ``features`` takes: images x [N, C, H, W], with the planes of labels appended."""
        check_label("encoder", self.num_classes, y)
        return x if self.plane is None else self.plane(x, y)
