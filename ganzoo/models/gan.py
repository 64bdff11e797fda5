"""The two-player game between a generator and a discriminator, and the variants that differ in its objective."""

import copy
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from lightning.pytorch.utilities.types import STEP_OUTPUT
from torch import Tensor

from ganzoo.game import Game, Player, Terms
from ganzoo.objectives import Hinge, LeastSquares, Minimax, NonSaturating, Objective
from ganzoo.optim import Adam, Optimizer
from ganzoo.roles import Discriminator, Generator, sample_seeds, seed_range


class GAN(Game):
    """Generative adversarial network; the minimax game.

        L_D = -E_x[log D(x)] - E_z[log(1 - D(G(z)))]
        L_G =  E_z[log(1 - D(G(z)))]                                  (Eq. 1, both minimised, D = σ(logit))

    Each player's scalar functions come from ``objective``. G is judged, sampled and published through ``G_ema``, a
    moving average of its weights.

    Goodfellow et al., "Generative Adversarial Networks", 2014. https://arxiv.org/abs/1406.2661
    Differs from the paper: Adam, and the average of G's weights.

    Args:
        generator: G: z [N, dim] -> images [N, C, H, W] in [-1, 1]; it carries the prior of z.
        discriminator: D: images -> logits [N].
        objective: The scalar functions of the logit.
        d_optimizer: How D steps.
        g_optimizer: How G steps.
        n_critic: D moves per G move (the paper's k); G moves on every ``n_critic``-th batch.
        ema_decay: Decay of G's average per move of G; 0: no average.
    """

    conditional: ClassVar[bool] = False  # whether G is told the class

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        objective: Objective = Minimax(),
        d_optimizer: Optimizer = Adam(lr=2e-4, beta1=0.5),
        g_optimizer: Optimizer = Adam(lr=2e-4, beta1=0.5),
        n_critic: int = 1,
        ema_decay: float = 0.999,
    ) -> None:
        super().__init__()
        if n_critic < 1:
            raise ValueError(f"n_critic must be at least 1, got {n_critic}")
        if not 0 <= ema_decay < 1:
            raise ValueError(f"ema_decay must be in [0, 1), got {ema_decay}")
        self.G, self.D = generator, discriminator
        self.G_ema = copy.deepcopy(generator).requires_grad_(False).eval()
        self.objective = objective
        self.d_optimizer, self.g_optimizer = d_optimizer, g_optimizer
        self.n_critic, self.ema_decay = n_critic, ema_decay

    def players(self) -> dict[str, Player]:
        """D moves on every batch, G on every ``n_critic``-th."""
        return {
            "d": Player(self.d_loss, [self.D], self.d_optimizer),
            "g": Player(self.g_loss, [self.G], self.g_optimizer, every=self.n_critic),
        }

    def d_loss(self, batch: Any) -> Terms:
        """L_D."""
        x, _ = batch
        return {"adv": self.objective.d(self.D(x), self.D(self.G(self.prior(len(x)))))}

    def g_loss(self, batch: Any) -> Terms:
        """L_G."""
        x, _ = batch
        return {"adv": self.objective.g(self.D(self.G(self.prior(len(x)))))}

    def prior(self, n: int) -> Tensor:
        """Draw z, [n, dim]."""
        z = self.G.prior.sample(n, self.device)
        return z if self.dtype == z.dtype else z.to(self.dtype)

    def sample(self, n: int, seed: int = 0, labels: Sequence[int] | Tensor | int | None = None) -> Tensor:
        """Return the images of seeds ``seed`` to ``seed + n - 1``, [n, C, H, W] in [-1, 1], from G's average."""
        return sample_seeds(self.G_ema, seed_range(n, seed), labels)

    # -- the average of G

    def train(self, mode: bool = True) -> "GAN":
        """Set the mode of all networks but the average, which is only ever evaluated."""
        super().train(mode)
        self.G_ema.eval()
        return self

    def on_train_start(self) -> None:
        """Check what the networks return, once; list the weights that are averaged."""
        super().on_train_start()
        self.check_shapes()
        self._average: list[Tensor] = list(self.G_ema.parameters())
        self._live: list[Tensor] = list(self.G.parameters())
        self._copies = list(zip(self.G_ema.buffers(), self.G.buffers(), strict=True))
        self._timed = [network for network in self.modules() if isinstance(network, Discriminator)]

    def training_step(self, batch: Any, batch_idx: int) -> STEP_OUTPUT:
        """Tell D the time, and give every player that is due its turn."""
        for network in self._timed:
            network.batch = self.global_step
        return super().training_step(batch, batch_idx)

    @torch.no_grad()
    def after_turn(self, player: str) -> None:
        """Average G after its move; its buffers (batch norm statistics) are copied, not averaged."""
        if player != "g":
            return
        moves = (self.global_step + 1) // self.n_critic
        decay = min(self.ema_decay, moves / (9 + moves))  # the first averages forget the untrained G sooner
        torch._foreach_lerp_(self._average, self._live, 1 - decay)
        for average, live in self._copies:
            average.copy_(live)

    @torch.no_grad()
    def check_shapes(self) -> None:
        """Pass a few images through both networks.

        Raises:
            ValueError: G's images or D's logits have the wrong shape, or the data's images or classes are not G's.
        """
        data = getattr(self.trainer, "datamodule", None)
        expected, K = self.G.image_shape, self.G.num_classes
        if data is not None and tuple(getattr(data, "image_shape", expected)) != expected:
            raise ValueError(f"the data has images of shape {tuple(data.image_shape)}, the generator makes {expected}")
        if K and not self.conditional:
            raise ValueError(f"{type(self).__name__} is unconditional: its generator must have num_classes=0")
        if self.conditional and not K:
            raise ValueError(f"{type(self).__name__} is conditional: its generator needs num_classes, such as 10")
        if self.conditional and data is not None and getattr(data, "num_classes", K) != K:
            raise ValueError(f"the data has {data.num_classes} classes, the generator is conditioned on {K}")
        check_networks(self.G_ema, self.D, expected)


def check_networks(generator: Generator, discriminator: Discriminator, image_shape: tuple[int, ...]) -> None:
    """Check G's images and D's logits on two latents (two packs of them, if D judges several images together).

    Raises:
        ValueError: names the shape that was expected and the one that came.
    """
    parameter = next(generator.parameters())
    pack, classes = getattr(discriminator, "pack", 1), getattr(discriminator, "num_classes", 0)
    n = 2 * pack
    z = generator.prior.seeded(range(n), parameter.device).to(parameter.dtype)
    y = torch.zeros(n, dtype=torch.long, device=parameter.device)
    x = generator(z, y) if generator.num_classes else generator(z)
    if tuple(x.shape) != (n, *image_shape):
        raise ValueError(f"generator must return images of shape {[n, *image_shape]}, got {list(x.shape)}")
    mode = discriminator.training
    discriminator.eval()
    logits = discriminator(x, y) if classes else discriminator(x)
    discriminator.train(mode)
    if tuple(logits.shape) != (2,):
        expected = "[N]" if pack == 1 else f"[N / {pack}]"
        raise ValueError(f"discriminator must return logits of shape {expected}, got {list(logits.shape)} for N = {n}")


class NSGAN(GAN):
    """GAN whose generator maximises log D(G(z)), which does not saturate where D is sure.

        L_D = -E_x[log D(x)] - E_z[log(1 - D(G(z)))]
        L_G = -E_z[log D(G(z))]                                       (section 3)

    Goodfellow et al., "Generative Adversarial Networks", 2014. https://arxiv.org/abs/1406.2661

    Args:
        objective: The scalar functions of the logit.
    """

    def __init__(
        self, generator: Generator, discriminator: Discriminator, objective: Objective = NonSaturating(), **kwargs: Any
    ) -> None:
        super().__init__(generator, discriminator, objective=objective, **kwargs)


class LSGAN(GAN):
    """GAN whose logits are regressed on targets: a for generated, b for real images, c is what G wants.

        L_D = E_x[(D(x) - b)²] / 2 + E_z[(D(G(z)) - a)²] / 2
        L_G = E_z[(D(G(z)) - c)²] / 2                                 (Eq. 2; D is the logit itself)

    (a, b, c) = (0, 1, 1) is the 0-1 coding (Eq. 9), (-1, 1, 0) minimises Pearson's χ² (Eq. 8).

    Mao et al., "Least Squares Generative Adversarial Networks", 2017. https://arxiv.org/abs/1611.04076

    Args:
        objective: The targets.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        objective: Objective = LeastSquares(a=0.0, b=1.0, c=1.0),
        **kwargs: Any,
    ) -> None:
        super().__init__(generator, discriminator, objective=objective, **kwargs)


class HingeGAN(GAN):
    """GAN with the hinge loss: D stops caring about an image once it is right by a margin of 1.

        L_D = E_x[max(0, 1 - D(x))] + E_z[max(0, 1 + D(G(z)))]
        L_G = -E_z[D(G(z))]                                           (Eqs. 16, 17; D is the logit itself)

    Lim & Ye, "Geometric GAN", 2017. https://arxiv.org/abs/1705.02894
    Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018. https://arxiv.org/abs/1802.05957

    Args:
        objective: The scalar functions of the logit.
    """

    def __init__(
        self, generator: Generator, discriminator: Discriminator, objective: Objective = Hinge(), **kwargs: Any
    ) -> None:
        super().__init__(generator, discriminator, objective=objective, **kwargs)


class DCGAN(GAN):
    """Deep convolutional GAN: the non-saturating game on strided convolutions with batch norm.

        L_D = -E_x[log D(x)] - E_z[log(1 - D(G(z)))]
        L_G = -E_z[log D(G(z))]

    What makes it DCGAN are its networks (``DCGANGenerator``, ``DCGANDiscriminator``) and Adam with lr 2e-4, β1 0.5.
    Real and generated images go through D in separate batches: batch norm must not mix them.

    Radford et al., "Unsupervised Representation Learning with DCGANs", 2016. https://arxiv.org/abs/1511.06434

    Args:
        objective: The scalar functions of the logit.
    """

    def __init__(
        self, generator: Generator, discriminator: Discriminator, objective: Objective = NonSaturating(), **kwargs: Any
    ) -> None:
        super().__init__(generator, discriminator, objective=objective, **kwargs)
