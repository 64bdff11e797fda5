"""What games that translate images share: a generator that is told an image, and what D is shown of it."""

import inspect
from collections.abc import Sequence
from typing import TypeVar

import torch
from lightning.pytorch.utilities.types import STEP_OUTPUT
from torch import Tensor, nn

from ganzoo.config import build
from ganzoo.engine.optim import Adam, Optimizer
from ganzoo.models.generative import Generative, some_images
from ganzoo.roles import Discriminator, Generator, Images

Network = TypeVar("Network", Generator, Discriminator)
Shape = tuple[int, ...]


class Translation(Generative):
    """Game whose G makes an image y of an image x. A batch is (y, x): what is to be made, and what is told.

    G moves first. What it made is kept for D's turn on the same batch, where it may go through pools.

    Args:
        generator: G: x [N, C', H, W] -> y [N, C, H, W] in [-1, 1]; its condition is ``Images``.
        g_optimizer: How G steps.
        d_optimizer: How D steps; it needs the same ``accumulate`` as G's.
        ema_decay: Decay of G's average per move; 0: no average.

    Raises:
        ValueError: G is told no image.
    """

    conditions = (Images,)
    F: Generator  # of games with a way back
    F_ema: Generator

    def __init__(
        self,
        generator: Generator,
        g_optimizer: Optimizer = Adam(lr=2e-4, beta1=0.5),
        d_optimizer: Optimizer = Adam(lr=2e-4, beta1=0.5),
        ema_decay: float = 0.999,
    ) -> None:
        super().__init__(ema_decay)
        self.y_shape, self.x_shape = generator.image_shape, source_of(generator, type(self).__name__)
        self.hold(G=generator)
        self.g_optimizer, self.d_optimizer = g_optimizer, d_optimizer
        self._made: list[tuple[Tensor, ...]] = []  # by G in its turn, for D's turn: an entry for each part of a batch
        self._passed = 0  # images of this batch that went through the pools already

    def setup(self, stage: str) -> None:
        """Refuse to train where D has other parts of a batch than G made.

        Raises:
            ValueError: the optimizers accumulate differently.
        """
        super().setup(stage)
        g, d = self.g_optimizer.accumulate, self.d_optimizer.accumulate
        if stage == "fit" and "d" in self.players() and g != d:
            raise ValueError(
                f"g_optimizer has accumulate={g}, d_optimizer accumulate={d}: D judges what G made of the same parts of"
                f" a batch, so give both accumulate={max(g, d)}"
            )

    def call(self, network: Generator, x: Tensor) -> Tensor:
        """Return what a generator makes of images x [N, C', H, W], each with a z of its own."""
        z = network.prior.sample(len(x), x.device).to(x.dtype)
        made: Tensor = network(z, x)
        return made

    def training_step(self, batch: object, batch_idx: int) -> STEP_OUTPUT:
        """Give every player its turn; what G made is kept for this batch alone."""
        self._made, self._passed = [], 0
        return super().training_step(batch, batch_idx)

    def pooled(self, pools: nn.ModuleList) -> list[Tensor]:
        """Return what D is shown in place of what G made of this part of the batch, as many images of each kind.

        The images of all ranks go through one pool of each kind; this rank is shown its share of what comes out.
        """
        made = self._made.pop(0)
        n, world = len(made[0]), 1 if self._trainer is None else self._trainer.world_size
        before, mine = self.images_seen + self._passed, slice(self.global_rank * n, (self.global_rank + 1) * n)
        self._passed += n * world
        kinds = enumerate(zip(pools, made, strict=True))
        return [pool(self.joint(new), before, self.seed + k)[mine] if pool.size else new for k, (pool, new) in kinds]

    def judged(self, discriminator: Discriminator, y: Tensor, x: Tensor) -> Tensor:
        """Return D's logits of images y, or of pairs (y, x) if that is what it judges."""
        pair = isinstance(discriminator.condition, Images)
        logits: Tensor = discriminator(y, x) if pair else discriminator(y)
        return logits

    @torch.no_grad()
    def check_shapes(self) -> None:
        """Pass two images through all networks.

        Raises:
            ValueError: a network returns something of the wrong shape.
        """
        super().check_shapes()
        published = self.published
        for name in ("", "_back"):
            G, D = published.get(f"generator{name}"), published.get(f"discriminator{name}")
            if isinstance(G, Generator) and isinstance(D, Discriminator):
                y, x = some_images(G, 2)
                assert x is not None
                mode = D.training
                check_logits(self.judged(D.eval(), y, x), f"discriminator{name}")
                D.train(mode)


def check_logits(logits: Tensor, name: str) -> None:
    """Check that D has logits of two images.

    Raises:
        ValueError: it has not.
    """
    if logits.ndim not in (1, 2) or len(logits) != 2:
        raise ValueError(f"{name} must return logits of shape [N] or [N, patches], got {list(logits.shape)} for N = 2")


def source_of(generator: Generator, game: str) -> Shape:
    """Return (C', H, W) of the images that a generator is told.

    Raises:
        ValueError: it is told none.
    """
    if not isinstance(generator.condition, Images):
        raise ValueError(
            f"{game} translates: its generator must be told Images, as ResNetTranslator and UNetTranslator are, got"
            f" {type(generator).__name__}"
        )
    return generator.condition.shape


def only_images(discriminator: Discriminator, game: str) -> None:
    """Check that D judges an image by itself.

    Raises:
        ValueError: it judges pairs.
    """
    if isinstance(discriminator.condition, Images):
        raise ValueError(f"{game} has no pairs: its discriminator must judge images alone (sees='image')")


def back(network: Network, image_shape: Sequence[int], source_shape: Sequence[int]) -> Network:
    """Return a new network like another one, with weights of its own, for the way back.

    Args:
        network: Of the way there.
        image_shape: (C, H, W) of what the new one makes or judges.
        source_shape: (C, H, W) of what it is told.

    Raises:
        ValueError: there is none for these shapes.
    """
    config, takes = network.config(), inspect.signature(type(network)).parameters
    shapes = {"image_shape": list(image_shape), "source_shape": list(source_shape)}
    given = {key: shape for key, shape in shapes.items() if key in takes}
    made: Network = build({**config, "init_args": {**config["init_args"], **given}})
    told = list(made.condition.shape) if isinstance(made.condition, Images) else shapes["source_shape"]
    if [list(made.image_shape), told] != list(shapes.values()):
        raise ValueError(
            f"{type(network).__name__} has no way back, from images {tuple(source_shape)} to {tuple(image_shape)}: let"
            " it take arguments image_shape and source_shape"
        )
    return made


def not_negative(**weights: float) -> None:
    """Check the weights of terms.

    Raises:
        ValueError: one is negative.
    """
    for name, weight in weights.items():
        if weight < 0:
            raise ValueError(f"{name} must not be negative, got {weight}")
