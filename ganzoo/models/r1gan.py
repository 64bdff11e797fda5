"""The non-saturating GAN with a zero-centred gradient penalty on real images."""

from typing import Any

from ganzoo.engine.turns import Terms
from ganzoo.losses.objectives import NonSaturating
from ganzoo.losses.penalties import with_input_gradient
from ganzoo.models.gan import GAN
from ganzoo.roles import Discriminator, Generator


class R1GAN(GAN, objective=NonSaturating()):
    """GAN that converges locally because D is kept flat on the data.

        L_D = E_x[softplus(-D(x))] + E_z[softplus(D(G(z)))] + γ/2 E_x[|∇D(x)|²]      (Eq. 9; D is the logit)
        L_G = E_z[softplus(-D(G(z)))]

    The squared norm is summed over the pixels of each image, and penalises the logit, not σ(D). With
    ``r1_every`` > 1 the penalty is taken on every such batch only, that many times as strong. D must score each
    image by itself: no batch norm.

    Mescheder et al., "Which Training Methods for GANs do actually Converge?", 2018. https://arxiv.org/abs/1801.04406

    Args:
        gamma: γ.
        r1_every: Batches between two penalties.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        gamma: float = 10.0,
        r1_every: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator, discriminator, **kwargs)
        if gamma < 0 or r1_every < 1:
            raise ValueError(f"gamma must not be negative and r1_every at least 1, got {gamma} and {r1_every}")
        self.gamma, self.r1_every = gamma, r1_every

    def d_loss(self, batch: Any) -> Terms:
        """L_D: ``adv`` and, on batches where it is due, the penalty ``r1``."""
        x, _ = batch
        fake = self.D(self.G(self.prior(len(x))))
        if not self.due(self.r1_every):
            return {"adv": self.objective.d(self.D(x), fake)}
        real, slope = with_input_gradient(self.D, x)
        return {
            "adv": self.objective.d(real, fake),
            "r1": self.r1_every * self.gamma / 2 * slope.square().sum(dim=1).mean(),
        }
