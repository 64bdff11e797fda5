"""The GAN whose discriminator sees several images at once."""

from typing import Any

from ganzoo.losses.objectives import NonSaturating
from ganzoo.models.gan import GAN
from ganzoo.roles import Discriminator, Generator


class PacGAN(GAN, objective=NonSaturating()):
    """GAN whose D judges m images together, all real or all generated, so that a lack of variety gives G away.

        L_D = -E_{x_1..x_m}[log D(x_1, .., x_m)] - E_{z_1..z_m}[log(1 - D(G(z_1), .., G(z_m)))]
        L_G = -E_{z_1..z_m}[log D(G(z_1), .., G(z_m))]                                (section 2)

    A batch of N images makes N / m packs of independent images. Any game packs with such a D.

    Lin et al., "PacGAN: The power of two samples in generative adversarial networks", 2018.
    https://arxiv.org/abs/1712.04086

    Args:
        discriminator: ``Packed(D, pack=m)``.
    """

    def __init__(self, generator: Generator, discriminator: Discriminator, **kwargs: Any) -> None:
        super().__init__(generator, discriminator, **kwargs)
        if discriminator.pack < 2:
            raise ValueError(
                "PacGAN's discriminator must judge at least two images together: wrap it as"
                f" Packed(discriminator, pack=2), got {type(discriminator).__name__} with pack={discriminator.pack}"
            )
