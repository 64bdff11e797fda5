"""Variants that are made by their networks: spectral normalisation and self-attention."""

from ganzoo.engine.optim import Adam
from ganzoo.losses.objectives import Hinge
from ganzoo.models.gan import GAN


class SNGAN(
    GAN,
    objective=Hinge(),
    n_critic=5,
    d_optimizer=Adam(lr=2e-4, beta1=0.0, beta2=0.9),
    g_optimizer=Adam(lr=2e-4, beta1=0.0, beta2=0.9),
):
    """Spectrally normalised GAN: the hinge game with a D whose layers are 1-Lipschitz.

        L_D = E_x[max(0, 1 - D(x))] + E_z[max(0, 1 + D(G(z)))],    L_G = -E_z[D(G(z))]     (Eqs. 16, 17)
        every weight of D is W / σ(W), σ its largest singular value                          (Eq. 8)

    The normalisation is the discriminator's ``norm="spectral"``.

    Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018. https://arxiv.org/abs/1802.05957
    """


class SAGAN(
    GAN,
    objective=Hinge(),
    d_optimizer=Adam(lr=4e-4, beta1=0.0, beta2=0.9),
    g_optimizer=Adam(lr=1e-4, beta1=0.0, beta2=0.9),
):
    """Self-attention GAN: the hinge game on networks that attend, with a faster D instead of more steps of it.

        L_D = E_x[max(0, 1 - D(x))] + E_z[max(0, 1 + D(G(z)))],    L_G = -E_z[D(G(z))]     (Eq. 4)

    Attention is the networks' ``attention=4`` (on maps of a quarter of the image's side), spectral normalisation is in
    G too, ``norm="batch+spectral"``. The two learning rates (TTUR) follow Heusel et al.,
    https://arxiv.org/abs/1706.08500.

    Zhang et al., "Self-Attention Generative Adversarial Networks", 2019. https://arxiv.org/abs/1805.08318
    """
