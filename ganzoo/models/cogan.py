"""Two generators that share what two sets of images have in common."""

from typing import Any, ClassVar, TypeVar

from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from ganzoo.config import build
from ganzoo.engine.optim import Adam, Optimizer
from ganzoo.engine.turns import Player, Terms
from ganzoo.losses.objectives import NonSaturating, Objective
from ganzoo.models.generative import Generative
from ganzoo.pixels import to_float
from ganzoo.roles import Discriminator, Generator

Network = TypeVar("Network", Generator, Discriminator)


class CoGAN(Generative):
    """Coupled GAN: two generators make two images of one z, and share all layers but the last.

        L_D = -E_x[log D_x(x)] - E_z[log(1 - D_x(G_x(z)))] - E_y[log D_y(y)] - E_z[log(1 - D_y(G_y(z)))]
        L_G = -E_z[log D_x(G_x(z))] - E_z[log D_y(G_y(z))]                                    (section 2; D = σ(logit))

    D_x and D_y share all layers but the first. What is in an image is decided by layers that are shared, so both images
    of a z show the same, though no pairs were seen. A batch is (y, x). It translates by inversion: look for the z whose
    G_x(z) is x, and take G_y(z); G_x is published as "generator_source":

        z = ganzoo.latent.invert(model.networks["generator_source"], x).latents
        y = model.decode(z)

    Liu & Tuzel, "Coupled Generative Adversarial Networks", 2016. https://arxiv.org/abs/1606.07536
    Differs from the paper: averages of the weights of G_x and G_y; no weight decay.

    Args:
        generator: G_y. G_x is one like it that shares layers with it.
        discriminator: D_y: images -> logits [N]. D_x is one like it that shares layers with it.
        objective: The scalar functions of the logit.
        g_optimizer: How G_x and G_y step.
        d_optimizer: How D_x and D_y step.
        ema_decay: Decay of the averages per move; 0: no average.

    Raises:
        ValueError: a network has one layer, of which nothing can be shared.
    """

    names: ClassVar[dict[str, str]] = {
        "generator": "G_y",
        "generator_source": "G_x",
        "discriminator": "D_y",
        "discriminator_source": "D_x",
    }
    G_y: Generator
    G_x: Generator

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        objective: Objective = NonSaturating(),
        g_optimizer: Optimizer = Adam(lr=2e-4, beta1=0.5),
        d_optimizer: Optimizer = Adam(lr=2e-4, beta1=0.5),
        ema_decay: float = 0.999,
    ) -> None:
        super().__init__(ema_decay)
        self.hold(G_y=generator, G_x=twin(generator, own=-1))
        self.D_y, self.D_x = discriminator, twin(discriminator, own=0)
        self.objective, self.g_optimizer, self.d_optimizer = objective, g_optimizer, d_optimizer

    def players(self) -> dict[str, Player]:
        """Both D move together, then both G."""
        return {
            "d": Player(self.d_loss, [self.D_x, self.D_y], self.d_optimizer),
            "g": Player(self.g_loss, [self.G_x, self.G_y], self.g_optimizer),
        }

    def d_loss(self, batch: Any) -> Terms:
        """L_D: ``x`` and ``y``."""
        y, x = batch
        z = self.prior(len(y))
        return {
            "x": self.objective.d(self.D_x(sources(x, y)), self.D_x(self.G_x(z))),
            "y": self.objective.d(self.D_y(y), self.D_y(self.G_y(z))),
        }

    def g_loss(self, batch: Any) -> Terms:
        """L_G: ``x`` and ``y``."""
        z = self.prior(len(batch[0]))
        return {"x": self.objective.g(self.D_x(self.G_x(z))), "y": self.objective.g(self.D_y(self.G_y(z)))}


def sources(x: Tensor, y: Tensor) -> Tensor:
    """Return images of the other set, in [-1, 1].

    Raises:
        ValueError: they are none, such as labels.
    """
    if x.shape[1:] != y.shape[1:]:
        raise ValueError(
            f"CoGAN needs two sets of images of one shape: let the loader give (targets, sources), got {list(y.shape)}"
            f" and {list(x.shape)} (data/streets, data/unpaired, ...)"
        )
    return to_float(x)


def twin(network: Network, own: int) -> Network:
    """Return a network like another one, that shares the weights of all its layers but one.

    Args:
        network: The other.
        own: Which layer, of those that have weights, it has for itself: 0 the first, -1 the last.

    Raises:
        ValueError: the network has one layer.
    """
    made: Network = build(network.config())
    mine, theirs = layers(made), layers(network)
    if len(mine) < 2:
        raise ValueError(f"{type(network).__name__} has {len(mine)} layers: a coupled one shares all but one of them")
    del mine[own], theirs[own]
    for layer, other in zip(mine, theirs, strict=True):
        for name, weight in other.named_parameters(recurse=False):
            setattr(layer, name, weight)
        if is_parametrized(other):  # with the singular vectors, which belong to the weight
            layer.parametrizations = other.parametrizations
    return made


def layers(network: nn.Module) -> list[nn.Module]:
    """Return the modules that hold weights themselves, in their order; what makes a weight is part of its layer."""
    return [
        module
        for name, module in network.named_modules()
        if "parametrizations" not in name.split(".")
        and (is_parametrized(module) or any(True for _ in module.parameters(recurse=False)))
    ]
