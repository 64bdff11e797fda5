"""Games whose images have a class: G makes an image of a given class, D knows it or must name it."""

from typing import Any

import torch.nn.functional as F

from ganzoo.engine.optim import Adam
from ganzoo.engine.turns import Terms
from ganzoo.losses.objectives import Hinge, NonSaturating
from ganzoo.models.gan import GAN
from ganzoo.roles import Classes, Discriminator, Generator


class CGAN(GAN, objective=NonSaturating()):
    """Conditional GAN: both players are told the class y.

        L_D = -E_{x,y}[log D(x, y)] - E_{z,y}[log(1 - D(G(z, y), y))]
        L_G = -E_{z,y}[log D(G(z, y), y)]                             (Eq. 2, in the non-saturating form)

    Generated images have the classes of the batch's real ones.

    Mirza & Osindero, "Conditional Generative Adversarial Nets", 2014. https://arxiv.org/abs/1411.1784

    Args:
        generator: G: z [N, dim], y [N] -> images.
        discriminator: D: images, y [N] -> logits [N]; conditioned on as many classes as G.
    """

    conditions = (Classes,)

    def __init__(self, generator: Generator, discriminator: Discriminator, **kwargs: Any) -> None:
        super().__init__(generator, discriminator, **kwargs)
        if generator.num_classes != discriminator.num_classes:
            raise ValueError(
                f"{type(self).__name__} needs a generator and a discriminator of the same num_classes,"
                f" got {generator.num_classes} and {discriminator.num_classes}"
            )

    def d_loss(self, batch: Any) -> Terms:
        """L_D."""
        x, y = batch
        return {"adv": self.objective.d(self.D(x, y), self.D(self.G(self.prior(len(x)), y), y))}

    def g_loss(self, batch: Any) -> Terms:
        """L_G."""
        x, y = batch
        return {"adv": self.objective.g(self.D(self.G(self.prior(len(x)), y), y))}


class ProjectionGAN(
    CGAN,
    objective=Hinge(),
    n_critic=5,
    d_optimizer=Adam(lr=2e-4, beta1=0.0, beta2=0.9),
    g_optimizer=Adam(lr=2e-4, beta1=0.0, beta2=0.9),
):
    """Conditional GAN with the hinge loss, whose D meets the class in an inner product.

        D(x, y) = ψ(φ(x)) + <V_y, φ(x)>                                                             (Eq. 3)
        L_D = E[max(0, 1 - D(x, y))] + E[max(0, 1 + D(G(z, y), y))],    L_G = -E[D(G(z, y), y)]

    At the optimum of the logistic loss the logit is log p(y|x)/q(y|x) + log p(x)/q(x): one term each. The
    projection is the discriminator's ``label="projection"``, or a ``ResNetDiscriminator`` with classes.

    Miyato & Koyama, "cGANs with Projection Discriminator", 2018. https://arxiv.org/abs/1802.05637
    """


class ACGAN(GAN, objective=NonSaturating()):
    """Auxiliary-classifier GAN: D is not told the class, it must name it.

        L_S = E[log P(S = real | x)] + E[log P(S = fake | G(z, y))]                                 (Eq. 2)
        L_C = E[log P(C = y | x)] + E[log P(C = y | G(z, y))]                                       (Eq. 3)
        L_D = -(L_S + λ L_C),    L_G = -E[log P(S = real | G(z, y))] - λ E[log P(C = y | G(z, y))]

    Both terms of L_C train D, also the one of generated images.

    Odena et al., "Conditional Image Synthesis with Auxiliary Classifier GANs", 2017. https://arxiv.org/abs/1610.09585
    Differs from the paper: G's part of L_S is in the non-saturating form, as in the released code.

    Args:
        generator: G: z [N, dim], y [N] -> images.
        discriminator: D with class logits, ``WithClassifier(D, num_classes)``.
        class_weight: λ.
    """

    conditions = (Classes,)

    def __init__(
        self, generator: Generator, discriminator: Discriminator, class_weight: float = 1.0, **kwargs: Any
    ) -> None:
        super().__init__(generator, discriminator, **kwargs)
        if not discriminator.n_classes:
            raise ValueError(
                "ACGAN's discriminator must also name the class: wrap it as"
                f" WithClassifier(discriminator, num_classes=...), got {type(discriminator).__name__}"
            )
        if discriminator.n_classes != generator.num_classes:
            raise ValueError(
                f"ACGAN's discriminator names {discriminator.n_classes} classes, its generator has"
                f" num_classes={generator.num_classes}: give both the number of the data's classes"
            )
        if class_weight < 0:
            raise ValueError(f"class_weight must not be negative, got {class_weight}")
        self.class_weight = class_weight

    def d_loss(self, batch: Any) -> Terms:
        """L_D: ``adv`` and ``class``."""
        x, y = batch
        real, real_class = self.D.both(x)
        fake, fake_class = self.D.both(self.G(self.prior(len(x)), y))
        named = F.cross_entropy(real_class, y) + F.cross_entropy(fake_class, y)
        return {"adv": self.objective.d(real, fake), "class": self.class_weight * named}

    def g_loss(self, batch: Any) -> Terms:
        """L_G: ``adv`` and ``class``."""
        x, y = batch
        fake, fake_class = self.D.both(self.G(self.prior(len(x)), y))
        return {"adv": self.objective.g(fake), "class": self.class_weight * F.cross_entropy(fake_class, y)}
