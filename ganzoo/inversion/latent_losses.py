"""Terms of latents: how far they are from the usual ones, whatever their images look like."""

import math

import torch
from torch import Tensor

from ganzoo.inference import Inference
from ganzoo.inversion.losses import Loss, Measure, squared
from ganzoo.priors import Normal
from ganzoo.roles import Space


class Shell(Loss):
    """How far |u| is from where draws from N(0, I) are: (|u| - √D)² / D, for D numbers.

    |u|² / D itself, with ``radius`` 0, draws towards the mean.

    Args:
        radius: In units of √D.
    """

    of_pixels = False

    def __init__(self, radius: float = 1.0) -> None:
        if not 0 <= radius < math.inf:
            raise ValueError(f"radius must be 0 or more and finite, got {radius}")
        self.radius = radius

    def check(self, space: Space) -> None:
        """Check that latents there are drawn from N(0, I): those of maps and codes are not drawn.

        Raises:
            ValueError: they are not.
        """
        if space.name not in space.generator.spaces or not isinstance(space.prior, Normal):
            raise ValueError(f"Shell is of latents that are drawn from N(0, I): leave it out in the space {space.name}")

    def against(self, x: Tensor, model: Inference) -> Measure:
        """Return the distance from the shell; x does not matter."""

        def measure(images: Tensor, u: Tensor, rows: Tensor) -> Tensor:
            size = u.shape[1]
            length = (u.square().sum(dim=1) + 1e-12).sqrt()
            return (length - self.radius * math.sqrt(size)).square() / size

        return measure


class InDomain(Loss):
    """How far z is from what the encoder makes of its image: mean((z - E(G(z)))²), so that z stays where E has been.

    Zhu et al., "In-Domain GAN Inversion for Real Image Editing", 2020, Eq. 5, with λ_dom = 2.
    https://arxiv.org/abs/2004.00049
    """

    of_pixels = False

    def check(self, space: Space) -> None:
        """Check that latents there are those that E makes.

        Raises:
            ValueError: they are not.
        """
        if space.name != "z":
            raise ValueError(f"InDomain is of z, which the encoder makes: leave it out in the space {space.name}")

    def against(self, x: Tensor, model: Inference) -> Measure:
        """Return the distance from what E makes.

        Raises:
            ValueError: the model has no encoder, or one that is told classes.
        """
        E = model.encoder
        if E is None or E.num_classes:
            raise ValueError("InDomain needs a model with an encoder that is told nothing, such as imageencoder's")
        like = next(E.parameters(), torch.zeros(0))
        return lambda images, u, rows: squared(u, E(images.to(like)).float().cpu())
