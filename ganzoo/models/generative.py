"""What games with a generator share: its prior and samples, an encoder if there is one, averages of the weights."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from lightning.pytorch.utilities.types import STEP_OUTPUT
from torch import Tensor, nn

from ganzoo.engine.averages import Average, averaged, mover_of
from ganzoo.engine.game import Game
from ganzoo.inference import Inference
from ganzoo.models.batch import as_pair, check_images
from ganzoo.pixels import to_float
from ganzoo.roles import Classes, Condition, Discriminator, Encoder, Generator, Given, Images, Nothing, told


class Generative(Game):
    """Game with a generator G, and maybe an encoder E, which are judged and published as averages of their weights.

        average ← d average + (1 - d) weights after each move,    d = min(``ema_decay``, m / (9 + m)) at the m-th

    An average follows the player whose ``networks`` hold its network.

    Args:
        ema_decay: Decay of the averages per move; 0: no average.

    Raises:
        ValueError: ``ema_decay`` outside [0, 1).
    """

    names: ClassVar[dict[str, str]] = {"generator": "G", "encoder": "E", "labeller": "E_y", "discriminator": "D"}
    conditions: ClassVar[tuple[type[Condition], ...]] = (Nothing,)  # what G may be told
    G: Generator
    G_ema: Generator
    E: Encoder
    E_ema: Encoder

    def __init__(self, ema_decay: float = 0.999) -> None:
        super().__init__()
        if not 0 <= ema_decay < 1:
            raise ValueError(f"ema_decay must be in [0, 1), got {ema_decay}")
        self.ema_decay = ema_decay
        self._averages: list[Average] = []
        self._timed: list[Discriminator] = []
        self._condition: Condition = Nothing()  # of the published G, once training has started

    def hold(self, **networks: nn.Module) -> None:
        """Keep networks under the paper's letters, each with its average: ``G`` and ``G_ema``."""
        for letter, network in networks.items():
            setattr(self, letter, network)
            setattr(self, f"{letter}_ema", averaged(network))

    def prior(self, n: int) -> Tensor:
        """Draw z, [n, dim]."""
        G: Generator = getattr(self, self.names["generator"])
        z = G.prior.sample(n, self.device)
        return z if self.dtype == z.dtype else z.to(self.dtype)

    @property
    def published(self) -> dict[str, nn.Module]:
        """What is used after training, by name: averages where there are any."""
        mine = {name: letter for name, letter in self.names.items() if hasattr(self, letter)}
        return {name: getattr(self, f"{letter}_ema", getattr(self, letter)) for name, letter in mine.items()}

    @property
    def trained(self) -> Inference:
        """The published networks, ready to be used."""
        return Inference(self.published)

    def forward(self, z: Tensor, condition: Given = None) -> Tensor:
        """Return G(z), [N, C, H, W] in [-1, 1], from G's average: as ``Inference`` does."""
        return self.trained(z, condition)

    def sample(
        self,
        n: int | None = None,
        seed: int | None = None,
        condition: Given = None,
        *,
        seeds: Sequence[int] | None = None,
        generator: torch.Generator | None = None,
        truncation: float = 1.0,
    ) -> Tensor:
        """Return images, [n, C, H, W] in [-1, 1], from G's average; the arguments as in ``Inference``."""
        return self.trained.sample(n, seed, condition, seeds=seeds, generator=generator, truncation=truncation)

    def encode(self, x: Tensor, condition: Given = None) -> Tensor:
        """Return the latents z, [N, dim], of images x in [-1, 1], from E's average."""
        return self.trained.encode(x, condition)

    def reconstruct(self, x: Tensor, condition: Given = None) -> Tensor:
        """Return G(E(x)), [N, C, H, W] in [-1, 1], from the averages; the condition as in ``Inference``."""
        return self.trained.reconstruct(x, condition)

    def values(self, n: int) -> dict[str, float]:
        """Return numbers that this game alone can find, of ``n`` of its samples, by name: part of a verdict."""
        return {}

    def codes(self, x: Tensor) -> dict[str, Tensor]:
        """Return what the game reads in images x, by the names of its codes; nothing without codes."""
        return {}

    def __repr__(self) -> str:
        return self.trained.about(f"{type(self).__name__}, trained for {self.batches_done} batches")

    # -- training

    def train(self, mode: bool = True) -> "Generative":
        """Set the mode of all networks but the averages, which are only ever evaluated."""
        super().train(mode)
        for letter in self.averages():
            getattr(self, f"{letter}_ema").eval()
        return self

    def averages(self) -> list[str]:
        """Return the letters of the networks that have an average."""
        return [name.removesuffix("_ema") for name, _ in self.named_children() if name.endswith("_ema")]

    def on_train_start(self) -> None:
        """Check once what the networks return; look up what is averaged, and which networks are told the batch."""
        super().on_train_start()
        self.check_shapes()
        players = self.players()
        self._averages = []
        for letter in self.averages():
            network = getattr(self, letter)
            name = mover_of(network, players)
            self._averages.append(Average(name, players[name].every, getattr(self, f"{letter}_ema"), network))
        self._looked, self._condition = False, self.trained.generator.condition
        self._timed = [network for network in self.modules() if isinstance(network, Discriminator)]

    def training_step(self, batch: object, batch_idx: int) -> STEP_OUTPUT:
        """Tell every D how many batches are done, then give every player that is due its turn."""
        for network in self._timed:
            network.batch = self.global_step
        x, y = as_pair(batch)
        y = self.told_with(x, y)
        if not self._looked:
            check_images(x, self.trained.generator.image_shape)
            if isinstance(self._condition, Images):
                check_images(y, self._condition.shape)
            self._looked = True
        return super().training_step((x, y), batch_idx)

    def told_with(self, x: Tensor, y: Tensor | None) -> Tensor:
        """Return what G is told with images: y, images in [-1, 1]; class 0 if there is none, and nobody asks.

        Raises:
            ValueError: G is conditional, and nothing was handed over with the images.
        """
        translates = isinstance(self._condition, Images)
        if y is None and not isinstance(self._condition, Nothing):
            needed = "sources: let the loader give (targets, sources)"
            needed = needed if translates else "labels: let the loader give (images, labels)"
            raise ValueError(f"{type(self).__name__} needs {needed}, or a dictionary")
        if y is None:
            return x.new_zeros(len(x), dtype=torch.long)
        return to_float(y) if translates else y

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
            ValueError: G's images or E's latents have the wrong shape, or the data's images or classes are not G's; or
                a network that the game names is none of its.
        """
        for name, letter in self.names.items() - Generative.names.items():
            if not isinstance(getattr(self, letter, None), nn.Module):
                raise ValueError(f"{type(self).__name__}.names publishes {letter} as {name!r}, but it has no {letter}")
        data = getattr(self._trainer, "datamodule", None)
        model = self.trained
        G, E, expected = model.generator, model.encoder, model.generator.image_shape
        if data is not None and tuple(getattr(data, "image_shape", expected)) != expected:
            raise ValueError(f"the data has images of shape {tuple(data.image_shape)}, the generator makes {expected}")
        check_condition(type(self), G, data)
        x, y = some_images(G, 2)
        if E is not None:
            z = told(E, x, y if E.num_classes else None)
            if tuple(z.shape) != (2, G.prior.dim):
                raise ValueError(f"encoder must return latents of shape {[2, G.prior.dim]}, got {list(z.shape)}")


def check_condition(game: type[Generative], generator: Generator, data: object) -> None:
    """Check that G is told what the game and the data can tell it.

    Raises:
        ValueError: names what differs.
    """
    condition = generator.condition
    if not isinstance(condition, game.conditions):
        needed = {
            Nothing: "unconditional: its generator must have num_classes=0",
            Classes: "conditional: its generator needs num_classes, such as 10",
        }
        kind = needed.get(game.conditions[0], "a translator: its generator must be told Images")
        raise ValueError(f"{game.__name__} is {kind}")
    if isinstance(condition, Images):
        source = tuple(getattr(data, "source_shape", condition.shape))
        if source != condition.shape:
            found = f"has images {source} to translate" if source else "has none (take data/streets, data/pairs, ...)"
            raise ValueError(f"the generator translates images {condition.shape}, the data {found}")
    if isinstance(condition, Classes) and getattr(data, "num_classes", condition.K) != condition.K:
        count = getattr(data, "num_classes", None)
        few = ": give the pictures of each class a folder, or take an unconditional game" if count == 1 else ""
        raise ValueError(f"classes of the data: {count}, the generator is conditioned on {condition.K}{few}")


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
    """Return images of the first ``n`` seeds, told something blank if G is conditional, and what it was told.

    Raises:
        ValueError: they have another shape than G says.
    """
    like = next(generator.parameters())
    z = generator.prior.seeded(range(n), like.device).to(like.dtype)
    y = generator.condition.blank(n)
    if y is not None:
        y = y.to(like) if y.is_floating_point() else y.to(like.device)
    x = told(generator, z, y)
    if tuple(x.shape) != (n, *generator.image_shape):
        raise ValueError(f"generator must return images of shape {[n, *generator.image_shape]}, got {list(x.shape)}")
    return x, y
