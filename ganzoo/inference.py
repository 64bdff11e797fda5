"""What a trained model is good for: images of seeds, latents of images, and the way between them."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ganzoo.priors import Code, check_seed
from ganzoo.roles import Encoder, Generator

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


ENCODED = 256  # images that are encoded or decoded at once


BLOCK = 16  # images are sampled in whole blocks of seeds, so that a seed's image never depends on the request


def seed_range(n: int, seed: int) -> range:
    """Return the ``n`` seeds from ``seed`` on.

    Raises:
        ValueError: ``n`` is negative, or ``seed`` is out of range.
    """
    if n < 0:
        raise ValueError(f"n must not be negative, got {n}")
    return range(check_seed(seed), seed + n)


@torch.no_grad()
def sample_seeds(generator: Generator, seeds: range, labels: Sequence[int] | Tensor | int | None = None) -> Tensor:
    """Return the images of consecutive seeds, [len(seeds), *image_shape] in [-1, 1].

    The image of a seed is bitwise the same alone, in any range and on any number of processes: latents are a
    function of the seed, and the network always sees whole, aligned blocks of ``BLOCK`` seeds.

    Args:
        generator: In evaluation mode.
        seeds: Consecutive seeds, step 1.
        labels: One class for all, or one per seed; only for a conditional generator.

    Raises:
        ValueError: labels are missing, superfluous, out of range or too few.
    """
    like = next(generator.parameters(), torch.zeros(0))
    y = check_labels(labels, len(seeds), generator.num_classes)
    first, last = seeds.start // BLOCK, math.ceil(seeds.stop / BLOCK)
    parts = []
    for block in range(first, last):
        start = block * BLOCK
        low, high = max(seeds.start, start) - start, min(seeds.stop, start + BLOCK) - start
        z = generator.prior.seeded(range(start, start + BLOCK)).to(like)
        if y is None:
            images = generator(z)
        else:
            # every label of the block's other seeds is 0: no image depends on its neighbours in evaluation mode
            block_y = torch.zeros(BLOCK, dtype=torch.long)
            block_y[low:high] = y[start + low - seeds.start : start + high - seeds.start]
            images = generator(z, block_y.to(z.device))
        parts.append(images[low:high])
    return torch.cat(parts) if parts else like.new_empty(0, *generator.image_shape)


@torch.no_grad()
def encode(encoder: Encoder, x: Tensor, labels: Sequence[int] | Tensor | int | None = None) -> Tensor:
    """Return the latents z, [N, dim], of images x [N, *image_shape] in [-1, 1], on the device of the encoder.

    Args:
        encoder: In evaluation mode.
        x: Images.
        labels: One class for all, or one per image; only for a conditional encoder.

    Raises:
        ValueError: the images have another shape or are no floats, or labels are missing, superfluous or too few.
    """
    like = next(encoder.parameters())
    check_images(x, encoder.image_shape)
    y = check_labels(labels, len(x), encoder.num_classes, "encoder")
    parts = []
    for start in range(0, len(x), ENCODED):
        part = x[start : start + ENCODED].to(like)
        parts.append(encoder(part) if y is None else encoder(part, y[start : start + ENCODED].to(like.device)))
    return torch.cat(parts) if parts else like.new_empty(0, encoder.dim)


@torch.no_grad()
def decode(generator: Generator, z: Tensor, labels: Sequence[int] | Tensor | int | None = None) -> Tensor:
    """Return the images [N, *image_shape] in [-1, 1] of latents z [N, dim], on the device of the generator.

    Args:
        generator: In evaluation mode.
        z: Latents.
        labels: One class for all, or one per latent; only for a conditional generator.

    Raises:
        ValueError: the latents have another size, or labels are missing, superfluous or too few.
    """
    like = next(generator.parameters(), torch.zeros(0))
    if z.ndim != 2 or z.shape[1] != generator.prior.dim:
        raise ValueError(f"expected latents [N, {generator.prior.dim}], got {list(z.shape)}")
    y = check_labels(labels, len(z), generator.num_classes)
    parts = []
    for start in range(0, len(z), ENCODED):
        part = z[start : start + ENCODED].to(like)
        parts.append(generator(part) if y is None else generator(part, y[start : start + ENCODED].to(like.device)))
    return torch.cat(parts) if parts else like.new_empty(0, *generator.image_shape)


def check_images(x: Tensor, image_shape: tuple[int, ...]) -> None:
    """Check that x is a batch of images.

    Raises:
        ValueError: x has another shape, or is no floats.
    """
    if tuple(x.shape[1:]) != image_shape or not x.is_floating_point():
        expected = ", ".join(map(str, image_shape))
        raise ValueError(f"expected images [N, {expected}] of floats in [-1, 1], got {x.dtype} {list(x.shape)}")


def check_labels(
    labels: Sequence[int] | Tensor | int | None, n: int, num_classes: int, who: str = "generator"
) -> Tensor | None:
    """Return labels as [n] whole numbers, or None for an unconditional network.

    Raises:
        ValueError: labels are missing, superfluous, out of range or not ``n``.
    """
    if num_classes == 0:
        if labels is not None:
            raise ValueError(f"this {who} is unconditional: leave labels out")
        return None
    if labels is None:
        raise ValueError(f"this {who} is conditional: give labels from 0 to {num_classes - 1}, one for all or {n}")
    given = torch.as_tensor(labels).flatten()
    if given.is_floating_point() and len(given):
        raise ValueError(f"labels must be whole numbers, got {given.tolist()}")
    y = given.long().expand(n) if len(given) == 1 else given.long()
    if len(y) != n:
        raise ValueError(f"expected one label or {n} labels, got {len(y)}")
    if n and not (int(y.min()) >= 0 and int(y.max()) < num_classes):
        raise ValueError(f"labels must be from 0 to {num_classes - 1}, got {y.tolist()[:8]}")
    return y
