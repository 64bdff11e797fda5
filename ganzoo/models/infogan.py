"""A game in which some columns of z, the codes, can be read back from the image."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ganzoo.engine.optim import Adam
from ganzoo.engine.turns import Terms
from ganzoo.losses.objectives import NonSaturating
from ganzoo.models.gan import GAN
from ganzoo.priors import Code
from ganzoo.roles import Discriminator, Generator, check_images

AT_ONCE = 256  # images that Q reads at once


class InfoGAN(GAN, objective=NonSaturating(), g_optimizer=Adam(lr=1e-3, beta1=0.5)):
    """GAN whose G keeps as much as it can of the codes c, which Q reads back from the image.

        min_{G,Q} max_D  V(D, G) - λ L_I(G, Q)
        L_I = E_{c, x = G(z, c)}[log Q(c|x)] + H(c)  <=  I(c; G(z, c))
        L_D = -E_x[log D(x)] - E_z[log(1 - D(G(z, c)))] - λ_Q L_I
        L_G = -E_z[log D(G(z, c))] - λ L_I

    z and c are the columns of the prior, ``Coded``. Q is a second network on D's features and moves with D, as in the
    released code (https://github.com/openai/InfoGAN), so that L_I shapes the features too. No real image enters L_I.

    L_I is the sum over the codes, in nats. Of a categorical code it is at most H(c) = log K: log 10 = 2.3026.
    A uniform code is scored as in the released code, with Q = N(μ(x), 1), and its H(c) is the cross-entropy to
    N(0, 1), log(2π)/2 + 1/6 = 1.0856, in place of log 2:

        L_I = 1/6 - E[(c - μ(x))²] / 2  <=  1/6,

    0 if Q knows nothing of c. It is larger by 0.3925 than the lower bound of I(c; x) that this Q gives.

    With ``info_weight`` 0 the game is a plain GAN with an auxiliary Q: G is not asked for information, Q is trained
    all the same, and -L_I is still logged as D's term ``info``.

    Chen et al., "InfoGAN: Interpretable Representation Learning by Information Maximizing Generative Adversarial
    Nets", 2016. https://arxiv.org/abs/1606.03657

    Args:
        generator: G, whose prior has codes: ``Coded``.
        discriminator: D with Q, ``WithCodes(D)``, for the codes of the prior.
        info_weight: λ.
        q_weight: λ_Q; the paper's is λ.
        d_optimizer: How D and Q step.

    Raises:
        ValueError: the prior has no codes, D does not guess them, or a weight is negative.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        info_weight: float = 1.0,
        q_weight: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator, discriminator, **kwargs)
        check_codes(generator, discriminator)
        if info_weight < 0 or q_weight < 0:
            raise ValueError(
                f"info_weight and q_weight must not be negative, got info_weight={info_weight}, q_weight={q_weight}"
            )
        self.info_weight, self.q_weight = info_weight, q_weight

    def d_loss(self, batch: Any) -> Terms:
        """L_D: ``adv`` and ``info``."""
        x, _ = batch
        z = self.prior(len(x))
        fake, numbers = self.D.both(self.G(z))
        return {"adv": self.objective.d(self.D(x), fake), "info": -self.q_weight * self.bound(z, numbers)}

    def g_loss(self, batch: Any) -> Terms:
        """L_G: ``adv`` and ``info``."""
        x, _ = batch
        z = self.prior(len(x))
        fake, numbers = self.D.both(self.G(z))
        return {"adv": self.objective.g(fake), "info": -self.info_weight * self.bound(z, numbers)}

    def bound(self, z: Tensor, numbers: Tensor) -> Tensor:
        """Return L_I of latents z [N, dim] and Q's numbers [N, n] of their images."""
        return torch.stack(list(bounds(self.G.prior.codes, z, numbers).values())).sum()

    @torch.no_grad()
    def guess(self, x: Tensor) -> Tensor:
        """Return Q's numbers of all codes, [N, n], of images x in [-1, 1], in evaluation mode.

        Raises:
            ValueError: the images have another shape than G's.
        """
        check_images(x, self.G.image_shape)
        mode = self.D.training
        self.D.eval()
        like = next(self.D.parameters())
        numbers = torch.cat([self.D.both(part.to(like))[1] for part in x.split(AT_ONCE)])
        self.D.train(mode)
        return numbers

    def information(self, n: int, seed: int = 0) -> dict[str, float]:
        """Return L_I of every code, in nats, of the images of ``n`` seeds from ``seed`` on, from G's average."""
        model = self.trained
        z = model.latents(n, seed)
        numbers = self.guess(model.decode(z))
        return {name: value.item() for name, value in bounds(self.G.prior.codes, z.to(numbers), numbers).items()}

    def values(self, n: int) -> dict[str, float]:
        """Return L_I of the images of the first ``n`` seeds, and what it can be at most, in nats."""
        most = sum(math.log(c.size) if c.kind == "categorical" else c.variance / 2 for c in self.G.prior.codes)
        return {"information": sum(self.information(n).values()), "information_max": most}

    def codes(self, x: Tensor) -> dict[str, Tensor]:
        """Return what Q reads in images x: a categorical code's most probable value, int64 [N], or a mean μ, [N]."""
        numbers, found = self.guess(x), {}
        for code in self.G.prior.codes:
            mine = numbers[:, columns(code, self.G.prior.codes)]
            found[code.name] = mine.argmax(dim=1) if code.kind == "categorical" else mine[:, 0]
        return found


def bounds(codes: Sequence[Code], z: Tensor, numbers: Tensor) -> dict[str, Tensor]:
    """Return E[log Q(c|x)] + H(c) of every code c, in nats.

    Args:
        codes: The codes of the prior.
        z: Latents [N, dim].
        numbers: What Q says of their images: the columns of all codes, without those of the noise, [N, n].
    """
    found = {}
    for code in codes:
        c, q = z[:, code.start : code.start + code.size], numbers[:, columns(code, codes)]
        if code.kind == "categorical":
            gain = (c * q.log_softmax(dim=1)).sum(dim=1) + math.log(code.size)
        else:  # N(q, 1), scored against N(0, 1)
            gain = (code.variance - (c - q).square().sum(dim=1)) / 2
        found[code.name] = gain.mean()
    return found


def columns(code: Code, codes: Sequence[Code]) -> slice:
    """Return where a code stands among Q's numbers."""
    start = code.start - codes[0].start
    return slice(start, start + code.size)


def check_codes(generator: Generator, discriminator: Discriminator) -> None:
    """Check that Q guesses the codes that G is given.

    Raises:
        ValueError: the prior has no codes, or D guesses none or others, or those of several images at once.
    """
    codes = generator.prior.codes
    if not codes:
        raise ValueError(
            "InfoGAN's generator needs a prior with codes, such as Coded(categorical=[10], uniform=2),"
            f" got {type(generator.prior).__name__}"
        )
    categorical = [code.size for code in codes if code.kind == "categorical"]
    expected = f"categorical={categorical}, uniform={len(codes) - len(categorical)}"
    if not discriminator.categorical and not discriminator.uniform:
        raise ValueError(
            f"InfoGAN's discriminator must also guess the codes: wrap it as WithCodes(discriminator, {expected}),"
            f" got {type(discriminator).__name__}"
        )
    if discriminator.pack != 1:
        raise ValueError(f"InfoGAN's discriminator guesses the codes of single images: got pack={discriminator.pack}")
    guessed = f"categorical={list(discriminator.categorical)}, uniform={discriminator.uniform}"
    if guessed != expected:
        raise ValueError(
            f"InfoGAN's discriminator guesses the codes {guessed}, its generator's prior has {expected}:"
            " give both the same"
        )
