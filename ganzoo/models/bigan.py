"""The game of a generator and an encoder against a discriminator of pairs: BiGAN, which is also ALI."""

from typing import Any

import torch
from torch import Tensor

from ganzoo.engine.optim import Adam, Optimizer
from ganzoo.engine.turns import Player, Terms
from ganzoo.losses.objectives import NonSaturating, Objective
from ganzoo.models.generative import Generative, check_encoder, some_images
from ganzoo.priors import Normal, Prior, Uniform
from ganzoo.roles import Encoder, Generator, JointDiscriminator


class BiGAN(Generative):
    """Bidirectional GAN: D tells pairs (x, E(x)) from pairs (G(z), z); G and E are one player, who makes them alike.

        L_D = -E_x[log D(x, E(x))] - E_z[log(1 - D(G(z), z))]                     (D = σ(logit))
        L_G = L_E = -E_x[log(1 - D(x, E(x)))] - E_z[log D(G(z), z)]               (Algorithm 1 of ALI)

    The best D is p / (p + q) for the densities p of (x, E(x)) and q of (G(z), z). Where p = q, L_D = log 4 and E
    inverts G. E's pairs are the "real" ones. With ``posterior="gaussian"`` E is stochastic, z is a draw from E(z|x)
    and the game is ALI; with "point" it is BiGAN.

    E must be able to return what the prior returns, or D tells the pairs apart by the size of z: for a uniform prior E
    ends in a tanh (``output="tanh"``) and is no distribution, for a normal one it has no bounds. Before E is judged
    its batch norm gets new statistics, as in the paper.

    Donahue et al., "Adversarial Feature Learning", 2017. https://arxiv.org/abs/1605.09782
    Dumoulin et al., "Adversarially Learned Inference" (ALI), 2017. https://arxiv.org/abs/1606.00704
    Differs from the papers: D moves before G and E, not at the same time; averages of G's and E's weights. BiGAN's
    code has half of each loss.

    Args:
        generator: G: z [N, dim] -> images [N, C, H, W] in [-1, 1]; it carries the prior of z.
        encoder: E: images -> z [N, dim].
        discriminator: D: images, z [N, dim] -> logits [N].
        objective: The scalar functions of the logit, with real(t) = fake(-t). G and E minimise gen(t) on pairs of G
            and gen(-t) on pairs of E.
        d_optimizer: How D steps.
        g_optimizer: How G and E step.
        ema_decay: Decay of G's and E's averages per move; 0: no average.

    Raises:
        ValueError: D does not judge pairs of G's images and latents, E cannot return what the prior does, or the
            objective is not symmetric.
    """

    def __init__(
        self,
        generator: Generator,
        encoder: Encoder,
        discriminator: JointDiscriminator,
        objective: Objective = NonSaturating(),
        d_optimizer: Optimizer = Adam(lr=2e-4, beta1=0.5),
        g_optimizer: Optimizer = Adam(lr=2e-4, beta1=0.5),
        ema_decay: float = 0.999,
    ) -> None:
        super().__init__(ema_decay)
        check_encoder(encoder, generator)
        check_pairs(discriminator, generator)
        check_range(encoder, generator.prior)
        check_symmetry(objective)
        self.hold(G=generator, E=encoder)
        self.D = discriminator
        self.objective = objective
        self.d_optimizer, self.g_optimizer = d_optimizer, g_optimizer

    def players(self) -> dict[str, Player]:
        """D moves, then G and E together."""
        return {
            "d": Player(self.d_loss, [self.D], self.d_optimizer),
            "ge": Player(self.ge_loss, [self.G, self.E], self.g_optimizer),
        }

    def logits(self, batch: Any) -> tuple[Tensor, Tensor]:
        """Return D's logits of the pairs (x, E(x)) and (G(z), z), each [N]."""
        x, _ = batch
        z = self.prior(len(x))
        return self.D(x, self.E.draw(x)), self.D(self.G(z), z)

    def d_loss(self, batch: Any) -> Terms:
        """L_D."""
        encoded, generated = self.logits(batch)
        return {"adv": self.objective.d(encoded, generated)}

    def ge_loss(self, batch: Any) -> Terms:
        """L_G = L_E."""
        encoded, generated = self.logits(batch)
        return {"adv": self.objective.g(generated) + self.objective.g(-encoded)}

    @torch.no_grad()
    def check_shapes(self) -> None:
        """Pass a few images through all networks.

        Raises:
            ValueError: what a network returns has the wrong shape, or the data's images are not G's.
        """
        super().check_shapes()
        x, _ = some_images(self.trained.generator, 2)
        mode = self.D.training
        self.D.eval()
        logits = self.D(x, self.trained.encode(x))
        self.D.train(mode)
        if tuple(logits.shape) != (2,):
            raise ValueError(f"discriminator must return logits of shape [N], got {list(logits.shape)} for N = 2")


def check_pairs(discriminator: JointDiscriminator, generator: Generator) -> None:
    """Check that D judges pairs of G's kind of image and G's kind of latent.

    Raises:
        ValueError: names what differs.
    """
    if not isinstance(discriminator, JointDiscriminator):
        raise ValueError(
            "BiGAN's discriminator must judge pairs (x, z): use MLPJointDiscriminator or DCGANJointDiscriminator,"
            f" got {type(discriminator).__name__}"
        )
    if discriminator.dim != generator.prior.dim:
        raise ValueError(
            f"discriminator must take latents of {generator.prior.dim} numbers, as G does: got dim={discriminator.dim}"
        )
    if discriminator.image_shape != generator.image_shape:
        raise ValueError(
            f"discriminator takes images {discriminator.image_shape}, the generator makes {generator.image_shape}"
        )


def check_range(encoder: Encoder, prior: Prior) -> None:
    """Check that E can return what the prior returns: otherwise D needs nothing but z to tell the pairs apart.

    Raises:
        ValueError: names what differs.
    """
    if prior.codes:
        raise ValueError("BiGAN's prior has no codes, which no E could return: use Normal or Uniform")
    if isinstance(prior, Uniform) and not encoder.bounded:
        raise ValueError(
            "with a uniform prior E's output must be bounded: make it with output='tanh'"
            " (an encoder of your own says bounded = True)"
        )
    if isinstance(prior, Uniform) and encoder.posterior != "point":
        raise ValueError("with a uniform prior E must be deterministic, or its draws leave [-1, 1]: posterior='point'")
    if isinstance(prior, Normal) and encoder.bounded:
        raise ValueError("with a normal prior E's output must not be bounded: make it with output='linear'")


def check_symmetry(objective: Objective) -> None:
    """Check that an objective treats the two kinds of pairs alike, so that G and E may be given the same loss.

    Raises:
        ValueError: real(t) is not fake(-t).
    """
    t = torch.linspace(-3, 3, 7, device="cpu")
    if not torch.allclose(objective.real(t), objective.fake(-t)):
        raise ValueError(
            f"BiGAN needs an objective with real(t) = fake(-t), which {type(objective).__name__} with these arguments"
            " is not: use NonSaturating, Minimax, Hinge or LeastSquares(a=-1, b=1, c=1)"
        )
