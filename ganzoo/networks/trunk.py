"""A discriminator whose features another head can share."""

from typing import Any

import torch

from ganzoo.roles import Discriminator


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
    D: Any = discriminator
    mode = D.training
    features = D.eval().features(like.new_zeros(1, *D.image_shape))
    D.train(mode)
    return int(features.numel())
