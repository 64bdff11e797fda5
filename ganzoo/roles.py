"""What a game asks of the networks that play it."""

from collections.abc import Callable, Sequence
from typing import Literal, get_args

from torch import Tensor, nn

from ganzoo.config import Configurable
from ganzoo.priors import Gaussian, Prior

Posterior = Literal["point", "gaussian"]


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


class ChannelGenerator(Generator):
    """A generator whose z reaches the image through a noisy channel e(r|z): its latent is [z, ε], and r is a draw."""

    dim: int  # size of z

    def posterior(self, z: Tensor) -> Gaussian:
        """Return e(r|z) of z [N, dim]."""
        raise NotImplementedError


class Discriminator(Configurable, nn.Module):
    """A network D: x, [N, C, H, W] -> logits, [N].

    Networks of this package are a map ``features`` and a linear ``head`` behind it. ``batch`` is set before every
    batch to the number of batches done, for what changes over training. A D that reads more in an image than whether
    it is real, says so by ``n_classes``, or by ``categorical`` and ``uniform``; ``both`` returns it.

    Args:
        image_shape: (C, H, W) of an image, or (d,) of a point.
        num_classes: Number of classes that D is conditioned on; 0: unconditional.
    """

    pack = 1  # images that one logit judges together
    n_classes = 0  # classes that it tells apart
    categorical: tuple[int, ...] = ()  # codes that it guesses, as in the prior ``Coded``: their numbers of values,
    uniform = 0  # and how many uniform ones
    features: Callable[[Tensor], Tensor]  # maps x to what ``head`` sees
    head: Callable[[Tensor], Tensor]

    def __init__(self, image_shape: Sequence[int], num_classes: int = 0) -> None:
        super().__init__()
        self.image_shape = tuple(image_shape)
        self.num_classes = num_classes
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
    ``bounded``.

    Args:
        image_shape: (C, H, W) of an image, or (d,) of a point.
        dim: Size of z.
        posterior: "point" or "gaussian".
        num_classes: Number of classes that E is conditioned on; 0: unconditional.

    Raises:
        ValueError: there is no such posterior.
    """

    bounded = False

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
