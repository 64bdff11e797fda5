"""Discriminators that read more in an image than whether it is real: its codes, or its class."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ganzoo.networks.image_shape import for_images
from ganzoo.networks.labels import check_label
from ganzoo.networks.layers import check_counts, he
from ganzoo.roles import Discriminator


class _WithSecondHead(Discriminator):
    """A discriminator, and a network behind the same features; called as a network it is the discriminator."""

    def __init__(self, discriminator: Discriminator, image_shape: Sequence[int] | None) -> None:
        discriminator = for_images(discriminator, image_shape)
        super().__init__(discriminator.image_shape)
        check_trunk(discriminator)
        self.discriminator = discriminator

    def read(self, features: Tensor) -> Tensor:
        """Return what the second head reads in the features of images, [N, n]."""
        raise NotImplementedError

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return logits [N] of images x [N, *image_shape]; there are no labels y."""
        check_label("discriminator", 0, y)
        logits: Tensor = self.discriminator(x)
        return logits

    def both(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits [N], and what the second head reads in images x [N, *image_shape]."""
        features = self.discriminator.features(x)
        return self.discriminator.head(features).reshape(x.shape[0]), self.read(features)


class WithCodes(_WithSecondHead):
    """A discriminator and InfoGAN's Q, a second network behind the same features that guesses the codes of an image.

        Q(c_l|x) = Cat(softmax of K_l numbers) of a categorical code, N(one number, 1) of a uniform one

    ``both`` returns the logits of D and the numbers of all codes, in the order of the codes of ``Coded``; called as a
    network it is the wrapped D. Q is a layer of ``width`` leaky ReLU units with slope 0.1 and a linear one.

    Chen et al., "InfoGAN: Interpretable Representation Learning by Information Maximizing Generative Adversarial
    Nets", 2016. https://arxiv.org/abs/1606.03657

    Differs from the released code (https://github.com/openai/InfoGAN): no batch norm in Q's own layer.

    Args:
        discriminator: An unconditional D that is a map ``features`` and a ``head`` behind it.
        categorical: Numbers of values K_l of the categorical codes, as in the prior.
        uniform: Number of uniform codes, as in the prior.
        width: Units of Q's own layer.
        image_shape: Of the images; given, the discriminator is made anew for it.

    Raises:
        ValueError: D is conditional, judges several images together or has no features and head, or there is no code.
    """

    def __init__(
        self,
        discriminator: Discriminator,
        categorical: Sequence[int] = (10,),
        uniform: int = 2,
        width: int = 128,
        image_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(discriminator, image_shape)
        check_counts(width=width)
        self.categorical, self.uniform = tuple(categorical), uniform
        n_out = sum(categorical) + uniform
        if uniform < 0 or n_out < 1:
            raise ValueError(
                "WithCodes needs a code: give the numbers of the prior, such as categorical=(10,), uniform=2;"
                f" got categorical={self.categorical}, uniform={uniform}"
            )
        hidden = he(nn.Linear(n_features(self.discriminator), width), slope=0.1)
        self.q = nn.Sequential(nn.Flatten(), hidden, nn.LeakyReLU(0.1), he(nn.Linear(width, n_out), slope=1.0))

    def read(self, features: Tensor) -> Tensor:
        """Return Q's numbers, [N, ΣK_l + uniform]."""
        numbers: Tensor = self.q(features)
        return numbers


class WithClassifier(_WithSecondHead):
    """A discriminator with a second head, on the same features, that guesses the class of an image.

    ``both`` returns the logits of D and the logits of the classes; called as a network it is the wrapped D.

    Odena et al., "Conditional Image Synthesis With Auxiliary Classifier GANs", 2017.
    https://arxiv.org/abs/1610.09585

    Args:
        discriminator: An unconditional D that is a map ``features`` and a ``head`` behind it.
        num_classes: Number of classes to tell apart, kept as ``n_classes``: no call takes labels.
        image_shape: Of the images; given, the discriminator is made anew for it.

    Raises:
        ValueError: D is conditional, judges several images together or has no features and head, or there are fewer
            than two classes.
    """

    def __init__(
        self, discriminator: Discriminator, num_classes: int = 10, image_shape: Sequence[int] | None = None
    ) -> None:
        super().__init__(discriminator, image_shape)
        if num_classes < 2:
            raise ValueError(f"num_classes must be at least 2, got {num_classes}")
        self.n_classes = num_classes
        self.classifier = nn.Linear(n_features(self.discriminator), num_classes)
        nn.init.xavier_uniform_(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)

    def read(self, features: Tensor) -> Tensor:
        """Return class logits, [N, n_classes]."""
        logits: Tensor = self.classifier(features.flatten(1))
        return logits


def check_trunk(discriminator: Discriminator) -> None:
    """Check that another network can share the features of a discriminator.

    Raises:
        ValueError: it is conditional, judges several images together, or has no features and head.
    """
    if discriminator.num_classes:
        raise ValueError(
            f"discriminator must be unconditional, got one of {discriminator.num_classes} classes:"
            " leave its num_classes at 0"
        )
    if discriminator.pack != 1:
        raise ValueError(f"discriminator must judge single images, got one that judges {discriminator.pack} at once")
    if not (hasattr(discriminator, "features") and hasattr(discriminator, "head")):
        raise ValueError(
            f"discriminator must have features and a head, got {type(discriminator).__name__}:"
            " wrap a network such as DCGANDiscriminator"
        )


@torch.no_grad()
def n_features(discriminator: Discriminator) -> int:
    """Return the size of the features of an image; the network is left as it was."""
    like = next(discriminator.parameters())
    mode = discriminator.training
    features = discriminator.eval().features(like.new_zeros(1, *discriminator.image_shape))
    discriminator.train(mode)
    return int(features.numel())
