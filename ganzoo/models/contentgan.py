"""Translation that holds on to what its input looks like."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import l1_loss

from ganzoo.engine.turns import Player, Terms
from ganzoo.models.pool import Pool
from ganzoo.models.translation import Translation, not_negative, only_images
from ganzoo.roles import Discriminator, Generator


class ContentGAN(Translation):
    """Translator G: X -> Y without pairs, whose output must stay like its input.

        L_G = E_x[(D(G(x)) - 1)²] + λ E_x[|φ(G(x)) - φ(x)|₁]
        L_D = (E_y[(D(y) - 1)²] + E_x[D(G(x))²]) / 2

    Without features φ(x) = x: the loss of SimGAN, "pixel loss + GAN" in the comparison of CycleGAN's paper. With a
    network it is "feature loss + GAN", there relu4_2 of VGG-16 (section 5.1.1). |.|₁ is a mean. D sees G(x) through a
    pool of earlier ones. The loss holds G back where X and Y look different: the identity has no content loss.

    Shrivastava et al., "Learning from Simulated and Unsupervised Images through Adversarial Training", 2017.
    https://arxiv.org/abs/1612.07828
    Zhu et al., "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", 2017.
    https://arxiv.org/abs/1703.10593
    Differs from SimGAN: least squares, as in the comparison; an average of G's weights.

    Args:
        generator: G.
        discriminator: D: images -> logits, [N] or [N, patches].
        content_weight: λ.
        features: φ: images of both kinds -> numbers of any shape; None: the pixels. It is never trained.
        pool: How many images are kept for D; 0: none, it sees the newest only.

    Raises:
        ValueError: λ is negative, D judges pairs, or images are compared that differ in shape.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        content_weight: float = 10.0,
        features: nn.Module | None = None,
        pool: int = 50,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator, **kwargs)
        not_negative(content_weight=content_weight)
        only_images(discriminator, "ContentGAN")
        if features is None and self.y_shape != self.x_shape:
            raise ValueError(
                f"without features G(x) is compared with x: images {self.x_shape} and {self.y_shape} differ"
            )
        self.D, self.content_weight = discriminator, content_weight
        self.features = None if features is None else features.requires_grad_(False).eval()
        self.pools = nn.ModuleList([Pool(pool, self.y_shape)])

    def players(self) -> dict[str, Player]:
        """G moves, then D."""
        return {
            "g": Player(self.g_loss, [self.G], self.g_optimizer),
            "d": Player(self.d_loss, [self.D], self.d_optimizer),
        }

    def g_loss(self, batch: Any) -> Terms:
        """L_G: ``adv`` and ``content``."""
        _, x = batch
        Gx = self.call(self.G, x)
        self._made.append((Gx.detach(),))
        φ: Callable[[Tensor], Tensor] = self.features or (lambda image: image)
        return {
            "adv": (self.D(Gx) - 1).square().mean(),
            "content": self.content_weight * l1_loss(φ(Gx), φ(x)),
        }

    def d_loss(self, batch: Any) -> Terms:
        """L_D."""
        y, _ = batch
        (Gx,) = self.pooled(self.pools)
        return {"adv": ((self.D(y) - 1).square().mean() + self.D(Gx).square().mean()) / 2}

    def train(self, mode: bool = True) -> "ContentGAN":
        """Set the mode of G and D: features are only ever evaluated."""
        super().train(mode)
        if self.features is not None:
            self.features.eval()
        return self
