"""Wasserstein GANs: D is a critic that must be Lipschitz."""

from typing import Any

import torch
from torch import Tensor

from ganzoo.engine.optim import Adam, RMSprop
from ganzoo.engine.turns import Terms
from ganzoo.losses.objectives import Wasserstein
from ganzoo.losses.penalties import with_input_gradient
from ganzoo.models.gan import GAN
from ganzoo.roles import Discriminator, Generator


class WGAN(GAN, objective=Wasserstein(), n_critic=5, d_optimizer=RMSprop(lr=5e-5), g_optimizer=RMSprop(lr=5e-5)):
    """Wasserstein GAN: clipping the critic's weights keeps it Lipschitz.

        L_D = E_z[D(G(z))] - E_x[D(x)],    L_G = -E_z[D(G(z))],    |w| ≤ c for all weights w of D   (Algorithm 1)

    -L_D estimates the Wasserstein-1 distance up to the critic's Lipschitz constant. Batch norm in D, whose weights
    are clipped too, makes it learn faster, as in the paper's own code.

    Arjovsky et al., "Wasserstein GAN", 2017. https://arxiv.org/abs/1701.07875

    Args:
        clip: c.
        d_optimizer: How the critic steps; momentum makes it unstable.
    """

    def __init__(self, generator: Generator, discriminator: Discriminator, clip: float = 0.01, **kwargs: Any) -> None:
        super().__init__(generator, discriminator, **kwargs)
        if clip <= 0:
            raise ValueError(f"clip must be positive, got {clip}")
        self.clip = clip

    @torch.no_grad()
    def after_turn(self, player: str) -> None:
        """Clip the critic's weights after its move; average G after its own."""
        super().after_turn(player)
        if player == "d":
            weights: list[Tensor] = list(self.D.parameters())
            torch._foreach_clamp_max_(weights, self.clip)
            torch._foreach_clamp_min_(weights, -self.clip)


class WGANGP(
    GAN,
    objective=Wasserstein(),
    n_critic=5,
    d_optimizer=Adam(lr=1e-4, beta1=0.0, beta2=0.9),
    g_optimizer=Adam(lr=1e-4, beta1=0.0, beta2=0.9),
):
    """Wasserstein GAN whose critic is kept 1-Lipschitz by a gradient penalty.

        L_D = E[D(G(z))] - E[D(x)] + λ E[(|∇D(x̂)| - 1)²],    x̂ = ε x + (1-ε) G(z),  ε ~ U[0,1]    (Eq. 3)
        L_G = -E[D(G(z))]

    ε is drawn for each image, and the norm is over all pixels of one image. D must score each image by itself:
    layer norm, not batch norm.

    Gulrajani et al., "Improved Training of Wasserstein GANs", 2017. https://arxiv.org/abs/1704.00028

    Args:
        gp_weight: λ.
    """

    def __init__(
        self, generator: Generator, discriminator: Discriminator, gp_weight: float = 10.0, **kwargs: Any
    ) -> None:
        super().__init__(generator, discriminator, **kwargs)
        if gp_weight < 0:
            raise ValueError(f"gp_weight must not be negative, got {gp_weight}")
        self.gp_weight = gp_weight

    def d_loss(self, batch: Any) -> Terms:
        """L_D: ``adv`` and the penalty ``gp``."""
        x, _ = batch
        fake = self.G(self.prior(len(x)))
        eps = torch.rand(len(x), *[1] * (x.ndim - 1), device=x.device, dtype=x.dtype)
        _, slope = with_input_gradient(self.D, eps * x + (1 - eps) * fake)
        return {
            "adv": self.objective.d(self.D(x), self.D(fake)),
            "gp": self.gp_weight * (slope.norm(dim=1) - 1).square().mean(),
        }
