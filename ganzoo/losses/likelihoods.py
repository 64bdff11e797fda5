"""Likelihoods: how probable an image x is under what the generator makes of a latent z.

likelihood           log p(x|z), in nats, summed over the pixels i
-----------------    -------------------------------------------------------------------------
Bernoulli            Σ b_i log σ(l_i) + (1 - b_i) log(1 - σ(l_i)),    b = (x + 1) / 2, l = G.logits(z)
GaussianLikelihood   Σ -(x_i - G(z)_i)² / (2 s²) - log s - log(2π) / 2
"""

import math

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from ganzoo.config import Configurable
from ganzoo.roles import Generator


class Likelihood(Configurable):
    """p(x|z): see the table at the top of the file."""

    def log_prob(self, generator: Generator, z: Tensor, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return log p(x|z), or log p(x|z, y), [N], in nats.

        Args:
            generator: G.
            z: Latents, [N, dim].
            x: Images in [-1, 1], [N, *image_shape].
            y: Labels, [N], for a conditional G.
        """
        raise NotImplementedError


class Bernoulli(Likelihood):
    """Each pixel is white with probability σ(l), where G(z) = tanh(l / 2): the image is the mean.

    Of a black and white image it is a probability. Of grey ones it is a cross-entropy that is no density and stays
    below 0: compare it with that of other Bernoulli likelihoods only.

    Raises:
        ValueError: (``log_prob``) G has no logits.
    """

    def log_prob(self, generator: Generator, z: Tensor, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return Σ b log σ(l) + (1 - b) log(1 - σ(l)), [N], with the brightness b = (x + 1) / 2."""
        logits = generator.logits(z, y)
        return -binary_cross_entropy_with_logits(logits, (x + 1) / 2, reduction="none").flatten(1).sum(dim=1)


class GaussianLikelihood(Likelihood):
    """Each pixel is that of G(z) with normal noise.

    Args:
        std: Standard deviation s of the noise, in the units of x: images have a range of 2.

    Raises:
        ValueError: ``std`` is not positive.
    """

    def __init__(self, std: float) -> None:
        if std <= 0:
            raise ValueError(f"std must be positive, got {std}: images have a range of 2, so 0.1 is a small one")
        self.std = std

    def log_prob(self, generator: Generator, z: Tensor, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return log N(x; G(z), s² I), [N]."""
        mean: Tensor = generator(z, y)
        scaled = ((x - mean) / self.std).flatten(1)
        return -(scaled.square() + math.log(2 * math.pi * self.std**2)).sum(dim=1) / 2
