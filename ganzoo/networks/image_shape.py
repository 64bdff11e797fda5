"""Making a network again, for images of another size."""

from collections.abc import Sequence
from typing import TypeVar

from ganzoo.config import build
from ganzoo.roles import Discriminator, Encoder, Generator

Role = TypeVar("Role", Generator, Discriminator, Encoder)


def for_images(network: Role, image_shape: Sequence[int] | None) -> Role:
    """Return a network of the same configuration for images of ``image_shape``; None: the network as it is."""
    if image_shape is None or tuple(image_shape) == network.image_shape:
        return network
    config = network.config()
    config["init_args"]["image_shape"] = list(image_shape)
    made: Role = build(config)
    return made
