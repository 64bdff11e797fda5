"""GANs with an encoder that learns to return the latent of a generated image."""

from typing import Any

from torch import Tensor

from ganzoo.engine.optim import Adam, Optimizer
from ganzoo.engine.turns import Player, Terms
from ganzoo.losses.objectives import NonSaturating
from ganzoo.models.gan import GAN
from ganzoo.models.generative import check_encoder
from ganzoo.roles import Discriminator, Encoder, Generator


class LatentRegressor(GAN, objective=NonSaturating()):
    """GAN beside which an encoder learns to invert G; it never sees a real image.

        L_D = -E_x[log D(x)] - E_z[log(1 - D(G(z)))]
        L_G = -E_z[log D(G(z))]
        L_E =  E_z[|z - E(G(z))|²] / dim z

    The best E is the posterior mean E[z | G(z)], which is G's inverse where G has one. D, G and E move in this
    order, and G and D as if there were no E.

    All networks are in training mode when E moves: with batch norm G makes the images that D is shown, and E's
    statistics are those of generated images. ``Evaluate`` gives E's average those of real ones; so does
    ``ganzoo.networks.batch_norm``.

    Donahue et al., "Adversarial Feature Learning", 2017 ("LR"). https://arxiv.org/abs/1605.09782
    Differs from the paper: the squared error, where the paper's z is uniform and its loss the cross-entropy between
    (z + 1) / 2 and σ(E); the players move one after the other; averages of G's and E's weights.

    Args:
        generator: G: z [N, dim] -> images [N, C, H, W] in [-1, 1]; it carries the prior of z.
        encoder: E: images -> z [N, dim]; deterministic.
        discriminator: D: images -> logits [N].
        e_optimizer: How E steps.

    Raises:
        ValueError: E does not belong to G, or is stochastic.
    """

    def __init__(
        self,
        generator: Generator,
        encoder: Encoder,
        discriminator: Discriminator,
        e_optimizer: Optimizer = Adam(lr=2e-4, beta1=0.5),
        **kwargs: Any,
    ) -> None:
        super().__init__(generator, discriminator, **kwargs)
        check_regressor(encoder, generator)
        self.hold(E=encoder)
        self.e_optimizer = e_optimizer

    def players(self) -> dict[str, Player]:
        """D and G as in a GAN, then E, on every batch."""
        return {**super().players(), "e": Player(self.e_loss, [self.E], self.e_optimizer)}

    def e_loss(self, batch: Any) -> Terms:
        """L_E."""
        x, _ = batch
        z = self.prior(len(x))
        return {"latent": distance(z, self.E(self.G(z)))}


class JointLatentRegressor(LatentRegressor):
    """GAN whose G is asked to make images from which an encoder can tell their latent.

        L_D = -E_x[log D(x)] - E_z[log(1 - D(G(z)))]
        L_G = -E_z[log D(G(z))] + λ L_E
        L_E =  E_z[|z - E(G(z))|²] / dim z

    E moves by the whole of L_E, G by λ of it. The authors' code has λ = 0.25 and reaches a degenerate solution with
    λ = 1 (its README). D, G and E move in this order, all networks in training mode; statistics of batch
    norm in E as in ``LatentRegressor``.

    Donahue et al., "Adversarial Feature Learning", 2017 ("JLR"). https://arxiv.org/abs/1605.09782
    Differs from the paper: the squared error, where the paper's z is uniform and its loss the cross-entropy between
    (z + 1) / 2 and σ(E); the players move one after the other; averages of G's and E's weights.

    Args:
        latent_weight: λ.

    Raises:
        ValueError: E does not belong to G, or is stochastic, or λ is not positive.
    """

    def __init__(
        self,
        generator: Generator,
        encoder: Encoder,
        discriminator: Discriminator,
        latent_weight: float = 0.25,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator, encoder, discriminator, **kwargs)
        if latent_weight <= 0:
            raise ValueError(f"latent_weight must be positive, got {latent_weight}: without it play LatentRegressor")
        self.latent_weight = latent_weight

    def g_loss(self, batch: Any) -> Terms:
        """L_G: ``adv`` and ``latent``."""
        x, _ = batch
        z = self.prior(len(x))
        fake = self.G(z)
        return {"adv": self.objective.g(self.D(fake)), "latent": self.latent_weight * distance(z, self.E(fake))}


def distance(z: Tensor, guess: Tensor) -> Tensor:
    """Return E[|z - guess|²] / dim of latents [N, dim]: 1 for a guess of 0 at a normal prior, whatever its dim."""
    return (z - guess).square().mean()


def check_regressor(encoder: Encoder, generator: Generator) -> None:
    """Check that E can return the latents of G's images.

    Raises:
        ValueError: names what differs.
    """
    check_encoder(encoder, generator)
    if encoder.posterior != "point":
        raise ValueError(
            f"a latent regressor's encoder must have posterior='point', got {encoder.posterior!r}: its loss does not"
            " move a variance"
        )
