"""The relativistic pairing GAN with gradient penalties on real and generated images."""

from typing import Any

from ganzoo.engine.optim import Adam
from ganzoo.engine.turns import Terms
from ganzoo.losses.objectives import NonSaturating
from ganzoo.losses.penalties import with_input_gradient
from ganzoo.models.gan import GAN
from ganzoo.roles import Discriminator, Generator


class R3GAN(
    GAN,
    objective=NonSaturating(),
    d_optimizer=Adam(lr=2e-4, beta1=0.0, beta2=0.99),
    g_optimizer=Adam(lr=2e-4, beta1=0.0, beta2=0.99),
):
    """GAN in which each generated image is compared with a real one, and D is kept flat around both.

        L_D = E_{x,z}[f(D(x) - D(G(z)))] + γ/2 E_x[|∇D(x)|²] + γ/2 E_z[|∇D(G(z))|²]
        L_G = E_{x,z}[f(D(G(z)) - D(x))],    f(t) = softplus(-t)             (Eq. 2 and section 2.2)

    Image i of the batch is paired with generated image i: no means over the batch. A constant added to D changes
    nothing. Without R2 (the last term) training diverges; D must score each image by itself: no batch norm.

    Huang et al., "The GAN is dead; long live the GAN! A Modern Baseline GAN", 2024. https://arxiv.org/abs/2501.05441
    Differs from the paper: γ and Adam's β2 are constant, where the paper anneals them over training.

    Args:
        gamma: γ of both penalties.
        objective: Its function of the logits of real images is f.
    """

    def __init__(self, generator: Generator, discriminator: Discriminator, gamma: float = 0.05, **kwargs: Any) -> None:
        super().__init__(generator, discriminator, **kwargs)
        if gamma < 0:
            raise ValueError(f"gamma must not be negative, got {gamma}")
        self.gamma = gamma

    def d_loss(self, batch: Any) -> Terms:
        """L_D: ``adv``, ``r1`` and ``r2``."""
        x, _ = batch
        real, at_real = with_input_gradient(self.D, x)
        fake, at_fake = with_input_gradient(self.D, self.G(self.prior(len(x))))
        return {
            "adv": self.objective.real(real - fake).mean(),
            "r1": self.gamma / 2 * at_real.square().sum(dim=1).mean(),
            "r2": self.gamma / 2 * at_fake.square().sum(dim=1).mean(),
        }

    def g_loss(self, batch: Any) -> Terms:
        """L_G."""
        x, _ = batch
        return {"adv": self.objective.real(self.D(self.G(self.prior(len(x)))) - self.D(x)).mean()}
