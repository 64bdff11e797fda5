"""The techniques of Salimans et al. for training GANs, as one game."""

from typing import Any

import torch

from ganzoo.engine.turns import Terms
from ganzoo.losses.objectives import NonSaturating
from ganzoo.losses.penalties import HistoricalAverage
from ganzoo.models.gan import GAN
from ganzoo.roles import Discriminator, Generator


class ImprovedGAN(GAN, objective=NonSaturating(real_label=0.9)):
    """GAN whose generator matches the mean of D's features, against a D that is never quite sure.

        L_D = -E_x[α log D(x) + (1-α) log(1 - D(x))] - E_z[log(1 - D(G(z)))]          (section 3.4, α = 0.9)
        L_G = |E_x f(x) - E_z f(G(z))|²                                               (section 3.1)
        both + λ |θ - 1/t Σ_{i≤t} θ_i|²                                               (section 3.3)

    f is ``D.features``. The paper's other techniques are parts of networks: minibatch discrimination (section 3.2,
    ``minibatch="discrimination"`` in D) and virtual batch norm (section 3.5, ``VirtualBatchGenerator``).

    Salimans et al., "Improved Techniques for Training GANs", 2016. https://arxiv.org/abs/1606.03498

    Args:
        history_weight: λ; 0: no historical averaging.
        objective: The scalar functions of the logit; G's is not played. α is ``real_label``.
    """

    def __init__(
        self, generator: Generator, discriminator: Discriminator, history_weight: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(generator, discriminator, **kwargs)
        if history_weight < 0:
            raise ValueError(f"history_weight must not be negative, got {history_weight}")
        if not hasattr(discriminator, "features"):
            raise ValueError(f"{type(discriminator).__name__} has no method features(x) for G to match")
        self.history_weight = history_weight
        if history_weight:
            self.D_history, self.G_history = HistoricalAverage(self.D), HistoricalAverage(self.G)

    def d_loss(self, batch: Any) -> Terms:
        """L_D: ``adv`` and, with a weight, ``history``."""
        x, _ = batch
        terms = {"adv": self.objective.d(self.D(x), self.D(self.G(self.prior(len(x)))))}
        if self.history_weight:
            terms["history"] = self.history_weight * self.D_history.distance(self.D)
        return terms

    def g_loss(self, batch: Any) -> Terms:
        """L_G: ``match`` and, with a weight, ``history``."""
        x, _ = batch
        real = self.D.features(x).flatten(1).mean(dim=0)
        fake = self.D.features(self.G(self.prior(len(x)))).flatten(1).mean(dim=0)
        real, fake = self.rank_means([real, fake])
        terms = {"match": (real - fake).square().sum()}
        if self.history_weight:
            terms["history"] = self.history_weight * self.G_history.distance(self.G)
        return terms

    @torch.no_grad()
    def after_turn(self, player: str) -> None:
        """Take the weights of the player that has moved into their mean."""
        super().after_turn(player)
        if self.history_weight:
            average, network = (self.D_history, self.D) if player == "d" else (self.G_history, self.G)
            average.update(network)
