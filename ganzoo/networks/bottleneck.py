"""A generator behind a noisy channel."""

from collections.abc import Sequence

from torch import Tensor, nn

from ganzoo.networks.image_shape import for_images
from ganzoo.networks.layers import check_counts, init_radford
from ganzoo.priors import Gaussian, Normal
from ganzoo.roles import ChannelGenerator, Generator, Space


class Bottleneck(ChannelGenerator):
    """IB-GAN's generator: z goes through a noisy channel e(r|z), and the generator in it makes an image of r.

        r = μ(z) + σ(z) ε,    x = G(r),    z ~ N(0, I), ε ~ N(0, I)

    μ and log σ² come from z by two hidden layers of ReLU units; weights are drawn from N(0, 0.02), so that at first
    r is noise that knows nothing of z. The latent of this network is [z, ε]: a seed is an image.

    Jeon et al., "IB-GAN: Disentangled Representation Learning with Information Bottleneck Generative Adversarial
    Networks", 2021. https://arxiv.org/abs/2510.20165

    Args:
        generator: G: r -> images, unconditional, with a ``Normal`` prior of r.
        dim: Size of z.
        width: Units of a hidden layer of e.
        image_shape: Of the images; given, the generator in it is made anew for it.

    Raises:
        ValueError: G is conditional or its prior is not ``Normal``, or a size is smaller than 1.
    """

    walk_space = "r"

    def __init__(
        self, generator: Generator, dim: int = 16, width: int = 32, image_shape: Sequence[int] | None = None
    ) -> None:
        generator = for_images(generator, image_shape)
        check_counts(dim=dim, width=width)
        if not isinstance(generator.prior, Normal):
            raise ValueError(
                f"the generator in Bottleneck must have the prior Normal, got {type(generator.prior).__name__}"
            )
        if generator.num_classes:
            raise ValueError(
                f"the generator in Bottleneck must be unconditional, got one of {generator.num_classes} classes:"
                " leave its num_classes at 0"
            )
        n_r = generator.prior.dim
        super().__init__(generator.image_shape, Normal(dim + n_r))
        self.dim = dim
        self.generator = generator
        self.e = nn.Sequential(
            nn.Linear(dim, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 2 * n_r)
        )
        self.e.apply(init_radford)

    @property
    def spaces(self) -> dict[str, Space]:
        """z, here [z, ε], and behind the channel r, where only what G has learnt to use is left."""
        return {**super().spaces, "r": Space(self, "r", self.generator.prior, of=self.channel, make=self.decode)}

    def posterior(self, z: Tensor) -> Gaussian:
        """Return e(r|z) of z [N, dim]."""
        return Gaussian(*self.e(z).chunk(2, dim=1))

    def channel(self, z: Tensor) -> Tensor:
        """Return r, [N, dim of r], of latents [z, ε], [N, dim + dim of r]."""
        mean, log_variance = self.posterior(z[:, : self.dim])
        return mean + (log_variance / 2).exp() * z[:, self.dim :]

    def decode(self, r: Tensor) -> Tensor:
        """Return images [N, *image_shape] of r [N, dim of r]."""
        images: Tensor = self.generator(r)
        return images

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return images [N, *image_shape] of latents [z, ε], [N, dim + dim of r]; there are no labels y."""
        if y is not None:
            raise ValueError("this generator is unconditional: call it without labels")
        return self.decode(self.channel(z))
