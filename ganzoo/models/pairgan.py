"""BiGAN between two sets of images."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ganzoo.engine.turns import Player, Terms
from ganzoo.models.pool import Pool
from ganzoo.models.translation import Translation, back
from ganzoo.roles import Discriminator, Generator, Images


class PairGAN(Translation):
    """BiGAN with an image in the place of z: D tells pairs (x, G(x)) from pairs (F(y), y), which G and F make alike.

        L_D  = E_x[(D(x, G(x)) - 1)²] + E_y[D(F(y), y)²]
        L_GF = E_x[D(x, G(x))²] + E_y[(D(F(y), y) - 1)²]

    It is the row "BiGAN/ALI" in the comparison of CycleGAN's paper (section 5.1.1). Where D cannot tell the pairs apart
    F inverts G. D sees both kinds of pair through pools of earlier ones.

    Donahue et al., "Adversarial Feature Learning", 2017. https://arxiv.org/abs/1605.09782
    Zhu et al., "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", 2017.
    https://arxiv.org/abs/1703.10593
    Differs from BiGAN: least squares, as in the comparison; averages of G's and F's weights.

    Args:
        generator: G. F is one like it, for the way back.
        discriminator: D: pairs (y, x) -> logits, [N] or [N, patches].
        pool: How many pairs of each kind are kept for D; 0: none, it sees the newest only.

    Raises:
        ValueError: D does not judge pairs.
    """

    names: ClassVar[dict[str, str]] = {"generator": "G", "generator_back": "F", "discriminator": "D"}

    def __init__(self, generator: Generator, discriminator: Discriminator, pool: int = 50, **kwargs: Any) -> None:
        super().__init__(generator, **kwargs)
        if not isinstance(discriminator.condition, Images):
            raise ValueError("PairGAN's discriminator must judge pairs: make it with sees='pair'")
        self.hold(F=back(generator, self.x_shape, self.y_shape))
        self.D = discriminator
        both = (self.y_shape[0] + self.x_shape[0], *self.y_shape[1:])
        self.pools = nn.ModuleList([Pool(pool, both), Pool(pool, both)])

    def players(self) -> dict[str, Player]:
        """G and F move together, then D."""
        return {
            "gf": Player(self.gf_loss, [self.G, self.F], self.g_optimizer),
            "d": Player(self.d_loss, [self.D], self.d_optimizer),
        }

    def gf_loss(self, batch: Any) -> Terms:
        """L_GF: ``g`` of pairs of G, ``f`` of pairs of F."""
        y, x = batch
        Gx, Fy = self.call(self.G, x), self.call(self.F, y)
        self._made.append((torch.cat([Gx.detach(), x], dim=1), torch.cat([y, Fy.detach()], dim=1)))
        return {"g": self.D(Gx, x).square().mean(), "f": (self.D(y, Fy) - 1).square().mean()}

    def d_loss(self, batch: Any) -> Terms:
        """L_D: ``g`` of pairs of G, ``f`` of pairs of F."""
        of_g, of_f = (self.apart(pairs) for pairs in self.pooled(self.pools))
        return {"g": (self.D(*of_g) - 1).square().mean(), "f": self.D(*of_f).square().mean()}

    def apart(self, pairs: Tensor) -> tuple[Tensor, Tensor]:
        """Return y and x of pairs that were put together by their channels."""
        n = self.y_shape[0]
        return pairs[:, :n], pairs[:, n:]
