"""A game whose generator pays for what passes from z to the image."""

from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.engine.optim import RMSprop
from ganzoo.engine.turns import Player, Terms
from ganzoo.losses.objectives import NonSaturating
from ganzoo.models.gan import GAN
from ganzoo.roles import ChannelGenerator, Discriminator, Encoder, Generator


class IBGAN(
    GAN,
    objective=NonSaturating(),
    d_optimizer=RMSprop(lr=1e-6, momentum=0.9),
    g_optimizer=RMSprop(lr=5e-5, momentum=0.9),
):
    """Information-bottleneck GAN: InfoGAN on z, which reaches the image through a noisy channel e(r|z) that costs.

        min_{G,e,q} max_D  V(D, G) - [I^L - β I^U],    r ~ e(r|z),  x = G(r)
        I^L = E_{p(z)} E_{e(r|z)} E_{p(x|r)}[log q(z|x)] + H(z)  <=  I(z; x)
        I^U = E_{p(z)}[KL(e(r|z) || N(0, I))]  >=  I(z; r)  >=  I(z; x)
        L_D = -E_x[log D(x)] - E_z[log(1 - D(G(r)))]
        L_G = -E_z[log D(G(r))] - I^L + β I^U

    q(z|x) = N(ẑ(x), I), so that with H(z) of N(0, I)

        I^L = dim z / 2 - E|z - ẑ(x)|² / 2    (at most dim z / 2, 0 if ẑ knows nothing)

    is logged as -``info``, and β I^U as ``kl``. β = 0 leaves InfoGAN on normal codes; a large β makes r ignore z.
    G, e and q are one player. G with its channel is ``Bottleneck``: its latent is [z, ε], so that a seed is an image,
    and an image is encoded as [ẑ(x), 0], which G decodes through r̂ = μ(ẑ(x)).

    Jeon et al., "IB-GAN: Disentangled Representation Learning with Information Bottleneck Generative Adversarial
    Networks", 2021. https://arxiv.org/abs/2510.20165

    Differs from the released code (https://github.com/insujeon/IB-GAN): D and G move on latents of
    their own; q sees the images without instance noise, which here belongs to D (``InstanceNoise``) and is not
    clamped; averages of G, e and q are judged.

    Args:
        generator: G and e, ``Bottleneck(G)``.
        discriminator: D.
        encoder: q: images -> ẑ, a point of as many numbers as z has.
        beta: β.
        g_optimizer: How G, e and q step.

    Raises:
        ValueError: G has no channel, q does not fit it, or β is negative.
    """

    G: ChannelGenerator
    G_ema: ChannelGenerator

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        encoder: Encoder,
        beta: float = 0.141,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator, discriminator, **kwargs)
        check_channel(generator, encoder)
        if beta < 0:
            raise ValueError(f"beta must not be negative, got {beta}")
        self.beta = beta
        self.hold(E=Padded(encoder, self.G.prior.dim - encoder.dim))

    def players(self) -> dict[str, Player]:
        """D moves on every batch; G with e, and q, on every ``n_critic``-th."""
        return {
            "d": Player(self.d_loss, [self.D], self.d_optimizer),
            "g": Player(self.g_loss, [self.G, self.E], self.g_optimizer, every=self.n_critic),
        }

    def g_loss(self, batch: Any) -> Terms:
        """L_G: ``adv``, ``info`` and ``kl``."""
        x, _ = batch
        latents = self.prior(len(x))
        fake = self.G(latents)
        lower, upper = bounds(self.G, latents, self.E(fake))
        return {"adv": self.objective.g(self.D(fake)), "info": -lower, "kl": self.beta * upper}

    @torch.no_grad()
    def represent(self, x: Tensor) -> Tensor:
        """Return r̂ = μ(ẑ(x)), [N, dim of r], of images x in [-1, 1], from the averages: q, then e."""
        return self.G_ema.posterior(self.encode(x)[:, : self.G_ema.dim]).mean

    @torch.no_grad()
    def information_bounds(self, n: int, seed: int = 0) -> dict[str, float]:
        """Return I^L as "lower" and I^U as "upper", in nats, of ``n`` seeds from ``seed`` on, from the averages."""
        z = self.trained.latents(n, seed)
        zhat = self.encode(self.trained.decode(z))
        lower, upper = bounds(self.G_ema, z.to(zhat), zhat)
        return {"lower": lower.item(), "upper": upper.item()}

    def values(self, n: int) -> dict[str, float]:
        """Return I^L and I^U of the images of the first ``n`` seeds, in nats."""
        return {f"information_{side}": value for side, value in self.information_bounds(n).items()}


def bounds(G: ChannelGenerator, latents: Tensor, zhat: Tensor) -> tuple[Tensor, Tensor]:
    """Return (I^L, I^U) of latents [z, ε] and of what q reads in their images, [N, ≥ dim of z]."""
    z = latents[:, : G.dim]
    lower = (G.dim - (z - zhat[:, : G.dim]).square().sum(dim=1).mean()) / 2
    return lower, G.posterior(z).kl().mean()


def check_channel(generator: Generator, encoder: Encoder) -> None:
    """Check that z goes through a channel, and that q can read it back.

    Raises:
        ValueError: names what is missing or differs.
    """
    if not isinstance(generator, ChannelGenerator):
        name = type(generator).__name__
        raise ValueError(f"IBGAN's generator needs a channel e(r|z): wrap it as Bottleneck(generator), got {name}")
    if encoder.posterior != "point":
        raise ValueError(f"IBGAN's encoder is the mean of q: make it with posterior='point', got {encoder.posterior!r}")
    if encoder.num_classes:
        raise ValueError(f"IBGAN's encoder must be unconditional, got one of {encoder.num_classes} classes")
    if encoder.dim != generator.dim:
        raise ValueError(
            f"IBGAN's encoder must return the {generator.dim} numbers of the Bottleneck's z, got {encoder.dim}"
        )
    if encoder.image_shape != generator.image_shape:
        raise ValueError(f"encoder takes images {encoder.image_shape}, the generator makes {generator.image_shape}")


class Padded(Encoder):
    """An encoder whose latents are followed by zeros: x -> [E(x), 0].

    Args:
        encoder: A deterministic E.
        n_zeros: How many zeros.
    """

    def __init__(self, encoder: Encoder, n_zeros: int) -> None:
        super().__init__(encoder.image_shape, encoder.dim + n_zeros, num_classes=encoder.num_classes)
        self.encoder, self.n_zeros = encoder, n_zeros

    def numbers(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return [E(x), 0], [N, dim], of images x [N, *image_shape] and labels y [N]."""
        return nn.functional.pad(self.encoder(x, y), (0, self.n_zeros))
