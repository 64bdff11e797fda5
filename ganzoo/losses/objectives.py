"""Adversarial objectives: three scalar functions of the discriminator's logit t.

    L_D = E_x[real(D(x))] + E_z[fake(D(G(z)))],    L_G = E_z[gen(D(G(z)))]      (both are minimised)

    objective            real(t)         fake(t)         gen(t)
    -----------------    ------------    ------------    ------------
    Minimax              softplus(-t)    softplus(t)     -softplus(t)
    NonSaturating        softplus(-t)    softplus(t)     softplus(-t)
    MaximumLikelihood    softplus(-t)    softplus(t)     -exp(t)
    LeastSquares         (t - b)² / 2    (t - a)² / 2    (t - c)² / 2
    Wasserstein          -t              t               -t
    Hinge                relu(1 - t)     relu(1 + t)     -t

D returns logits, never probabilities: softplus(-t) = -log σ(t) and softplus(t) = -log(1 - σ(t)). With a target
α = ``real_label`` below 1 the first three have real(t) = α softplus(-t) + (1 - α) softplus(t). The objectives of
f-divergences are in ``ganzoo.losses.divergences``.
"""

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

from ganzoo.config import Configurable


class Objective(Configurable):
    """Three scalar functions of a logit; see the table at the top of the file."""

    def real(self, t: Tensor) -> Tensor:
        """What D minimises on real images, element by element."""
        raise NotImplementedError

    def fake(self, t: Tensor) -> Tensor:
        """What D minimises on generated images, element by element."""
        raise NotImplementedError

    def gen(self, t: Tensor) -> Tensor:
        """What G minimises, element by element."""
        raise NotImplementedError

    def d(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return L_D of the logits of real and generated images, each [N]."""
        return self.real(real).mean() + self.fake(fake).mean()

    def g(self, fake: Tensor) -> Tensor:
        """Return L_G of the logits of generated images, [N]."""
        return self.gen(fake).mean()


class Minimax(Objective):
    """G minimises what D maximises: E_z[log(1 - D(G(z)))]. It saturates where D is sure.

    A target below 1 for real images is one-sided label smoothing (Salimans et al., "Improved Techniques for Training
    GANs", 2016, section 3.4, https://arxiv.org/abs/1606.03498): the best D is then α p / (p + q). Generated images
    keep the target 0; any other would reward G for staying where p is small.

    Goodfellow et al., "Generative Adversarial Networks", 2014, Eq. 1. https://arxiv.org/abs/1406.2661

    Args:
        real_label: Target α of D on real images.

    Raises:
        ValueError: ``real_label`` outside (0, 1].
    """

    def __init__(self, real_label: float = 1.0) -> None:
        if not 0 < real_label <= 1:
            raise ValueError(f"real_label must be in (0, 1], got {real_label}: 1 is no smoothing, 0.9 is usual")
        self.real_label = real_label

    def real(self, t: Tensor) -> Tensor:
        """-α log σ(t) - (1 - α) log(1 - σ(t)), which is softplus(-t) + (1 - α) t."""
        return softplus(-t) if self.real_label == 1 else softplus(-t) + (1 - self.real_label) * t

    def fake(self, t: Tensor) -> Tensor:
        """-log(1 - σ(t))."""
        return softplus(t)

    def gen(self, t: Tensor) -> Tensor:
        """log(1 - σ(t))."""
        return -softplus(t)


class NonSaturating(Minimax):
    """G maximises E_z[log D(G(z))].

    Goodfellow et al., 2014, section 3. https://arxiv.org/abs/1406.2661

    Args:
        real_label: Target α of D on real images.
    """

    def gen(self, t: Tensor) -> Tensor:
        """-log σ(t)."""
        return softplus(-t)


class MaximumLikelihood(Minimax):
    """G minimises KL(p || q), as maximum likelihood does: -E_z[exp(σ⁻¹(D(G(z))))].

    Only the gradient is that of the divergence, and only at the best D. The value is -E_q[p / q] = -1 there, whatever
    G does: never monitor it.

    Goodfellow, "NIPS 2016 Tutorial: Generative Adversarial Networks", section 3.2.4. https://arxiv.org/abs/1701.00160

    Args:
        real_label: Target α of D on real images.
    """

    def gen(self, t: Tensor) -> Tensor:
        """-exp(t) = -D / (1 - D); beyond t = 60 along its tangent."""
        return -torch.exp(tame(t, limit=60.0))


class LeastSquares(Objective):
    """Squared distance of the logit to a target; (0, 1, 1) is the 0-1 coding, (-1, 1, 0) Pearson's χ².

    Mao et al., "Least Squares Generative Adversarial Networks", 2017, Eq. 2. https://arxiv.org/abs/1611.04076

    Args:
        a: Target of D on generated images.
        b: Target of D on real images.
        c: What G wants D to say.
    """

    def __init__(self, a: float = 0.0, b: float = 1.0, c: float = 1.0) -> None:
        self.a, self.b, self.c = a, b, c

    def real(self, t: Tensor) -> Tensor:
        """(t - b)² / 2."""
        return (t - self.b).square() / 2

    def fake(self, t: Tensor) -> Tensor:
        """(t - a)² / 2."""
        return (t - self.a).square() / 2

    def gen(self, t: Tensor) -> Tensor:
        """(t - c)² / 2."""
        return (t - self.c).square() / 2


class Wasserstein(Objective):
    """The difference of the critic's means; only meaningful if the critic is Lipschitz.

    Arjovsky et al., "Wasserstein GAN", 2017, Eq. 3 (negated). https://arxiv.org/abs/1701.07875
    """

    def real(self, t: Tensor) -> Tensor:
        """-t."""
        return -t

    def fake(self, t: Tensor) -> Tensor:
        """+t."""
        return t

    def gen(self, t: Tensor) -> Tensor:
        """-t."""
        return -t


class Hinge(Objective):
    """D stops caring once it is right by a margin of 1.

    Lim & Ye, "Geometric GAN", 2017. https://arxiv.org/abs/1705.02894
    Miyato et al., "Spectral Normalization for GANs", 2018, Eqs. 16, 17. https://arxiv.org/abs/1802.05957
    """

    def real(self, t: Tensor) -> Tensor:
        """max(0, 1 - t)."""
        return relu(1 - t)

    def fake(self, t: Tensor) -> Tensor:
        """max(0, 1 + t)."""
        return relu(1 + t)

    def gen(self, t: Tensor) -> Tensor:
        """-t."""
        return -t


def tame(x: Tensor, limit: float = 20.0) -> Tensor:
    """Return x up to ``limit`` and limit + log(1 + x - limit) beyond, so that exp of it goes on along its tangent."""
    return torch.where(x > limit, limit + torch.log1p(relu(x - limit)), x)
