"""A discriminator that also names the class."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from ganzoo.networks.labels import check_label
from ganzoo.networks.trunk import check_trunk, n_features
from ganzoo.roles import Discriminator, for_images


class WithClassifier(Discriminator):
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
        discriminator = for_images(discriminator, image_shape)
        super().__init__(discriminator.image_shape)
        check_trunk(discriminator)
        if num_classes < 2:
            raise ValueError(f"num_classes must be at least 2, got {num_classes}")
        self.n_classes = num_classes
        self.discriminator = discriminator
        self.classifier = nn.Linear(n_features(discriminator), num_classes)
        nn.init.xavier_uniform_(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return logits [N] of images x [N, *image_shape]; there are no labels y."""
        check_label("discriminator", 0, y)
        logits: Tensor = self.discriminator(x)
        return logits

    def both(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits [N] and class logits [N, n_classes] of images x [N, *image_shape]."""
        D: Any = self.discriminator
        features = D.features(x)
        return D.head(features).reshape(x.shape[0]), self.classifier(features.flatten(1))
