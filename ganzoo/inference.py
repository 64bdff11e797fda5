"""What a trained model is good for: images of seeds, latents of images, and the way between them."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ganzoo.latents import Code
from ganzoo.roles import Encoder, Generator, decode, encode, sample_seeds, seed_range

Labels = Sequence[int] | Tensor | int | None


class Inference:
    """A generator, maybe an encoder that inverts it, and maybe one that names the class of an image.

    Args:
        generator: G, in evaluation mode.
        encoder: E: images -> latents.
        labeller: E_y: images -> logits of the classes that G is conditioned on.
    """

    def __init__(self, generator: Generator, encoder: Encoder | None = None, labeller: Encoder | None = None) -> None:
        self.generator, self.encoder, self.labeller = generator, encoder, labeller

    def sample(self, n: int, seed: int = 0, labels: Labels = None) -> Tensor:
        """Return the images of seeds ``seed`` to ``seed + n - 1``, [n, C, H, W] in [-1, 1].

        Seed i is the same image alone, in a range and on any batch size.
        """
        return sample_seeds(self.generator, seed_range(n, seed), labels)

    def latents(self, n: int, seed: int = 0) -> Tensor:
        """Return the latents z of seeds ``seed`` to ``seed + n - 1``, [n, dim]."""
        return self.generator.prior.seeded(seed_range(n, seed))

    def encode(self, x: Tensor, labels: Labels = None) -> Tensor:
        """Return the latents z, [N, dim], of images x in [-1, 1].

        Args:
            x: Images.
            labels: Of the images, which only a conditional E is told; None: as the labeller says.

        Raises:
            ValueError: there is no encoder, or x or the labels are not what it takes, such as pixels up to 255.
        """
        if self.encoder is None:
            raise ValueError(
                "this model has no encoder: BiGAN, VAE and others have one; ImageEncoder makes one for this G"
            )
        if x.ndim == 4 and x.is_floating_point() and not bool((x.abs() <= 2).all()):
            raise ValueError("images must be in [-1, 1], got others or nan: of 8 bits take x / 127.5 - 1")
        return encode(self.encoder, x, self.classes(x, labels) if self.encoder.num_classes else None)

    def decode(self, z: Tensor, labels: Labels = None) -> Tensor:
        """Return the images of latents z, [N, C, H, W] in [-1, 1]."""
        return decode(self.generator, z, labels)

    def classify(self, x: Tensor) -> Tensor:
        """Return the classes, int64 [N], of images x in [-1, 1].

        Raises:
            ValueError: there is no labeller, or x is not what it takes.
        """
        if self.labeller is None:
            raise ValueError("this model names no classes: use IcGAN")
        return encode(self.labeller, x).argmax(dim=1)

    def reconstruct(self, x: Tensor, labels: Labels = None) -> Tensor:
        """Return G(E(x)), [N, C, H, W] in [-1, 1].

        Labels are for G and for a conditional E; but where a labeller names the classes, they are for G alone: with
        another class than that of x it is edited, G(E_z(x, E_y(x)), y').
        """
        found = self.classes(x, None if self.labeller else labels)
        return self.decode(self.encode(x, found), found if labels is None else labels)

    def classes(self, x: Tensor, labels: Labels) -> Labels:
        """Return the labels that are given; without any those that the labeller finds, if there is one."""
        return self.classify(x) if labels is None and self.labeller is not None else labels

    @property
    def codes(self) -> tuple[Code, ...]:
        """The codes of the prior: their names, where they stand in z, and their ranges."""
        return self.generator.prior.codes

    @torch.no_grad()
    def walked(self, z: Tensor) -> tuple["Inference", Tensor]:
        """Return what walks start from: itself and z, or for IB-GAN what stands behind its channel, and the r of z."""
        G: Any = self.generator
        if not hasattr(G, "channel"):
            return self, z
        return Inference(G.generator), G.channel(z.to(next(G.parameters())))

    def to(self, device: torch.device | str) -> "Inference":
        """Move the networks to ``device`` and return itself."""
        for network in (self.generator, self.encoder, self.labeller):
            if network is not None:
                network.to(device)
        return self
