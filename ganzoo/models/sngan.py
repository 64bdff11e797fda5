"""Games that their networks make: spectral normalisation and self-attention."""

from typing import Any

from ganzoo.engine.optim import Adam, Optimizer
from ganzoo.losses.objectives import Hinge, Objective
from ganzoo.models.gan import GAN
from ganzoo.roles import Discriminator, Generator


class SNGAN(GAN):
    """Spectrally normalised GAN: the hinge game with a D whose layers are 1-Lipschitz.

        L_D = E_x[max(0, 1 - D(x))] + E_z[max(0, 1 + D(G(z)))],    L_G = -E_z[D(G(z))]     (Eqs. 16, 17)
        every weight of D is W / σ(W), σ its largest singular value                          (Eq. 8)

    The normalisation is the discriminator's ``norm="spectral"``.

    Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018. https://arxiv.org/abs/1802.05957

    Args:
        n_critic: D moves per G move.
        d_optimizer: How D steps.
        g_optimizer: How G steps.
        objective: The scalar functions of the logit.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        n_critic: int = 5,
        d_optimizer: Optimizer = Adam(lr=2e-4, beta1=0.0, beta2=0.9),
        g_optimizer: Optimizer = Adam(lr=2e-4, beta1=0.0, beta2=0.9),
        objective: Objective = Hinge(),
        **kwargs: Any,
    ) -> None:
        super().__init__(
            generator,
            discriminator,
            objective=objective,
            n_critic=n_critic,
            d_optimizer=d_optimizer,
            g_optimizer=g_optimizer,
            **kwargs,
        )


class SAGAN(GAN):
    """Self-attention GAN: the hinge game on networks that attend, with a faster D instead of more steps of it.

        L_D = E_x[max(0, 1 - D(x))] + E_z[max(0, 1 + D(G(z)))],    L_G = -E_z[D(G(z))]     (Eq. 4)

    Attention is the networks' ``attention=4`` (on maps of a quarter of the image's side), spectral normalisation
    is in G too, ``norm="batch+spectral"``. The two learning rates (TTUR) follow Heusel et al., https://arxiv.org/abs/1706.08500.

    Zhang et al., "Self-Attention Generative Adversarial Networks", 2019. https://arxiv.org/abs/1805.08318

    Args:
        d_optimizer: How D steps.
        g_optimizer: How G steps.
        objective: The scalar functions of the logit.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        d_optimizer: Optimizer = Adam(lr=4e-4, beta1=0.0, beta2=0.9),
        g_optimizer: Optimizer = Adam(lr=1e-4, beta1=0.0, beta2=0.9),
        objective: Objective = Hinge(),
        **kwargs: Any,
    ) -> None:
        super().__init__(
            generator, discriminator, objective=objective, d_optimizer=d_optimizer, g_optimizer=g_optimizer, **kwargs
        )
