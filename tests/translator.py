"""The smallest networks that translate, and pairs to feed them."""

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from ganzoo.data import Digits
from ganzoo.priors import Normal
from ganzoo.roles import Discriminator, Generator, Images, Translator

SHAPE = (1, 8, 8)


class Translate(Generator):
    """G: an image of the other set -> an image of this one; with a z it drops hidden channels."""

    def __init__(self, image_shape=SHAPE, width: int = 4, dim: int = 0) -> None:
        super().__init__(image_shape, Normal(dim), condition=Images(image_shape))
        self.hidden = nn.Conv2d(image_shape[0], width, 3, padding=1)
        self.out = nn.Conv2d(width, image_shape[0], 1)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        dropped = (1 + z.sign())[:, :, None, None] if self.prior.dim else 1
        return self.out(silu(self.hidden(y)) * dropped).tanh()


class Halving(Translator):
    """G of images of any size whose sides 4 divides; z drops units of its smallest map."""

    multiple = 4

    def __init__(self, image_shape=SHAPE, source_shape=None, width: int = 4, least: int = 4) -> None:
        self.width, self.least = width, least
        super().__init__(image_shape, source_shape, self.dim_of(*image_shape[1:]))
        self.down = nn.Conv2d(self.source_shape[0], width, 4, 4)
        self.up = nn.ConvTranspose2d(width, image_shape[0], 4, 4)

    def dim_of(self, height: int, width: int) -> int:
        if min(height, width) < self.least:
            raise ValueError(f"sides must be {self.least} or more, got {height} x {width}")
        return self.width * (height // 4) * (width // 4)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        small = self.down(y)
        return self.up(silu(small) * (1 + z.sign().reshape(small.shape))).tanh()


class OfImages(Discriminator):
    """D: an image, or a pair of them -> logits of four patches."""

    def __init__(self, image_shape=SHAPE, source_shape=SHAPE, sees="image", width: int = 8) -> None:
        super().__init__(image_shape)
        if sees == "pair":
            self.condition = Images(source_shape)
        channels = image_shape[0] + (source_shape[0] if sees == "pair" else 0)
        self.net = nn.Sequential(nn.Conv2d(channels, width, 4, 4), nn.SiLU(), nn.Conv2d(width, 1, 1, bias=False))

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.net(x if y is None else torch.cat([x, y], dim=1)).flatten(1)


class Negatives(Digits):
    """Pairs (b, a): digits, and their negatives to translate."""

    name, classifier, source_shape = "Negatives", "", SHAPE

    def read(self, split: str) -> tuple[Tensor, Tensor]:
        images, _ = super().read(split)
        return images, 255 - images

    @property
    def classes(self) -> tuple[str, ...]:
        return ()
