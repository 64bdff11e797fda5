"""The GAN whose generator looks ahead."""

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

from ganzoo.engine.turns import Terms
from ganzoo.models.gan import GAN
from ganzoo.roles import Discriminator, Generator


class UnrolledGAN(GAN):
    """GAN whose generator plays against the discriminator that there will be in K steps.

        θ_D^0 = θ_D,    θ_D^{k+1} = θ_D^k - η ∇ L_D(θ_G, θ_D^k)                       (Eqs. 6 to 8, K = ``n_unroll``)
        L_D = -E_x[log D(x)] - E_z[log(1 - D(G(z)))],    L_G = -L_D(θ_G, θ_D^K)       (Eqs. 2, 10, 11)

    The K steps are those of D's own optimizer, from its present state and on the batch at hand; G's gradient goes
    through them, to where its move drives D. D itself takes one ordinary step. With K = 0 it is the minimax GAN.

    Metz et al., "Unrolled Generative Adversarial Networks", 2017. https://arxiv.org/abs/1611.02163

    Args:
        n_unroll: K.
        objective: The scalar functions of the logit; only those of D are played.
    """

    def __init__(self, generator: Generator, discriminator: Discriminator, n_unroll: int = 5, **kwargs: Any) -> None:
        super().__init__(generator, discriminator, **kwargs)
        if n_unroll < 0:
            raise ValueError(f"n_unroll must not be negative, got {n_unroll}")
        self.n_unroll = n_unroll

    def g_loss(self, batch: Any) -> Terms:
        """L_G."""
        x, _ = batch
        fake = self.G(self.prior(len(x)))
        with torch.compiler.set_stance("force_eager"):  # torch.compile has no double backward
            return {"adv": -self.judged(self.unroll(x, fake), x, fake)}

    def unroll(self, x: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """Return θ_D^K, differentiable with respect to the generated images."""
        step = self.rehearse("d")
        weights = {name: p.detach().requires_grad_() for name, p in self.D.named_parameters()}
        for _ in range(self.n_unroll):
            loss = self.judged(weights, x, fake)
            gradients = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
            weights = dict(zip(weights, step(list(weights.values()), self.rank_means(gradients)), strict=True))
        return weights

    def judged(self, weights: dict[str, Tensor], x: Tensor, fake: Tensor) -> Tensor:
        """Return L_D of a discriminator with these weights."""
        D = partial(functional_call, self.D, weights)
        return self.objective.d(D((x,)), D((fake,)))
