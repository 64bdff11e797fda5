"""Variational autoencoders: games of one player, who moves the encoder and the generator together."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ganzoo.engine.optim import Adam, Optimizer
from ganzoo.engine.turns import Player, Terms
from ganzoo.losses.likelihoods import Bernoulli, Likelihood
from ganzoo.models.generative import Generative, check_encoder, some_images
from ganzoo.priors import Gaussian, Normal
from ganzoo.roles import Classes, Encoder, Generator, Given, check_images

AT_ONCE = 256  # images that are evaluated at once
Posteriors = Iterator[tuple[Gaussian, Tensor, Tensor | None]]


class VAE(Generative):
    """Variational autoencoder: E and G maximise a lower bound of log p(x), the ELBO.

        L_EG = -E_{q(z|x)}[log p(x|z)] + KL(q(z|x) || p(z)),    KL = Σ (μ² + σ² - 1 - log σ²) / 2
        q(z|x) = E(x) = N(μ, diag(σ²)),    p(z) = N(0, I),    z = μ + σ ε with ε ~ N(0, I), one per image

    Both terms are nats per image: sums over pixels and over latents, means over the batch. A mean over pixels would
    weigh the KL as many times more as there are pixels.

    Kingma & Welling, "Auto-Encoding Variational Bayes", 2014. https://arxiv.org/abs/1312.6114
    Differs from the paper: Adam, and the averages of the weights.

    Args:
        generator: G: z [N, dim] -> images [N, C, H, W] in [-1, 1], with the prior ``Normal``.
        encoder: E: images -> q(z|x), with ``posterior="gaussian"``.
        likelihood: p(x|z).
        optimizer: How both step.
        ema_decay: Decay of the averages per move; 0: no average.

    Raises:
        ValueError: the prior is not N(0, I), E has no Gaussian posterior, or E does not belong to G.
    """

    def __init__(
        self,
        generator: Generator,
        encoder: Encoder,
        likelihood: Likelihood = Bernoulli(),
        optimizer: Optimizer = Adam(lr=1e-3, beta1=0.9),
        ema_decay: float = 0.999,
    ) -> None:
        super().__init__(ema_decay)
        check_encoder(encoder, generator)
        name = type(self).__name__
        if not isinstance(generator.prior, Normal):
            raise ValueError(
                f"{name} needs a generator with the prior N(0, I), got {type(generator.prior).__name__}:"
                f" make it with prior=Normal(dim={generator.prior.dim})"
            )
        if encoder.posterior != "gaussian":
            raise ValueError(
                f"{name} needs an encoder that has a distribution, got one with posterior={encoder.posterior!r}:"
                " make it with posterior='gaussian'"
            )
        if encoder.num_classes not in (0, generator.num_classes):
            raise ValueError(
                f"encoder is conditioned on {encoder.num_classes} classes, the generator on {generator.num_classes}:"
                f" make the encoder with num_classes={generator.num_classes}"
            )
        self.hold(G=generator, E=encoder)
        self.likelihood = likelihood
        self.optimizer = optimizer

    def players(self) -> dict[str, Player]:
        """E and G are one player."""
        return {"eg": Player(self.eg_loss, [self.E, self.G], self.optimizer)}

    def eg_loss(self, batch: Any) -> Terms:
        """L_EG: ``nll`` and ``kl``."""
        x, _ = batch
        q = self.E.distribution(x)
        return {"nll": -self.likelihood.log_prob(self.G, q.draw(), x).mean(), "kl": q.kl().mean()}

    @torch.no_grad()
    def check_shapes(self) -> None:
        """Pass a few images through all networks.

        Raises:
            ValueError: what a network returns has the wrong shape or no likelihood, or the data's images or classes
                are not G's.
        """
        super().check_shapes()
        self.elbo(*some_images(self.trained.generator, 2))

    # -- how well the averages explain images

    @torch.no_grad()
    def elbo(self, x: Tensor, condition: Given = None) -> Tensor:
        """Return log p(x|z) - KL(q(z|x) || p(z)), [N], in nats: of one z ~ q(z|x), so that its mean is the ELBO.

        Args:
            x: Images in [-1, 1].
            condition: One class for all, or one per image; only for a conditional game.

        Raises:
            ValueError: x or the condition are not what the game takes.
        """
        parts = self.posteriors(x, condition)
        return torch.cat([self.likelihood.log_prob(self.G_ema, q.draw(), x, y) - q.kl() for q, x, y in parts])

    @torch.no_grad()
    def log_likelihood(self, x: Tensor, k: int, condition: Given = None) -> Tensor:
        """Return log Σ_k p(x|z_k) p(z_k) / q(z_k|x) / K, [N], in nats, with z_1 ... z_K ~ q(z|x).

        Its mean is at most log p(x), grows with K and comes to it; K = 1 has the mean of the ELBO.

        Burda et al., "Importance Weighted Autoencoders", 2016. https://arxiv.org/abs/1509.00519

        Args:
            x: Images in [-1, 1].
            k: K, draws per image.
            condition: One class for all, or one per image; only for a conditional game.

        Raises:
            ValueError: ``k`` is not positive, or x or the condition are not what the game takes.
        """
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")

        def log_weight(q: Gaussian, x: Tensor, y: Tensor | None) -> Tensor:
            z = q.draw()
            return self.likelihood.log_prob(self.G_ema, z, x, y) + self.G_ema.prior.log_prob(z) - q.log_prob(z)

        parts = [torch.stack([log_weight(*part) for _ in range(k)]) for part in self.posteriors(x, condition)]
        return torch.cat(parts, dim=1).logsumexp(dim=0) - math.log(k)

    def posteriors(self, x: Tensor, condition: Given) -> Posteriors:
        """Cut images into parts that are evaluated at once, and return of each q(z|x), the images and G's labels."""
        check_images(x, self.E.image_shape)
        y = self.G.condition.check(condition, len(x))
        like = next(self.E_ema.parameters())
        for rows in torch.arange(len(x)).split(AT_ONCE):
            part, told = x[rows].to(like), None if y is None else y[rows].to(like.device)
            yield self.E_ema.distribution(part, told if self.E.num_classes else None), part, told


class BetaVAE(VAE):
    """VAE whose posterior is held nearer to the prior, which disentangles its latents.

        L_EG = -E_{q(z|x)}[log p(x|z)] + β KL(q(z|x) || p(z))

    β = 1 is the VAE, β = 0 an autoencoder with noise in its latents. The term ``kl`` is logged with its weight;
    ``elbo`` and ``log_likelihood`` are without it. Between data sets, compare β times latents per pixel.

    Higgins et al., "β-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework", 2017.
    https://openreview.net/forum?id=Sy2fzU9gl
    Differs from the paper: Adam, and the averages of the weights.

    Args:
        beta: β, the weight of the KL.

    Raises:
        ValueError: ``beta`` is negative, or the networks are not a VAE's.
    """

    def __init__(self, generator: Generator, encoder: Encoder, beta: float = 4.0, **kwargs: Any) -> None:
        super().__init__(generator, encoder, **kwargs)
        if beta < 0:
            raise ValueError(f"beta must not be negative, got {beta}: 1 is the VAE")
        self.beta = beta

    def eg_loss(self, batch: Any) -> Terms:
        """L_EG: ``nll`` and ``kl``, the latter times β."""
        x, _ = batch
        q = self.E.distribution(x)
        return {"nll": -self.likelihood.log_prob(self.G, q.draw(), x).mean(), "kl": self.beta * q.kl().mean()}


class CVAE(VAE):
    """Conditional VAE: G is told the class y, and E too if it is made with ``num_classes``.

        L_EG = -E_{q(z|x,y)}[log p(x|z, y)] + KL(q(z|x,y) || p(z))

    With an E that is not told, q(z|x), only the decoder is conditional. In both forms z is independent of y under
    the prior, so that what is left in it is the rest, such as the style of a digit.

    Sohn et al., "Learning Structured Output Representation using Deep Conditional Generative Models", 2015.
    https://proceedings.neurips.cc/paper/2015/hash/8d55a249e6baa5c06772297520da2051-Abstract.html
    Differs from the paper: the prior of z does not depend on the condition.

    Args:
        generator: G: z [N, dim], y [N] -> images.
        encoder: E: images, and y [N] if it is conditional -> q; conditioned on as many classes as G.
    """

    conditions = (Classes,)

    def eg_loss(self, batch: Any) -> Terms:
        """L_EG: ``nll`` and ``kl``."""
        x, y = batch
        q = self.E.distribution(x, y) if self.E.num_classes else self.E.distribution(x)
        return {"nll": -self.likelihood.log_prob(self.G, q.draw(), x, y).mean(), "kl": q.kl().mean()}
