"""The two-player game between a generator and a discriminator, and the variants that differ in its objective."""

from typing import Any

import torch

from ganzoo.engine.optim import Adam, Optimizer
from ganzoo.engine.turns import Player, Terms
from ganzoo.losses.objectives import Hinge, LeastSquares, Minimax, NonSaturating, Objective
from ganzoo.models.generative import Generative, some_images
from ganzoo.roles import Discriminator, Generator, told


class GAN(Generative):
    """Generative adversarial network; the minimax game.

        L_D = -E_x[log D(x)] - E_z[log(1 - D(G(z)))]
        L_G =  E_z[log(1 - D(G(z)))]                                  (Eq. 1, both minimised, D = σ(logit))

    Each player's scalar functions come from ``objective``. G is judged, sampled and published through ``G_ema``, a
    moving average of its weights.

    Goodfellow et al., "Generative Adversarial Networks", 2014. https://arxiv.org/abs/1406.2661
    Differs from the paper: Adam, and the average of G's weights.

    Args:
        generator: G: z [N, dim] -> images [N, C, H, W] in [-1, 1]; it carries the prior of z.
        discriminator: D: images -> logits [N].
        objective: The scalar functions of the logit.
        d_optimizer: How D steps.
        g_optimizer: How G steps.
        n_critic: D moves per G move (the paper's k); G moves on every ``n_critic``-th batch.
        ema_decay: Decay of G's average per move of G; 0: no average.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        objective: Objective = Minimax(),
        d_optimizer: Optimizer = Adam(lr=2e-4, beta1=0.5),
        g_optimizer: Optimizer = Adam(lr=2e-4, beta1=0.5),
        n_critic: int = 1,
        ema_decay: float = 0.999,
    ) -> None:
        super().__init__(ema_decay)
        if n_critic < 1:
            raise ValueError(f"n_critic must be at least 1, got {n_critic}")
        self.hold(G=generator)
        self.D = discriminator
        self.objective = objective
        self.d_optimizer, self.g_optimizer = d_optimizer, g_optimizer
        self.n_critic = n_critic

    def players(self) -> dict[str, Player]:
        """D moves on every batch, G on every ``n_critic``-th."""
        return {
            "d": Player(self.d_loss, [self.D], self.d_optimizer),
            "g": Player(self.g_loss, [self.G], self.g_optimizer, every=self.n_critic),
        }

    def d_loss(self, batch: Any) -> Terms:
        """L_D."""
        x, _ = batch
        return {"adv": self.objective.d(self.D(x), self.D(self.G(self.prior(len(x)))))}

    def g_loss(self, batch: Any) -> Terms:
        """L_G."""
        x, _ = batch
        return {"adv": self.objective.g(self.D(self.G(self.prior(len(x)))))}

    @torch.no_grad()
    def check_shapes(self) -> None:
        """Pass a few images through all networks.

        Raises:
            ValueError: what a network returns has the wrong shape, or the data's images or classes are not G's.
        """
        super().check_shapes()
        self.check_discriminator()

    def check_discriminator(self) -> None:
        """Check D's logits on two images of G, or two packs of them."""
        check_discriminator(self.D, self.trained.generator)


def check_discriminator(discriminator: Discriminator, generator: Generator) -> None:
    """Check D's logits on two of G's images (two packs of them, if D judges several images together).

    Raises:
        ValueError: names the shape that was expected and the one that came.
    """
    pack, classes = getattr(discriminator, "pack", 1), getattr(discriminator, "num_classes", 0)
    x, y = some_images(generator, 2 * pack)
    mode = discriminator.training
    discriminator.eval()
    logits = told(discriminator, x, y if classes else None)
    discriminator.train(mode)
    if tuple(logits.shape) != (2,):
        expected = "[N]" if pack == 1 else f"[N / {pack}]"
        raise ValueError(
            f"discriminator must return logits of shape {expected}, got {list(logits.shape)} for N = {2 * pack}"
        )


class NSGAN(GAN, objective=NonSaturating()):
    """GAN whose generator maximises log D(G(z)), which does not saturate where D is sure.

        L_D = -E_x[log D(x)] - E_z[log(1 - D(G(z)))]
        L_G = -E_z[log D(G(z))]                                       (section 3)

    Goodfellow et al., "Generative Adversarial Networks", 2014. https://arxiv.org/abs/1406.2661
    """


class LSGAN(GAN, objective=LeastSquares(a=0.0, b=1.0, c=1.0)):
    """GAN whose logits are regressed on targets: a for generated, b for real images, c is what G wants.

        L_D = E_x[(D(x) - b)²] / 2 + E_z[(D(G(z)) - a)²] / 2
        L_G = E_z[(D(G(z)) - c)²] / 2                                 (Eq. 2; D is the logit itself)

    (a, b, c) = (0, 1, 1) is the 0-1 coding (Eq. 9), (-1, 1, 0) minimises Pearson's χ² (Eq. 8).

    Mao et al., "Least Squares Generative Adversarial Networks", 2017. https://arxiv.org/abs/1611.04076
    """


class HingeGAN(GAN, objective=Hinge()):
    """GAN with the hinge loss: D stops caring about an image once it is right by a margin of 1.

        L_D = E_x[max(0, 1 - D(x))] + E_z[max(0, 1 + D(G(z)))]
        L_G = -E_z[D(G(z))]                                           (Eqs. 16, 17; D is the logit itself)

    Lim & Ye, "Geometric GAN", 2017. https://arxiv.org/abs/1705.02894
    Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018. https://arxiv.org/abs/1802.05957
    """


class DCGAN(GAN, objective=NonSaturating()):
    """Deep convolutional GAN: the non-saturating game on strided convolutions with batch norm.

        L_D = -E_x[log D(x)] - E_z[log(1 - D(G(z)))]
        L_G = -E_z[log D(G(z))]

    What makes it DCGAN are its networks (``DCGANGenerator``, ``DCGANDiscriminator``) and Adam with lr 2e-4, β1 0.5.
    Real and generated images go through D in separate batches: batch norm must not mix them.

    Radford et al., "Unsupervised Representation Learning with DCGANs", 2016. https://arxiv.org/abs/1511.06434
    """
