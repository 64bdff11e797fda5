"""Encoders for a generator that is given: its weights stay as they are."""

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from ganzoo.engine.optim import Adam, Optimizer
from ganzoo.engine.turns import Player, Terms
from ganzoo.models.generative import Generative, check_encoder
from ganzoo.roles import Classes, Encoder, Generator, Nothing, told


class LatentEncoder(Generative):
    """Encoder that returns the latent of a generated image.

        L_E = E_z[|z - E(G(z))|²] / dim

    Its optimum is the posterior mean E[z | x], which is z itself where G is one-to-one. E never sees a real image.
    Of a conditional G the images have the classes of the batch.

    Perarnau et al., "Invertible Conditional GANs for image editing", 2016. https://arxiv.org/abs/1611.06355
    Differs from the paper: divided by the size of z, so that learning rates mean the same for any of them.

    Args:
        generator: G, trained: ``ganzoo.load(PATH).generator``. It is evaluated, never trained.
        encoder: E: images -> z, deterministic.
        e_optimizer: How E steps.
        ema_decay: Decay of E's average per move; 0: no average.
    """

    conditions = (Nothing, Classes)

    def __init__(
        self,
        generator: Generator,
        encoder: Encoder,
        e_optimizer: Optimizer = Adam(lr=1e-3),
        ema_decay: float = 0.999,
    ) -> None:
        super().__init__(ema_decay)
        check_encoder(encoder, generator)
        if encoder.posterior != "point":
            raise ValueError(f"the encoder must have posterior='point', got {encoder.posterior!r}")
        if encoder.num_classes not in (0, generator.num_classes):
            raise ValueError(
                f"the encoder is told one of {encoder.num_classes} classes, the generator one of"
                f" {generator.num_classes}: make the encoder with num_classes={generator.num_classes}, or 0"
            )
        self.G = generator.requires_grad_(False).eval()
        self.hold(E=encoder)
        self.e_optimizer = e_optimizer

    def players(self) -> dict[str, Player]:
        """E moves on every batch, alone."""
        return {"e": Player(self.e_loss, [self.E], self.e_optimizer)}

    def e_loss(self, batch: Any) -> Terms:
        """L_E."""
        x, y = batch
        return {"latent": self.latent_loss(self.prior(len(x)), y)}

    def latent_loss(self, z: Tensor, y: Tensor | None) -> Tensor:
        """Return the mean over images and coordinates of (z - E(G(z)))²."""
        return F.mse_loss(seen(self.E, seen(self.G, z, y), y), z)

    def train(self, mode: bool = True) -> "LatentEncoder":
        """Set the mode of E: G is only ever evaluated."""
        super().train(mode)
        self.G.eval()
        return self

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take up a run; version 0.1 wrote G twice."""
        super().on_load_checkpoint(checkpoint)
        weights = checkpoint["state_dict"]
        for key in [key for key in weights if key.startswith("G_ema.")]:
            del weights[key]


class ImageEncoder(LatentEncoder):
    """Encoder whose latents make G repeat real images.

        L_E = E_x[|x - G(E(x))|²] / pixels + λ E_z[|z - E(G(z))|²] / dim

    The first term is the predictor of iGAN, on pixels alone; the second keeps E(x) where G was trained.

    Zhu et al., "Generative Visual Manipulation on the Natural Image Manifold", 2016. https://arxiv.org/abs/1609.03552
    Differs from the paper: no distance of AlexNet's features; the second term.

    Args:
        latent_weight: λ.
    """

    def __init__(self, generator: Generator, encoder: Encoder, latent_weight: float = 0.1, **kwargs: Any) -> None:
        super().__init__(generator, encoder, **kwargs)
        if latent_weight < 0:
            raise ValueError(f"latent_weight must not be negative, got {latent_weight}")
        self.latent_weight = latent_weight

    def e_loss(self, batch: Any) -> Terms:
        """L_E: ``image`` and ``latent``."""
        x, y = batch
        image = F.mse_loss(seen(self.G, seen(self.E, x, y), y), x)
        return {"image": image, "latent": self.latent_weight * self.latent_loss(self.prior(len(x)), y)}


class IcGAN(LatentEncoder):
    """The two encoders that make a conditional generator invertible: E_z for the latent, E_y for the class.

        L_E = E_{z,y}[|z - E_z(G(z, y))|²] / dim - E_{x,y}[log P(y | E_y(x))]

    E_z learns from generated images, E_y from real ones. An image is edited as G(E_z(x), y') with another class y'.
    The networks say which of the paper's three designs it is:

        SNG       no labeller: one network returns both, so its dim is that of z plus the number of classes
        IND       a labeller, and an encoder of its own
        IND-COND  the same, and the encoder is conditional: E_z(x, E_y(x)) is told what E_y has found; in training
                  the y that G was told, so that E_y sees real images alone

    Perarnau et al., "Invertible Conditional GANs for image editing", 2016. https://arxiv.org/abs/1611.06355
    Differs from the paper: one class of K with cross-entropy, where the paper has several attributes of ±1 with
    squared errors; E_y's answer is given to E_z as the likeliest class. The paper's code steps by Adam with lr 1e-4
    and β1 0.1, and its CGAN's D also learns from real images with a wrong y.

    Args:
        generator: G: z, y -> images, trained.
        encoder: E_z.
        labeller: E_y: images -> K numbers, the logits of the classes; None: SNG.
    """

    E_y: Encoder

    def __init__(self, generator: Generator, encoder: Encoder, labeller: Encoder | None = None, **kwargs: Any) -> None:
        dim, K = generator.prior.dim, generator.num_classes
        if not K:
            raise ValueError("IcGAN needs a generator that is conditional, such as a CGAN's: got num_classes=0")
        if labeller is None:
            encoder, labeller = shared(encoder, dim, K)
        if labeller.dim != K or labeller.posterior != "point" or labeller.num_classes:
            raise ValueError(
                f"labeller must return one number for each of {K} classes, deterministic and unconditional:"
                f" got dim={labeller.dim}, posterior={labeller.posterior!r}, num_classes={labeller.num_classes}"
            )
        if labeller.bounded:
            raise ValueError("logits of classes must not be bounded: make E_y, or E without it, with output='linear'")
        super().__init__(generator, encoder, **kwargs)
        self.hold(E_y=labeller)

    def players(self) -> dict[str, Player]:
        """Both encoders are one player: their terms share nothing but, in SNG, the weights."""
        return {"e": Player(self.e_loss, [self.E, self.E_y], self.e_optimizer)}

    def e_loss(self, batch: Any) -> Terms:
        """L_E: ``latent`` and ``class``."""
        x, y = batch
        return {"latent": self.latent_loss(self.prior(len(x)), y), "class": F.cross_entropy(self.E_y(x), y)}


def seen(network: Generator | Encoder, inputs: Tensor, y: Tensor | None) -> Tensor:
    """Call a network, with the classes of the batch if it is conditional."""
    return told(network, inputs, y if network.num_classes else None)


def shared(encoder: Encoder, dim: int, num_classes: int) -> tuple[Encoder, Encoder]:
    """Return E_z and E_y as the parts of one network.

    Raises:
        ValueError: it returns another number of values.
    """
    if encoder.dim != dim + num_classes:
        raise ValueError(
            f"without a labeller the encoder returns {dim} latents and {num_classes} logits of classes:"
            f" give it dim={dim + num_classes}, got {encoder.dim}"
        )
    return Part(encoder, dim), Part(encoder, num_classes, start=dim)


class Part(Encoder):
    """Some of the numbers that an encoder returns: the others belong to another part, on the same weights.

    Args:
        encoder: A deterministic E.
        dim: How many numbers.
        start: The first of them.

    Raises:
        ValueError: E returns fewer numbers, or a distribution.
    """

    def __init__(self, encoder: Encoder, dim: int, start: int = 0) -> None:
        super().__init__(encoder.image_shape, dim, num_classes=encoder.num_classes)
        if encoder.posterior != "point" or start + dim > encoder.dim:
            raise ValueError(
                f"encoder must be deterministic and return at least {start + dim} numbers, got a {encoder.posterior}"
                f" of {encoder.dim}"
            )
        self.encoder, self.start, self.bounded = encoder, start, encoder.bounded

    def numbers(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return z [N, dim] of images x [N, *image_shape] and labels y [N]."""
        return self.encoder.numbers(x, y)[:, self.start : self.start + self.dim]
