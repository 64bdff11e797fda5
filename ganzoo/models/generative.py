"""What games with a generator share: its prior and samples, an encoder if there is one, averages of the weights."""

import torch
from torch import Tensor, nn

from ganzoo.engine.averages import Average, averaged
from ganzoo.engine.game import Game
from ganzoo.inference import Inference, Labels
from ganzoo.roles import Encoder, Generator


class Generative(Game):
    """Game with a generator G, and maybe an encoder E, which are judged and published as averages of their weights.

        average ← d average + (1 - d) weights after each move,    d = min(``ema_decay``, m / (9 + m)) at the m-th

    Args:
        generator: G: z [N, dim] -> images [N, C, H, W] in [-1, 1]; it carries the prior of z.
        encoder: E: images -> z [N, dim]; none: the game cannot encode.
        ema_decay: Decay of the averages per move; 0: no average.

    Raises:
        ValueError: ``ema_decay`` outside [0, 1), or E does not belong to G.
    """

    conditional: bool = False  # whether G is told the class

    def __init__(self, generator: Generator, encoder: Encoder | None = None, ema_decay: float = 0.999) -> None:
        super().__init__()
        if not 0 <= ema_decay < 1:
            raise ValueError(f"ema_decay must be in [0, 1), got {ema_decay}")
        self.G, self.G_ema = generator, averaged(generator)
        self.ema_decay = ema_decay
        self._averages: list[Average] = []
        if encoder is not None:
            check_encoder(encoder, generator)
            self.E, self.E_ema = encoder, averaged(encoder)

    def prior(self, n: int) -> Tensor:
        """Draw z, [n, dim]."""
        z = self.G.prior.sample(n, self.device)
        return z if self.dtype == z.dtype else z.to(self.dtype)

    @property
    def published(self) -> Inference:
        """The averages, ready to be used."""
        return Inference(self.G_ema, getattr(self, "E_ema", None))

    def sample(self, n: int, seed: int = 0, labels: Labels = None) -> Tensor:
        """Return the images of seeds ``seed`` to ``seed + n - 1``, [n, C, H, W] in [-1, 1], from G's average."""
        return self.published.sample(n, seed, labels)

    def encode(self, x: Tensor, labels: Labels = None) -> Tensor:
        """Return the latents z, [N, dim], of images x in [-1, 1], from E's average."""
        return self.published.encode(x, labels)

    def reconstruct(self, x: Tensor, labels: Labels = None) -> Tensor:
        """Return G(E(x)), [N, C, H, W] in [-1, 1], from the averages; labels as in ``Inference``."""
        return self.published.reconstruct(x, labels)

    # -- averages

    def averages(self) -> list[tuple[str, nn.Module, nn.Module]]:
        """Return (player, average, network): the average follows the network whenever the player has moved."""
        pairs: list[tuple[str, nn.Module, nn.Module]] = [("g", self.G_ema, self.G)]
        return [*pairs, ("g", self.E_ema, self.E)] if hasattr(self, "E_ema") else pairs

    def train(self, mode: bool = True) -> "Generative":
        """Set the mode of all networks but the averages, which are only ever evaluated."""
        super().train(mode)
        for _, average, _ in self.averages():
            average.eval()
        return self

    def on_train_start(self) -> None:
        """Check what the networks return, once; list the weights that are averaged."""
        super().on_train_start()
        self.check_shapes()
        every = {name: player.every for name, player in self.players().items()}
        self._averages = [Average(name, every[name], *pair) for name, *pair in self.averages()]

    @torch.no_grad()
    def after_turn(self, player: str) -> None:
        """Average what the player moved; buffers (batch norm statistics) are copied, not averaged."""
        for average in self._averages:
            if average.player == player:
                moves = (self.global_step + 1) // average.every
                average.follow(min(self.ema_decay, moves / (9 + moves)))  # the first forget the untrained sooner

    # -- checks

    @torch.no_grad()
    def check_shapes(self) -> None:
        """Pass a few images through the networks.

        Raises:
            ValueError: G's images or E's latents have the wrong shape, or the data's images or classes are not G's.
        """
        data = getattr(self._trainer, "datamodule", None)
        expected, K = self.G.image_shape, self.G.num_classes
        if data is not None and tuple(getattr(data, "image_shape", expected)) != expected:
            raise ValueError(f"the data has images of shape {tuple(data.image_shape)}, the generator makes {expected}")
        if K and not self.conditional:
            raise ValueError(f"{type(self).__name__} is unconditional: its generator must have num_classes=0")
        if self.conditional and not K:
            raise ValueError(f"{type(self).__name__} is conditional: its generator needs num_classes, such as 10")
        if self.conditional and data is not None and getattr(data, "num_classes", K) != K:
            raise ValueError(f"the data has {data.num_classes} classes, the generator is conditioned on {K}")
        x, y = some_images(self.G_ema, 2)
        if hasattr(self, "E_ema"):
            z = self.E_ema(x, y) if self.E_ema.num_classes else self.E_ema(x)
            if tuple(z.shape) != (2, self.G.prior.dim):
                raise ValueError(f"encoder must return latents of shape {[2, self.G.prior.dim]}, got {list(z.shape)}")


def check_encoder(encoder: Encoder, generator: Generator) -> None:
    """Check that E inverts G's kind of image to G's kind of latent.

    Raises:
        ValueError: names what differs.
    """
    if encoder.dim != generator.prior.dim:
        dim = generator.prior.dim
        raise ValueError(
            f"encoder must return latents of {dim} numbers, as G takes: got {encoder.dim}; make it with dim={dim}"
        )
    if encoder.image_shape != generator.image_shape:
        raise ValueError(f"encoder takes images {encoder.image_shape}, the generator makes {generator.image_shape}")


def some_images(generator: Generator, n: int) -> tuple[Tensor, Tensor | None]:
    """Return images of the first ``n`` seeds, of class 0 if G is conditional, and their labels.

    Raises:
        ValueError: they have another shape than G says.
    """
    like = next(generator.parameters())
    z = generator.prior.seeded(range(n), like.device).to(like.dtype)
    y = torch.zeros(n, dtype=torch.long, device=like.device) if generator.num_classes else None
    x = generator(z) if y is None else generator(z, y)
    if tuple(x.shape) != (n, *generator.image_shape):
        raise ValueError(f"generator must return images of shape {[n, *generator.image_shape]}, got {list(x.shape)}")
    return x, y
