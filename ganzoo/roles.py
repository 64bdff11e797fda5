"""Contracts: what a game asks of its networks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from ganzoo.config import Configurable
from ganzoo.priors import Gaussian, Normal, Prior

Posterior = Literal["point", "gaussian"]
Given = Sequence[int] | Tensor | int | None  # what a network is told, as a user writes it: classes, or images


class Condition:
    """What a network is told besides its input: ``Nothing``, one of ``Classes``, or one of ``Images``."""

    split = "train"  # the examples whose conditions samples get when a game is judged

    def check(self, given: Given, n: int, who: str = "generator") -> Tensor | None:
        """Return what is given for ``n`` rows, one value each; None if nothing is told.

        Raises:
            ValueError: it is missing, superfluous, out of range, of another shape, or not one or ``n``.
        """
        raise NotImplementedError

    def blank(self, n: int) -> Tensor | None:
        """Return ``n`` values that mean nothing, for rows that fill up a block."""
        raise NotImplementedError


class Nothing(Condition):
    """The network is told nothing."""

    def check(self, given: Given, n: int, who: str = "generator") -> None:
        """Return None."""
        if given is not None:
            raise ValueError(f"this {who} is unconditional: leave labels out")

    def blank(self, n: int) -> None:
        """Return None."""


class Classes(Condition):
    """The network is told one of K classes.

    Args:
        K: How many there are.
    """

    def __init__(self, K: int) -> None:
        self.K = K

    def check(self, given: Given, n: int, who: str = "generator") -> Tensor:
        """Return classes, int64 [n], from one for all or one for each."""
        if given is None:
            raise ValueError(f"this {who} is conditional: give labels from 0 to {self.K - 1}, one for all or {n}")
        labels = torch.as_tensor(given).flatten()
        if labels.is_floating_point() and len(labels):
            raise ValueError(f"labels must be whole numbers, got {labels.tolist()[:8]}")
        y = labels.long().expand(n) if len(labels) == 1 else labels.long()
        if len(y) != n:
            raise ValueError(f"expected one label or {n} labels, got {len(y)}")
        if n and not (int(y.min()) >= 0 and int(y.max()) < self.K):
            raise ValueError(f"labels must be from 0 to {self.K - 1}, got {y.tolist()[:8]}")
        return y

    def blank(self, n: int) -> Tensor:
        """Return the first class, int64 [n]."""
        return torch.zeros(n, dtype=torch.long)


class Images(Condition):
    """The network is told an image: it translates.

    Args:
        shape: (C, H, W) of the image.
    """

    split = "test"

    def __init__(self, shape: Sequence[int]) -> None:
        self.shape = tuple(shape)

    def check(self, given: Given, n: int, who: str = "generator") -> Tensor:
        """Return images, [n, C, H, W], from one for all or one for each."""
        if not isinstance(given, Tensor):
            raise ValueError(f"this {who} translates images of shape {self.shape}: give one for all or {n}")
        x = given[None] if given.ndim == len(self.shape) else given
        check_images(x, self.shape)
        if len(x) not in (1, n):
            raise ValueError(f"expected one image or {n} images to translate, got {len(x)}")
        return x.expand(n, *self.shape)

    def blank(self, n: int) -> Tensor:
        """Return grey images, [n, C, H, W]."""
        return torch.zeros(n, *self.shape, dtype=torch.float32)


@dataclass(frozen=True)
class Space:
    """A place where a latent may live: z, or what a part of G makes of it on the way to the image.

    Args:
        generator: G.
        name: "z", "r", "w", ...
        prior: What latents are like there: their size, and the range of each number.
        of: z [N, dim of z], and the condition if there is one -> latents here, [N, prior.dim].
        make: Latents here, and the condition if there is one -> images [N, C, H, W].
    """

    generator: "Generator"
    name: str
    prior: Prior
    of: Callable[..., Tensor]
    make: Callable[..., Tensor]


class Generator(Configurable, nn.Module):
    """A network G: z, [N, dim] -> x, [N, C, H, W] in [-1, 1], that carries all that is needed to sample it.

    Args:
        image_shape: (C, H, W) of an image, or (d,) of a point.
        prior: The distribution of z; of a translator that draws nothing its size is 0.
        num_classes: Number of classes that G is conditioned on; 0: unconditional.
        condition: What else G is told: ``Images(shape)`` makes it a translator.
    """

    walk_space = "z"  # where a step along one number has a meaning of its own

    def __init__(
        self, image_shape: Sequence[int], prior: Prior, num_classes: int = 0, condition: Condition | None = None
    ) -> None:
        super().__init__()
        self.image_shape = tuple(image_shape)
        self.prior = prior
        self.num_classes = num_classes
        self.condition = condition or (Classes(num_classes) if num_classes else Nothing())

    @property
    def spaces(self) -> dict[str, Space]:
        """Where latents may live, by name; z everywhere."""
        return {"z": Space(self, "z", self.prior, of=lambda z, y=None: z, make=self)}

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


class ChannelGenerator(Generator):
    """A generator whose z reaches the image through a noisy channel e(r|z): its latent is [z, ε], and r is a draw."""

    dim: int  # size of z

    def posterior(self, z: Tensor) -> Gaussian:
        """Return e(r|z) of z [N, dim]."""
        raise NotImplementedError


class Translator(Generator):
    """A generator that makes an image of an image: its condition is ``Images``.

    It is convolutional: it takes any height and width that ``multiple`` divides, not only those of ``image_shape``.
    What is random in it is z, one number per choice, so the translation of a seed is a pure function of (z, image).

    Args:
        image_shape: (C, H, W) of what it makes.
        source_shape: (C, H, W) of what it is told; None: the same.
        dim: Size of z for images of that size; 0: nothing is random.

    Raises:
        ValueError: the two shapes have another height or width.
    """

    multiple = 1  # what divides the sides of the images that it takes

    def __init__(self, image_shape: Sequence[int], source_shape: Sequence[int] | None = None, dim: int = 0) -> None:
        source = tuple(source_shape or image_shape)
        if source[1:] != tuple(image_shape)[1:]:
            raise ValueError(
                f"a translator keeps height and width: got source_shape={source} for image_shape={tuple(image_shape)}"
            )
        super().__init__(image_shape, Normal(dim), condition=Images(source))
        self.source_shape = source

    def dim_of(self, height: int, width: int) -> int:
        """Return the size of z for images of a height and width."""
        return self.prior.dim

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return images [N, C, H, W] of images y [N, C', H, W] and latents z [N, dim_of(H, W)]."""
        raise NotImplementedError


class Discriminator(Configurable, nn.Module):
    """A network D: x, [N, C, H, W] -> logits, [N]; of a translator [N], or [N, patches].

    Networks of this package are a map ``features`` and a linear ``head`` behind it. ``batch`` is set before every
    batch to the number of batches done, for what changes over training. A D that reads more in an image than whether
    it is real says what by ``n_classes``, or by ``categorical`` and ``uniform``; ``both`` returns it.

    Args:
        image_shape: (C, H, W) of an image, or (d,) of a point.
        num_classes: Number of classes that D is conditioned on; 0: unconditional.
    """

    pack = 1  # images that one logit judges together
    n_classes = 0  # classes that it tells apart
    categorical: tuple[int, ...] = ()  # numbers of values of the categorical codes that it guesses, as in ``Coded``
    uniform = 0  # how many uniform codes it guesses
    features: Callable[[Tensor], Tensor]  # maps x to what ``head`` sees
    head: Callable[[Tensor], Tensor]

    def __init__(self, image_shape: Sequence[int], num_classes: int = 0) -> None:
        super().__init__()
        self.image_shape = tuple(image_shape)
        self.num_classes = num_classes
        self.condition: Condition = Classes(num_classes) if num_classes else Nothing()
        self.batch = 0

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return logits [N] of images x [N, *image_shape] and labels y [N]."""
        raise NotImplementedError

    def both(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits [N], and from the same pass what else is read in images x, [N, n].

        Raises:
            ValueError: nothing else is.
        """
        raise ValueError(f"{type(self).__name__} reads nothing but a logit: wrap it as WithClassifier or WithCodes")


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
    E(z|x), of which it returns the mean when it is called. An E whose z, or mean, stays in (-1, 1) says so by
    ``bounded``. One that improves what it found says by ``steps`` how often; it needs G: ``over`` returns what encodes.

    Args:
        image_shape: (C, H, W) of an image, or (d,) of a point.
        dim: Size of z.
        posterior: "point" or "gaussian".
        num_classes: Number of classes that E is conditioned on; 0: unconditional.

    Raises:
        ValueError: there is no such posterior.
    """

    bounded = False
    steps = 0  # how often it looks at what G makes of its answer; 0: never

    def __init__(
        self, image_shape: Sequence[int], dim: int, posterior: Posterior = "point", num_classes: int = 0
    ) -> None:
        super().__init__()
        if posterior not in get_args(Posterior):
            raise ValueError(f"posterior must be one of {', '.join(get_args(Posterior))}, got {posterior!r}")
        self.image_shape = tuple(image_shape)
        self.dim, self.posterior, self.num_classes = dim, posterior, num_classes
        self.condition = Classes(num_classes) if num_classes else Nothing()

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

    def over(self, generator: Generator) -> "Encoder":
        """Return what encodes the images of a G: E itself, unless it needs G to do so."""
        return self

    def change(self, x: Tensor, seen: Tensor, y: Tensor | None = None) -> Tensor:
        """Return by how much to change z, [N, dim], where images x are looked for and G(z) are seen.

        Raises:
            ValueError: E does not compare images.
        """
        raise ValueError(f"{type(self).__name__} looks at one image: wrap it as Refiner({type(self).__name__}(..))")

    def draw(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return z [N, dim]: the point, or a draw from E(z|x) that is differentiable with respect to E."""
        return self(x, y) if self.posterior == "point" else self.distribution(x, y).draw()


def told(network: Callable[..., Tensor], inputs: Tensor, condition: Tensor | None) -> Tensor:
    """Call a network, with its condition if it has one."""
    return network(inputs) if condition is None else network(inputs, condition)


def check_images(x: Tensor, image_shape: tuple[int, ...]) -> None:
    """Check that x is a batch of images.

    Raises:
        ValueError: x has another shape, or is no floats.
    """
    if tuple(x.shape[1:]) != image_shape or not x.is_floating_point():
        expected = ", ".join(map(str, image_shape))
        raise ValueError(f"expected images [N, {expected}] of floats in [-1, 1], got {x.dtype} {list(x.shape)}")
