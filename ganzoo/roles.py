"""What a game asks of the networks that play it."""

import math
from collections.abc import Sequence
from typing import Any, Literal, TypeVar, get_args

import torch
from torch import Tensor, nn

from ganzoo.config import Configurable, build
from ganzoo.latents import Gaussian, Prior, check_seed

Posterior = Literal["point", "gaussian"]
ENCODED = 256  # images that are encoded or decoded at once
BLOCK = 16  # images are sampled in whole blocks of seeds, so that a seed's image never depends on the request
Role = TypeVar("Role", "Generator", "Discriminator", "Encoder")


class Generator(Configurable, nn.Module):
    """A network G: z, [N, dim] -> x, [N, C, H, W] in [-1, 1], that carries all that is needed to sample it.

    Args:
        image_shape: (C, H, W) of an image, or (d,) of a point.
        prior: The distribution of z.
        num_classes: Number of classes that G is conditioned on; 0: unconditional.
    """

    def __init__(self, image_shape: Sequence[int], prior: Prior, num_classes: int = 0) -> None:
        super().__init__()
        self.image_shape = tuple(image_shape)
        self.prior = prior
        self.num_classes = num_classes

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return images [N, *image_shape] for latents z [N, dim] and labels y [N]."""
        raise NotImplementedError

    def logits(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return l, [N, *image_shape], of which the images are tanh(l / 2): σ(l) is a pixel's brightness in [0, 1].

        Raises:
            ValueError: this network has no such form.
        """
        raise ValueError(
            f"{type(self).__name__} has no logits: use MLPGenerator or DCGANGenerator, or another likelihood"
        )


class Discriminator(Configurable, nn.Module):
    """A network D: x, [N, C, H, W] -> logits, [N].

    Networks of this package are a map ``features`` and a linear ``head`` behind it. ``batch`` is set before every
    batch to the number of batches done, for what changes over training.

    Args:
        image_shape: (C, H, W) of an image, or (d,) of a point.
        num_classes: Number of classes that D is conditioned on; 0: unconditional.
    """

    pack = 1  # images that one logit judges together
    features: Any  # maps x to what ``head`` sees

    def __init__(self, image_shape: Sequence[int], num_classes: int = 0) -> None:
        super().__init__()
        self.image_shape = tuple(image_shape)
        self.num_classes = num_classes
        self.batch = 0

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return logits [N] of images x [N, *image_shape] and labels y [N]."""
        raise NotImplementedError


class JointDiscriminator(Configurable, nn.Module):
    """A network D: x, [N, C, H, W], and z, [N, dim] -> logits, [N]: whether the pair is (x, E(x)) or (G(z), z).

    Args:
        image_shape: (C, H, W) of an image, or (d,) of a point.
        dim: Size of z.
    """

    def __init__(self, image_shape: Sequence[int], dim: int) -> None:
        super().__init__()
        self.image_shape, self.dim = tuple(image_shape), dim

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Return logits [N] of images x [N, *image_shape] and latents z [N, dim]."""
        raise NotImplementedError


class Encoder(Configurable, nn.Module):
    """A network E: x, [N, C, H, W] -> z, [N, dim].

    A deterministic E maps an image to a point. A stochastic one, ``posterior="gaussian"``, has a distribution
    E(z|x), of which it returns the mean when it is called.

    Args:
        image_shape: (C, H, W) of an image, or (d,) of a point.
        dim: Size of z.
        posterior: "point" or "gaussian".
        num_classes: Number of classes that E is conditioned on; 0: unconditional.

    Raises:
        ValueError: there is no such posterior.
    """

    def __init__(
        self, image_shape: Sequence[int], dim: int, posterior: Posterior = "point", num_classes: int = 0
    ) -> None:
        super().__init__()
        if posterior not in get_args(Posterior):
            raise ValueError(f"posterior must be one of {', '.join(get_args(Posterior))}, got {posterior!r}")
        self.image_shape = tuple(image_shape)
        self.dim, self.posterior, self.num_classes = dim, posterior, num_classes

    def numbers(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return z [N, dim], or mean and log variance [N, 2 dim], of images x [N, *image_shape] and labels y [N]."""
        raise NotImplementedError

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return z [N, dim] of images x and labels y; of a distribution the mean."""
        return self.numbers(x, y)[:, : self.dim]

    def distribution(self, x: Tensor, y: Tensor | None = None) -> Gaussian:
        """Return E(z|x).

        Raises:
            ValueError: E is deterministic.
        """
        if self.posterior == "point":
            raise ValueError(f"{type(self).__name__} is deterministic: make it with posterior='gaussian'")
        return Gaussian(*self.numbers(x, y).chunk(2, dim=1))

    def draw(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return z [N, dim]: the point, or a draw from E(z|x) that is differentiable with respect to E."""
        return self(x, y) if self.posterior == "point" else self.distribution(x, y).draw()


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
        self.encoder, self.start = encoder, start

    def numbers(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return z [N, dim] of images x [N, *image_shape] and labels y [N]."""
        return self.encoder.numbers(x, y)[:, self.start : self.start + self.dim]


class Padded(Encoder):
    """An encoder whose latents are followed by zeros: x -> [E(x), 0].

    Args:
        encoder: A deterministic E.
        n_zeros: How many zeros.
    """

    def __init__(self, encoder: Encoder, n_zeros: int) -> None:
        super().__init__(encoder.image_shape, encoder.dim + n_zeros, num_classes=encoder.num_classes)
        self.encoder, self.n_zeros = encoder, n_zeros

    def numbers(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return [E(x), 0], [N, dim], of images x [N, *image_shape] and labels y [N]."""
        return nn.functional.pad(self.encoder(x, y), (0, self.n_zeros))


def for_images(network: Role, image_shape: Sequence[int] | None) -> Role:
    """Return a network of the same configuration for images of ``image_shape``; None: the network as it is."""
    if image_shape is None or tuple(image_shape) == network.image_shape:
        return network
    config = network.config()
    config["init_args"]["image_shape"] = list(image_shape)
    made: Role = build(config)
    return made


class Label(nn.Module):
    """Appends a learnt vector of the label to z; with ``num_classes=0`` it returns z as it is.

    A new vector has length 1 on average, as much as one coordinate of z: ACGANs with longer ones made one image for
    each class, because G learnt to do without z.

    Args:
        num_classes: Number of classes.
        dim: Size of the vector.
    """

    def __init__(self, num_classes: int, dim: int = 32) -> None:
        super().__init__()
        self.num_classes, self.dim = num_classes, dim if num_classes else 0
        self.table = nn.Embedding(num_classes, dim) if num_classes else None
        if self.table is not None:
            nn.init.normal_(self.table.weight, std=dim**-0.5)

    def forward(self, z: Tensor, y: Tensor | None) -> Tensor:
        """Return [N, dim of z + dim].

        Raises:
            ValueError: labels are missing, or given to an unconditional network.
        """
        if self.table is None:
            if y is not None:
                raise ValueError("this generator is unconditional: call it without labels")
            return z
        if y is None:
            raise ValueError(f"this generator is conditional on {self.num_classes} classes: give labels y, [N]")
        return torch.cat([z, self.table(y)], dim=1)


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
