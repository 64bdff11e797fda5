"""A small translator between two sets of pictures: two generators, images as conditions, no z; and pairs to feed it."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.data import Digits
from ganzoo.engine import Adam, Optimizer, Player, Terms
from ganzoo.losses import LeastSquares
from ganzoo.models.generative import Generative
from ganzoo.priors import Normal
from ganzoo.roles import Discriminator, Generator, Images
from tests.zoo import SHAPE, FromImage


class Translate(Generator):
    """G: an image of the other set -> an image of this one."""

    def __init__(self, image_shape=SHAPE, width: int = 4) -> None:
        super().__init__(image_shape, Normal(dim=0), condition=Images(image_shape))
        self.net = nn.Sequential(
            nn.Conv2d(image_shape[0], width, 3, padding=1), nn.SiLU(), nn.Conv2d(width, image_shape[0], 1), nn.Tanh()
        )

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.net(y)


class SmallCycle(Generative):
    """CycleGAN without its image pool.

    L_D = E_b[(D(b) - 1)²] / 2 + E_a[D(G(a))²] / 2, and the same of D_back, a and G_back
    L_G = E_a[(D(G(a)) - 1)²] / 2 + E_b[(D_back(G_back(b)) - 1)²] / 2 + λ (|G_back(G(a)) - a|₁ + |G(G_back(b)) - b|₁)
    """

    names = {
        "generator": "G",
        "generator_back": "G_back",
        "discriminator": "D",
        "discriminator_back": "D_back",
    }
    conditions = (Images,)

    def __init__(
        self,
        generator: Generator,
        generator_back: Generator,
        discriminator: Discriminator,
        discriminator_back: Discriminator,
        cycle_weight: float = 10.0,
        optimizer: Optimizer = Adam(lr=1e-2, beta1=0.5),
        ema_decay: float = 0.5,
    ) -> None:
        super().__init__(ema_decay)
        self.hold(G=generator, G_back=generator_back)
        self.D, self.D_back = discriminator, discriminator_back
        self.cycle_weight, self.optimizer, self.objective = cycle_weight, optimizer, LeastSquares()

    def players(self) -> dict[str, Player]:
        return {
            "d": Player(self.d_loss, [self.D, self.D_back], self.optimizer),
            "g": Player(self.g_loss, [self.G, self.G_back], self.optimizer),
        }

    def nothing(self, x: Tensor) -> Tensor:
        return x.new_empty(len(x), 0)

    def d_loss(self, batch: Any) -> Terms:
        b, a = batch
        to_b, to_a = self.G(self.nothing(a), a), self.G_back(self.nothing(b), b)
        return {
            "b": self.objective.d(self.D(b), self.D(to_b)),
            "a": self.objective.d(self.D_back(a), self.D_back(to_a)),
        }

    def g_loss(self, batch: Any) -> Terms:
        b, a = batch
        none = self.nothing(a)
        to_b, to_a = self.G(none, a), self.G_back(none, b)
        cycle = F.l1_loss(self.G_back(none, to_b), a) + F.l1_loss(self.G(none, to_a), b)
        return {
            "b": self.objective.g(self.D(to_b)),
            "a": self.objective.g(self.D_back(to_a)),
            "cycle": self.cycle_weight * cycle,
        }


class Negatives(Digits):
    """Pairs (b, a): digits, and their negatives to translate."""

    name, classifier = "Negatives", ""

    def read(self, split: str) -> tuple[Tensor, Tensor]:
        images, _ = super().read(split)
        return images, 255 - images

    @property
    def classes(self) -> tuple[str, ...]:
        return ()


def translator(seed: int = 0) -> SmallCycle:
    """Return one with reproducible weights."""
    torch.manual_seed(seed)
    return SmallCycle(Translate(), Translate(), FromImage(), FromImage())
