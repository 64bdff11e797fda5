"""An encoder for a generator that is given, which improves its answer in steps."""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ganzoo.engine.turns import Terms
from ganzoo.models.given import ImageEncoder
from ganzoo.roles import Encoder, Generator, told


class IterativeEncoder(ImageEncoder):
    """Encoder that sees what G makes of its answer, and improves it T times.

        z_0 = s,    z_{t+1} = z_t + E([x, G(z_t)]),    t = 0 .. T-1
        L_E = Σ_t (E_x[|x - G(z_{t+1})|²] / pixels + λ E_z[|z - z_{t+1}|²] / dim) / T

    In the second term the images are G(z). Each step learns by itself: z_t is a constant in that of z_{t+1}. s is
    ``Prior.start``, not 0, where no unit of a DCGAN is alive. T is E's: ``Refiner(encoder, steps=5)``. With batch norm
    E has the same statistics in every step, though the steps see other images: take another norm.

    Alaluf et al., "ReStyle: A Residual-Based StyleGAN Encoder via Iterative Refinement", 2021.
    https://arxiv.org/abs/2104.02699
    Differs from the paper: z, not W+; squared errors of pixels alone, no distance of features and no identity; the
    second term; the mean over steps, not their sum, so that λ and learning rates mean the same for any T.

    Args:
        generator: G, trained. It is evaluated, never trained.
        encoder: E, a ``Refiner``.
    """

    def __init__(self, generator: Generator, encoder: Encoder, **kwargs: Any) -> None:
        if not encoder.steps:
            raise ValueError(
                "IterativeEncoder needs an encoder that sees what G makes of its answer: wrap it as Refiner(encoder),"
                f" got {type(encoder).__name__}"
            )
        super().__init__(generator, encoder, **kwargs)

    def e_loss(self, batch: Any) -> Terms:
        """L_E: ``image`` and ``latent``."""
        x, y = batch
        z = self.prior(len(x))
        image = torch.stack([F.mse_loss(made, x) for _, made in self.way(x, y)]).mean()
        latent = torch.stack([F.mse_loss(found, z) for found, _ in self.way(self.image(z, y), y)]).mean()
        return {"image": image, "latent": self.latent_weight * latent}

    def way(self, x: Tensor, y: Tensor | None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield z_1 and G(z_1) to z_T and G(z_T), each with the gradient of its own step alone."""
        z = self.G.prior.start().to(x).expand(len(x), -1)
        seen = self.image(z, y)
        for _ in range(self.E.steps):
            z = z.detach() + self.E.change(x, seen.detach(), y if self.E.num_classes else None)
            seen = self.image(z, y)
            yield z, seen

    def image(self, z: Tensor, y: Tensor | None) -> Tensor:
        """Return G(z), or of a conditional G G(z, y)."""
        return told(self.G, z, y if self.G.num_classes else None)
