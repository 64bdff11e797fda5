"""The game of any f-divergence."""

from typing import Any

from ganzoo.losses.divergences import FDivergence, JensenShannon
from ganzoo.models.gan import GAN
from ganzoo.roles import Discriminator, Generator


class FGAN(GAN):
    """GAN whose D estimates an f-divergence of data and generated images, which G minimises.

        L_D = -E_x[g_f(D(x))] + E_z[f*(g_f(D(G(z))))]
        L_G = -E_z[f*(g_f(D(G(z))))]                                  (Eqs. 6, 7; L_D = -F, F <= D_f)

    or, with ``generator="activation"`` of the divergence, L_G = -E_z[g_f(D(G(z)))] (section 3.2). D is the
    variational function, V in the paper: any real number. It takes an image for real where g_f(D) > f'(1), which is
    ``objective.threshold``; that is D > 0 only for some divergences.

    Nowozin et al., "f-GAN: Training Generative Neural Samplers using Variational Divergence Minimization", 2016.
    https://arxiv.org/abs/1606.00709
    Differs from the paper: its single-step method moves both players at once from the same point and the same noise;
    here D moves first and G answers, each with noise of its own.

    Args:
        objective: The divergence.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        objective: FDivergence = JensenShannon(),
        **kwargs: Any,
    ) -> None:
        super().__init__(generator, discriminator, objective=objective, **kwargs)
