"""Translation between two sets of images, without pairs."""

from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn.functional import l1_loss

from ganzoo.engine.turns import Player, Terms
from ganzoo.models.pool import Pool
from ganzoo.models.translation import Translation, back, not_negative, only_images
from ganzoo.roles import Discriminator, Generator


class CycleGAN(Translation):
    """Two translators, G: X -> Y and F: Y -> X, each of which undoes the other; no pairs are needed.

        L_GF = γ (E_x[(D_Y(G(x)) - 1)²] + E_y[(D_X(F(y)) - 1)²])
               + λ_f E_x[|F(G(x)) - x|₁] + λ_b E_y[|G(F(y)) - y|₁]
               + λ_i (E_y[|G(y) - y|₁] + E_x[|F(x) - x|₁])                              (Eqs. 1 to 3; section 5.2)
        L_D  = (E_y[(D_Y(y) - 1)²] + E_x[D_Y(G(x))²] + E_x[(D_X(x) - 1)²] + E_y[D_X(F(y))²]) / 2

    |.|₁ is a mean over pixels and channels, the squares have one over the patches that D judges. D sees G(x) and F(y)
    through a pool of earlier ones. (λ_f, λ_b, γ) = (10, 10, 1) is the whole loss, (0, 0, 1) GAN alone, (10, 0, 1) GAN +
    forward, (0, 10, 1) GAN + backward, (10, 10, 0) cycle alone, in which D does not play (Tables 4 and 5). Any two maps
    that undo each other have no cycle loss, the identity first of all: only D knows what an image of Y looks like.

    Zhu et al., "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", 2017.
    https://arxiv.org/abs/1703.10593
    Differs from the paper: averages of G's and F's weights. λ_i is 0, as in the code of the paper's tables; the later
    code has 5.

    Args:
        generator: G. F is one like it, for the way back.
        discriminator: D_Y: images -> logits, [N] or [N, patches]. D_X is one like it.
        forward_weight: λ_f.
        backward_weight: λ_b.
        identity_weight: λ_i: it keeps the colours of what already looks right.
        gan_weight: γ.
        pool: How many images of each kind are kept for D; 0: none, it sees the newest only.

    Raises:
        ValueError: a weight is negative, all are 0, D judges pairs, or λ_i is not 0 though X and Y differ in shape.
    """

    names: ClassVar[dict[str, str]] = {
        "generator": "G",
        "generator_back": "F",
        "discriminator": "D_Y",
        "discriminator_back": "D_X",
    }

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        forward_weight: float = 10.0,
        backward_weight: float = 10.0,
        identity_weight: float = 0.0,
        gan_weight: float = 1.0,
        pool: int = 50,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator, **kwargs)
        not_negative(forward_weight=forward_weight, backward_weight=backward_weight)
        not_negative(identity_weight=identity_weight, gan_weight=gan_weight)
        if not any((forward_weight, backward_weight, identity_weight, gan_weight)):
            raise ValueError(
                "forward_weight, backward_weight, identity_weight and gan_weight are 0: nothing is left to learn from"
            )
        self.forward_weight, self.backward_weight = forward_weight, backward_weight
        self.identity_weight, self.gan_weight = identity_weight, gan_weight
        only_images(discriminator, "CycleGAN")
        if identity_weight and self.y_shape != self.x_shape:
            raise ValueError(f"identity_weight compares G(y) with y: images {self.x_shape} and {self.y_shape} differ")
        self.hold(F=back(generator, self.x_shape, self.y_shape))
        self.D_Y, self.D_X = discriminator, back(discriminator, self.x_shape, self.y_shape)
        self.pools = nn.ModuleList([Pool(pool, self.y_shape), Pool(pool, self.x_shape)])

    def players(self) -> dict[str, Player]:
        """G and F move together, then both D, if anybody listens to them."""
        players = {"gf": Player(self.gf_loss, [self.G, self.F], self.g_optimizer)}
        if self.gan_weight:
            players["d"] = Player(self.d_loss, [self.D_Y, self.D_X], self.d_optimizer)
        return players

    def gf_loss(self, batch: Any) -> Terms:
        """L_GF: of ``adv``, ``forward``, ``backward`` and ``identity`` those whose weight is not 0."""
        y, x = batch
        Gx, Fy = self.call(self.G, x), self.call(self.F, y)
        self._made.append((Gx.detach(), Fy.detach()))
        terms: Terms = {}
        if self.gan_weight:
            adv = (self.D_Y(Gx) - 1).square().mean() + (self.D_X(Fy) - 1).square().mean()
            terms["adv"] = self.gan_weight * adv
        if self.forward_weight:
            terms["forward"] = self.forward_weight * l1_loss(self.call(self.F, Gx), x)
        if self.backward_weight:
            terms["backward"] = self.backward_weight * l1_loss(self.call(self.G, Fy), y)
        if self.identity_weight:
            same = l1_loss(self.call(self.G, y), y) + l1_loss(self.call(self.F, x), x)
            terms["identity"] = self.identity_weight * same
        return terms

    def d_loss(self, batch: Any) -> Terms:
        """L_D: ``y`` of D_Y and ``x`` of D_X."""
        y, x = batch
        Gx, Fy = self.pooled(self.pools)
        return {"y": squares(self.D_Y(y), self.D_Y(Gx)), "x": squares(self.D_X(x), self.D_X(Fy))}


def squares(real: Tensor, fake: Tensor) -> Tensor:
    """Return (E[(real - 1)²] + E[fake²]) / 2."""
    return ((real - 1).square().mean() + fake.square().mean()) / 2
