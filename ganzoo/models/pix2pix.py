"""Translation learnt from pairs."""

from typing import Any

from torch.nn.functional import l1_loss

from ganzoo.engine.turns import Player, Terms
from ganzoo.losses.objectives import NonSaturating, Objective
from ganzoo.models.translation import Translation, not_negative
from ganzoo.roles import Discriminator, Generator


class Pix2Pix(Translation):
    """Translator G: x -> y that learns from pairs: near the y of the pair, and such that D takes (x, G(x)) for a pair.

        L_D = -(E_{x,y}[log D(x, y)] + E_{x,z}[log(1 - D(x, G(x, z)))]) / 2
        L_G = -γ E_{x,z}[log D(x, G(x, z))] + λ E_{x,y,z}[|y - G(x, z)|₁]                        (Eqs. 1, 3 and 4)

    |.|₁ is a mean over pixels and channels, the logarithms have one over the patches that D judges. A D that judges
    pairs makes it cGAN + L1; one that judges y alone (``sees="image"``) GAN + L1; λ = 0 is either without L1, and γ = 0
    L1 alone, in which D does not play (Table 1). With L1 alone G learns the median of each pixel, which is a blur. z is
    the dropout of ``UNetTranslator``.

    Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", 2017.
    https://arxiv.org/abs/1611.07004
    Differs from the paper: G moves before D, on the same images; an average of G's weights.

    Args:
        generator: G.
        discriminator: D: pairs (y, x), or images y -> logits, [N] or [N, patches].
        objective: The scalar functions of the logit.
        l1_weight: λ.
        gan_weight: γ.

    Raises:
        ValueError: a weight is negative, or both are 0.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        objective: Objective = NonSaturating(),
        l1_weight: float = 100.0,
        gan_weight: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator, **kwargs)
        not_negative(l1_weight=l1_weight, gan_weight=gan_weight)
        if not l1_weight and not gan_weight:
            raise ValueError("l1_weight and gan_weight are 0: nothing is left to learn from")
        self.D, self.objective = discriminator, objective
        self.l1_weight, self.gan_weight = l1_weight, gan_weight

    def players(self) -> dict[str, Player]:
        """G moves, then D, if anybody listens to it."""
        players = {"g": Player(self.g_loss, [self.G], self.g_optimizer)}
        if self.gan_weight:
            players["d"] = Player(self.d_loss, [self.D], self.d_optimizer)
        return players

    def g_loss(self, batch: Any) -> Terms:
        """L_G: of ``adv`` and ``l1`` those whose weight is not 0."""
        y, x = batch
        Gx = self.call(self.G, x)
        self._made.append((Gx.detach(),))
        terms: Terms = {}
        if self.gan_weight:
            terms["adv"] = self.gan_weight * self.objective.g(self.judged(self.D, Gx, x))
        if self.l1_weight:
            terms["l1"] = self.l1_weight * l1_loss(Gx, y)
        return terms

    def d_loss(self, batch: Any) -> Terms:
        """L_D."""
        y, x = batch
        (Gx,) = self._made.pop(0)
        return {"adv": self.objective.d(self.judged(self.D, y, x), self.judged(self.D, Gx, x)) / 2}
